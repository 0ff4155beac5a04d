"""The Privacy header (RFC 3323 section 4.2): words joined by semicolons."""

from __future__ import annotations

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import is_token


def parse_privacy(text: str) -> tuple[str, ...]:
    """The values in lower case, in order; raises ParseError. Commas count as semicolons, since peers send both."""
    words = [word.strip() for word in text.replace(",", ";").split(";")]
    for word in words:
        if not is_token(word):
            raise ParseError(Fault.PARAMETER, f"malformed Privacy {text[:60]!r}")
    return tuple([word.lower() for word in words])


def format_privacy(words: tuple[str, ...]) -> str:
    """`id;critical`."""
    return ";".join(words)
