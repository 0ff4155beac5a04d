"""Our side of ICE, as a lite agent (RFC 8445 section 2.6): it answers checks and never makes any.

A peer that speaks full ICE checks our one address, and nominates the path it wants. Whoever cannot sign a check with
the password from our SDP gets no answer at all, so a stranger learns nothing, and nobody's traffic is multiplied.
"""

from __future__ import annotations

import secrets
import string
import struct
from typing import Final

from aioice import stun

from rtpengine.embedded.addresses import Endpoint

_LETTERS: Final = string.ascii_letters + string.digits
_HOST: Final = 126
"""Type preference of a host candidate (RFC 8445 section 5.1.2.2)."""


class Check:
    """An authentic check: what to answer, and what the peer wants of the path it came on."""

    __slots__ = ("is_nomination", "priority", "reply")

    def __init__(self, reply: bytes, priority: int, *, is_nomination: bool) -> None:
        self.reply: Final = reply
        self.priority: Final = priority
        self.is_nomination: Final = is_nomination


class IceAgent:
    """The credentials of one party's m-line."""

    __slots__ = ("foundation", "is_trickling", "password", "remote_password", "remote_ufrag", "ufrag")

    def __init__(self) -> None:
        self.foundation: Final = _random(16)
        self.remote_ufrag = ""
        """The peer's; empty until it has spoken."""
        self.remote_password = ""
        self.is_trickling = False
        self.ufrag = _random(8)
        self.password = _random(26)

    def hear(self, ufrag: str, password: str, *, is_offer: bool) -> bool:
        """The peer's credentials; True where it starts ICE anew, which an offer does by changing them (section 9)."""
        has_changed = bool(self.remote_ufrag) and (ufrag, password) != (self.remote_ufrag, self.remote_password)
        self.remote_ufrag, self.remote_password = ufrag, password
        if has_changed and is_offer:
            self.ufrag, self.password = _random(8), _random(26)
        return has_changed

    def attributes(self, host: str, ports: tuple[int, ...]) -> tuple[str, ...]:
        """Credentials and a host candidate for each component, without `a=`."""
        lines = [f"ice-ufrag:{self.ufrag}", f"ice-pwd:{self.password}"]
        if self.is_trickling:
            lines.append("ice-options:trickle")
        for component, port in enumerate(ports, 1):
            priority = (_HOST << 24) + (65535 << 8) + 256 - component
            lines.append(f"candidate:{self.foundation} {component} UDP {priority} {host} {port} typ host")
        if self.is_trickling:
            lines.append("end-of-candidates")
        return tuple(lines)

    def check(self, data: bytes, source: Endpoint) -> Check | None:
        """A STUN datagram from `source`; None where it is no authentic check (RFC 8445 section 7.3)."""
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            return None
        if message.message_method is not stun.Method.BINDING or message.message_class is not stun.Class.REQUEST:
            return None
        local, _, remote = str(message.attributes.get("USERNAME", "")).partition(":")
        if local != self.ufrag or (self.remote_ufrag and remote != self.remote_ufrag):
            return None
        key = self.password.encode()
        if not message.check_message_integrity(key):
            return None
        reply = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=message.transaction_id,
            attributes={"XOR-MAPPED-ADDRESS": (source[0], source[1])},
        )
        reply.add_message_integrity(key)
        priority = message.attributes.get("PRIORITY", 0)
        return Check(bytes(reply), int(priority), is_nomination="USE-CANDIDATE" in message.attributes)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
