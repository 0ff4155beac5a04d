"""`a=crypto` lines (RFC 4568, RFC 7714 section 14): what is understood, and what is written.

A line is usable only where all of it can be honoured. Refused, as if the line were not there: suites without encryption
or with F8, more than one key, an MKI, session parameters that weaken or change the cryptography, and a lifetime short
enough for a call to reach it, since nobody here counts packets toward one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

_INLINE: Final = "inline:"
_ENDLESS: Final = 31
"""Lifetimes from 2^31 packets on: more than a year of anything; RFC 3711 section 9.2 ends SRTCP there anyway."""
_HARMLESS: Final = ("WSH=", "-")
"""RFC 4568 section 6.3: the window hint may be ignored, and what begins with a dash too."""


class Suite:
    """One crypto suite: its name, and how long master key and salt are together."""

    __slots__ = ("key_length", "name")

    def __init__(self, name: str, key_length: int) -> None:
        self.name: Final = name
        self.key_length: Final = key_length


SUITES: Final[dict[str, Suite]] = {
    name: Suite(name, length)
    for name, length in (
        ("AEAD_AES_256_GCM", 44),
        ("AEAD_AES_128_GCM", 28),
        ("AES_CM_128_HMAC_SHA1_80", 30),
        ("AES_CM_128_HMAC_SHA1_32", 30),
    )
}
"""In the order in which they are offered: the real daemon's."""


class CryptoLine:
    """A usable line. The key is a secret: it is in no repr, no log and no reply but the SDP of its own leg."""

    __slots__ = ("key", "suite", "tag")

    def __init__(self, tag: int, suite: Suite, key: bytes) -> None:
        self.tag: Final = tag
        self.suite: Final = suite
        self.key: Final = key

    def __str__(self) -> str:
        """The attribute's value."""
        key = base64.b64encode(self.key).decode().rstrip("=")
        return f"{self.tag} {self.suite.name} {_INLINE}{key}"


def parse_crypto(value: str) -> CryptoLine | None:
    """`<tag> <suite> inline:<key and salt>[|2^<lifetime>] [<session parameter> …]`; None for an unusable line."""
    tag, *rest = [word for word in value.split(" ") if word] or [""]
    if len(rest) < 2 or not (tag.isascii() and tag.isdigit() and len(tag) <= 9):
        return None
    suite = SUITES.get(rest[0])
    if suite is None or not all(word.startswith(_HARMLESS) for word in rest[2:]):
        return None
    if not rest[1].startswith(_INLINE) or ";" in rest[1]:
        return None
    text, *more = rest[1].removeprefix(_INLINE).split("|")
    if len(more) > 1 or (more and not _is_endless(more[0])):
        return None
    try:
        key = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return CryptoLine(int(tag), suite, key) if len(key) == suite.key_length else None


def _is_endless(lifetime: str) -> bool:
    """A lifetime that no call reaches; what has a colon is an MKI."""
    power = lifetime.removeprefix("2^")
    if not (power.isascii() and power.isdigit() and len(power) <= 15):
        return False
    return int(power) >= _ENDLESS if power != lifetime else int(power) >= 2**_ENDLESS
