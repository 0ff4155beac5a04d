"""The order of lines in a description, as engines insist on it (RFC 8866 section 5)."""

from __future__ import annotations

from typing import Final


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


_KINDS: Final = (b"\nm=audio ", b"\nm=video ", b"\nm=image ")


def shares_place(said: bytes, made: bytes) -> bool:
    """Whether a stream that an engine wrote is where the peer that described it takes media: the two sides would speak
    to each other, past the engine."""
    at = made.find(b"\nm=")
    while at >= 0:
        end = made.find(b" ", made.find(b" ", at) + 1)
        head = made[at : end + 1]  # the kind and the port
        if head.startswith(_KINDS) and head in said and not head.endswith(b" 0 ") and _hosts(said) & _hosts(made):
            return True
        at = made.find(b"\nm=", at + 1)
    return False


def _hosts(sdp: bytes) -> set[bytes]:
    return {line.strip() for line in sdp.split(b"\n") if line.startswith(b"c=") and b" 0.0.0.0" not in line}
