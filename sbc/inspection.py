"""The audit of what leaves: finished bytes are looked at for tokens of the other side (design 3a)."""

from __future__ import annotations

from collections import deque
from typing import Final

from sbc.build import has_tag
from sbc.call import Exit, Leg
from sbc.config import Realm
from sbc.outputs import Leaked, Output
from sbc.sip import Message, Request, Response, format_message
from sbc.snapshot import Snapshot
from sbc.topology import PLACES, Finding, Learned, all_units, clean
from sbc.wire import Flow, Now

RECORDED_BYTES: Final = 16_000_000
"""Bytes kept at most for `sbc trace`, however few messages that is."""
_REPEATED: Final[dict[str, tuple[str, ...]]] = {
    "From": ("From",),
    "To": ("To",),
    "Unsupported": ("Require", "Proxy-Require"),
}
"""What a response says again of its request, and in which field of it that stood."""


class Inspection(Exit):
    """The half of the one exit that formats messages, looks at the bytes and remembers them; `Egress` sends them.

    `outputs` is what the input under way brings about: findings are reported there.
    """

    def __init__(self, snapshot: Snapshot, now: Now, recorded: int) -> None:
        self.snapshot = snapshot
        self.now = now
        self.outputs: list[Output] = []
        self.recorder: Final[deque[tuple[float, str, str, Flow, bytes]]] = deque(maxlen=recorded)
        self._recorded = 0

    def record(self, call: str, direction: str, flow: Flow, data: bytes) -> None:
        """Keep a message for `sbc trace`."""
        recorder = self.recorder
        self._recorded += len(data)
        if len(recorder) == recorder.maxlen:
            self._recorded -= len(recorder.popleft()[4])
        recorder.append((self.now.wall, call, direction, flow, data))
        while self._recorded > RECORDED_BYTES:
            self._recorded -= len(recorder.popleft()[4])

    def _finish(
        self, message: Request | Response, realm: Realm, leg: Leg | None, asked: Request | None = None
    ) -> bytes:
        """Format and audit; empty bytes where the message must not leave.

        Without a leg, what the peer said in the request that is answered (`asked`) may go back to it.
        """
        wire = format_message(message)
        mode = self.snapshot.config.audit.mode
        if mode == "off":
            return wire
        own = leg.learned if leg is not None else None
        findings = self._look(message, wire, realm, leg, own)
        if findings and own is None and asked is not None:
            own = self.learned()
            own.learn_message(asked)
            findings = self._look(message, wire, realm, leg, own)
        if findings:
            findings = [one for one in findings if not _is_known(one, message, leg, asked)]
        if not findings:
            return wire
        return self._contain(message, wire, findings, realm, leg)

    def learned(self) -> Learned:
        """An empty memory of what a leg has shown."""
        return Learned(self.snapshot.audit.shared)

    def _look(self, message: Message, wire: bytes, realm: Realm, leg: Leg | None, own: Learned | None) -> list[Finding]:
        if leg is None:
            return self.snapshot.audit.check(wire, realm.name, None, own)
        other = leg.other
        foreign = other.learned if other is not None else None
        # A bypassed call discloses what its descriptions say, and no other body.
        disclosed = leg.call.mode == "bypass" and message.body != b"" and message.content_type == "application/sdp"
        found = self.snapshot.audit.check(wire, realm.name, foreign, own, disclosed=disclosed)
        return [one for one in found if one.place not in PLACES or not self._is_digest_meant(one, realm)]

    def _is_digest_meant(self, finding: Finding, realm: Realm) -> bool:
        """A digest realm that the operator names is shown on purpose; toward the trusted side, what a user dialled."""
        if realm.trusted and not finding.place.endswith("Authenticate"):
            return True
        return finding.token in self.snapshot.auth_realms

    def _contain(
        self,
        message: Request | Response,
        wire: bytes,
        findings: list[Finding],
        realm: Realm,
        leg: Leg | None,
    ) -> bytes:
        """What the audit does (design 3a): toward the trusted side, what a peer chose is only reported."""
        mode = self.snapshot.config.audit.mode
        call = leg.call.id if leg is not None else ""
        own = leg.learned if leg is not None else None
        grave = [finding for finding in findings if not (realm.trusted and finding.peer_chosen)]
        if mode == "report" or not grave:
            self._leaked(findings, realm, "reported", call)
            return wire
        if mode == "strip":
            cleaned = clean(message, grave)
            if cleaned is not None:
                again = format_message(cleaned)
                left = self._look(cleaned, again, realm, leg, own)
                if not [one for one in left if not (realm.trusted and one.peer_chosen)]:
                    self._leaked(grave, realm, "stripped", call)
                    return again
        self._leaked(grave, realm, "blocked", call)
        return b""

    def _leaked(self, findings: list[Finding], realm: Realm, action: str, call: str) -> None:
        for finding in findings:
            token = finding.token.decode("utf-8", "replace")
            self.outputs.append(Leaked(realm.name, token, finding.place, action, call))


def _is_known(finding: Finding, message: Message, leg: Leg | None, asked: Request | None) -> bool:
    """True for what its receiver has said itself, or was shown before, where a message has to repeat it.

    In a response that is the request's (RFC 3261 section 8.2.6.2), within a dialog what stands in From and To (section
    12.2.1.1) and the id of a subscriber's Event (RFC 6665 section 4.2.1). Withheld, a stranger who calls as `10.0.0.5`
    would learn whose address that is.
    """
    said = ""
    if asked is not None:
        said = " ".join([value for name in _REPEATED.get(finding.place, ()) for value in asked.get_all(name)])
    elif leg is not None and has_tag(message.get("To") or ""):
        subscription = leg.call.subscription
        if finding.place in ("From", "To"):
            said = f"{leg.local_uri} {leg.remote_uri}"
        elif finding.place == "Event" and subscription is not None and leg is leg.call.caller_leg:
            said = subscription.event
    return said != "" and finding.token in all_units(said.encode("utf-8", "surrogateescape"))
