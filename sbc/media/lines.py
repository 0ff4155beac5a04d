"""Lines of a description as engines insist on them (RFC 8866 section 5): their order, and what they name."""

from __future__ import annotations

from typing import Final

from sbc.octets import holds


def orderly(sdp: bytes) -> bytes:
    """The same with each `c=` in front of the attributes of its section: behind them 10.5.3 overlooks it, and refuses.

    Products that write it there mean no harm.
    """
    at = sdp.find(b"\nc=")
    while at >= 0:
        before = sdp.rfind(b"\n", 0, at)
        if sdp[before + 1 : before + 3] == b"a=":
            return _sorted(sdp)
        at = sdp.find(b"\nc=", at + 1)
    return sdp


def _sorted(sdp: bytes) -> bytes:
    lines: list[bytes] = []
    head = 0
    """Where the attributes of the section begin, among `lines`."""
    for line in sdp.split(b"\n"):
        if line.startswith(b"m="):
            head = 0
        if line.startswith(b"a=") and not head:
            head = len(lines)
        if line.startswith(b"c=") and head:
            lines.insert(head, line)
            head += 1
        else:
            lines.append(line)
    return b"\n".join(lines)


HOST_NAME: Final = "a host name where media need an address"
MULTICAST: Final = "media for a group and not for a host"
_PLACE: Final = b"c=IN IP"
_RTCP: Final = b"a=rtcp:"


def objection_to_places(sdp: bytes) -> str:
    """Why where a description wants media cannot be served; empty where it can.

    RFC 8866 section 5.7 allows a name in the place of an address. It may mean something else to whom it is shown than
    to whom has written it, or nothing, and engines take none; so it crosses in no mode. Nor do groups: whoever names
    one would have our media sent to many.
    """
    at = sdp.find(_PLACE)
    while at >= 0:
        end = sdp.find(b"\n", at)
        host = (sdp[at:] if end < 0 else sdp[at:end])[9:].strip().partition(b"/")[0]
        if holds(host, b":"):
            if host[:2].lower() == b"ff":
                return MULTICAST
        elif host.translate(None, b"0123456789."):
            return HOST_NAME
        elif len(host) > 8 and host[:4] in _GROUPS:
            return MULTICAST
        at = sdp.find(_PLACE, at + 1)
    return ""


_GROUPS: Final[frozenset[bytes]] = frozenset(b"%d." % first for first in range(224, 240))


def placed(sdp: bytes) -> bytes:
    """The same with the port alone where `a=rtcp` (RFC 3605) has a host name: 10.5.3 would pass it on."""
    if not holds(sdp, _RTCP):
        return sdp
    lines = sdp.split(b"\n")
    for at, line in enumerate(lines):
        if line.startswith(_RTCP):
            words = line.split()
            if len(words) > 3 and b":" not in words[3] and words[3].translate(None, b"0123456789."):
                lines[at] = words[0] + b"\r"
    return b"\n".join(lines)


_KINDS: Final = (b"\nm=audio ", b"\nm=video ", b"\nm=image ")


def shares_place(said: bytes, made: bytes) -> bool:
    """Whether a stream that an engine wrote is where the peer that described it takes media: the two sides would speak
    to each other, past the engine."""
    at = made.find(b"\nm=")
    while at >= 0:
        end = made.find(b" ", made.find(b" ", at) + 1)
        head = made[at : end + 1]  # the kind and the port
        if head.startswith(_KINDS) and holds(said, head) and not head.endswith(b" 0 ") and _hosts(said) & _hosts(made):
            return True
        at = made.find(b"\nm=", at + 1)
    return False


def _hosts(sdp: bytes) -> set[bytes]:
    return {line.strip() for line in sdp.split(b"\n") if line.startswith(b"c=") and not holds(line, b" 0.0.0.0")}
