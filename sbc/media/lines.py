"""The order of lines in a description, as engines insist on it (RFC 8866 section 5)."""

from __future__ import annotations


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
