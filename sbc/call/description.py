"""Session descriptions of peers, as two legs that are being joined need them: offered anew, and compared."""

from __future__ import annotations

from typing import Final

_HELD: Final = (b"a=sendonly", b"a=recvonly", b"a=inactive")
_PLACE: Final = (b"c=", b"a=crypto:", b"a=fingerprint:", b"a=ice-ufrag:", b"a=candidate:", *_HELD)
"""What says where and how media goes, beside the m-lines."""


def resumed(sdp: bytes) -> bytes:
    """What a peer last said, without holds: who leaves has held it, so that the other one is offered to talk."""
    return b"\r\n".join([line for line in _lines(sdp) if line not in _HELD])


def silent(offer: bytes) -> bytes:
    """An answer that takes all of a plain offer's streams and formats, and neither sends nor hears anything yet."""
    lines: list[bytes] = []
    for line in _lines(offer):
        if line[:2] == b"c=":
            line = b"c=IN IP6 ::" if line.startswith(b"c=IN IP6") else b"c=IN IP4 0.0.0.0"
        elif line == b"a=sendrecv" or line in _HELD:
            continue
        if line[:2] == b"m=" and any(one[:2] == b"m=" for one in lines):
            lines.append(b"a=inactive")
        if line:
            lines.append(line)
    return b"\r\n".join([*lines, b"a=inactive", b""])


def fits(before: bytes, after: bytes, said: bytes) -> bool:
    """Whether a peer that was shown `before` and has said `said` need not be told that the other side is `after`.

    So where media goes to the same places in the same directions, and the other side takes every format that the peer
    may send.
    """
    if _places(before) != _places(after):
        return False
    taken, sent = _formats(after), _formats(said)
    return len(taken) == len(sent) and all(set(few) <= set(many) for few, many in zip(sent, taken, strict=True))


def _places(sdp: bytes) -> list[bytes]:
    return [
        b" ".join(line.split(b" ")[:3]) if line[:2] == b"m=" else line
        for line in _lines(sdp)
        if line[:2] == b"m=" or line.startswith(_PLACE)
    ]


def _formats(sdp: bytes) -> list[list[bytes]]:
    return [line.split(b" ")[3:] for line in _lines(sdp) if line[:2] == b"m="]


def _lines(sdp: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in sdp.split(b"\n")]
