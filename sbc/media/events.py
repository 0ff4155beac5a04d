"""Telephone events (RFC 4733) in the name of a peer that says its keys in INFO: the other one must be able to press and
to hear them, whatever that peer's description has."""

from __future__ import annotations

from typing import Final

_EVENTS: Final = b"telephone-event"
_DYNAMIC: Final = (101, *range(96, 101), *range(102, 128))


def with_events(sdp: bytes, offer: bytes = b"") -> bytes:
    """The description with telephone events in each audio stream that lacks them; of an answer to `offer`, where that
    has them and by its number."""
    if _EVENTS in sdp or (offer and _EVENTS not in offer):
        return sdp
    wished = _number(offer)
    lines: list[bytes] = []
    tail: list[bytes] = []
    for line in sdp.split(b"\n"):
        if line.startswith(b"m="):
            lines += tail
            tail = []
            words = line.split()
            if line.startswith(b"m=audio ") and len(words) > 3 and words[1] != b"0" and b"RTP/" in words[2].upper():
                used = {int(one) for one in words[3:] if one.isdigit()}
                number = wished or next((one for one in _DYNAMIC if one not in used), 0)
                if number and number not in used:
                    line = line.rstrip() + b" %d\r" % number
                    tail = [b"a=rtpmap:%d telephone-event/8000\r" % number, b"a=fmtp:%d 0-15\r" % number]
        lines.append(line)
    if lines and not lines[-1]:
        return b"\n".join([*lines[:-1], *tail, b""])
    return b"\n".join([*lines, *tail])


def _number(sdp: bytes) -> int:
    """The payload type of an offer's events, 0 for none."""
    for line in sdp.split(b"\n"):
        if line.startswith(b"a=rtpmap:") and _EVENTS in line:
            number = line[9:].split(b" ")[0]
            return int(number) if number.isdigit() and len(number) < 4 else 0
    return 0
