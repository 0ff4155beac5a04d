"""Fragments of SIP messages (RFC 3420), of which only the status line is taken and only a status line is written.

RFC 3515 section 2.4.5: a NOTIFY of REFER says with it how the new call is doing. What else a peer puts there (Via,
Contact, Warning) describes the inside of its network.
"""

from __future__ import annotations

from typing import Final

from sbc.sip.reason import reason_phrase

SIPFRAG_TYPE: Final = "message/sipfrag"
"""The media type without parameters, as `Message.content_type` gives it."""
SIPFRAG_CONTENT_TYPE: Final = "message/sipfrag;version=2.0"
"""What a message of ours says of its fragment."""
_VERSION: Final = b"SIP/2.0 "


def fragment_status(body: bytes) -> int:
    """The status that a fragment tells (100 to 699), 0 where it begins with no status line. Never raises."""
    line = body.lstrip(b"\r\n")[:12]
    if not line.upper().startswith(_VERSION) or len(line) < 11:
        return 0
    digits, behind = line[8:11], line[11:12]
    if not digits.isdigit() or behind not in (b"", b" ", b"\r", b"\n"):
        return 0
    status = int(digits)
    return status if 100 <= status <= 699 else 0


def status_fragment(status: int) -> bytes:
    """A fragment that holds a status line with our own phrase, and nothing else."""
    return f"SIP/2.0 {status} {reason_phrase(status)}\r\n".encode()
