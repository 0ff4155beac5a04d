"""Codecs by payload type, and what an offer's `codec` wishes do to the list: taking away and putting in order.

Adding codecs, and hiding some that stay in use, would need transcoding, which this engine has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rtpengine.embedded.wishes import Request, words

STATIC: Final[dict[str, str]] = {
    "0": "PCMU/8000",
    "3": "GSM/8000",
    "4": "G723/8000",
    "8": "PCMA/8000",
    "9": "G722/8000",
    "13": "CN/8000",
    "15": "G728/8000",
    "18": "G729/8000",
}
"""RFC 3551 section 6: those that need no `rtpmap`."""
EVENTS: Final = "telephone-event"


def codec_names(formats: Iterable[str], attributes: Iterable[str]) -> dict[str, str]:
    """Payload type to `NAME/RATE[/CHANNELS]`, from an m-line's formats and its attribute lines."""
    listed = list(formats)
    names = {item: STATIC[item] for item in listed if item in STATIC}
    for line in attributes:
        if line.startswith("a=rtpmap:"):
            item, _, name = line[9:].partition(" ")
            if item in listed and name:
                names[item] = name.strip(" ")
    return names


def event_types(names: dict[str, str]) -> frozenset[int]:
    """Payload types of RFC 4733 events; what is no payload type at all (more than seven bits) is left out."""
    return frozenset(
        int(item)
        for item, name in names.items()
        if name.lower().startswith(EVENTS) and item.isdecimal() and len(item) <= 3 and int(item) < 128
    )


def clock_rate(formats: list[str], names: dict[str, str]) -> int:
    """Timestamp units a second of the first codec that is listed; 8000 where it does not say."""
    for item in formats:
        rate = names.get(item, "").split("/")[1:2]
        if rate and rate[0].isdecimal() and 1000 <= int(rate[0]) <= 200_000:
            return int(rate[0])
    return 8000


class CodecWishes:
    """The key `codec`, and its words among the flags (`codec-strip-PCMU`)."""

    __slots__ = ("keep", "offer", "strip")

    def __init__(self, request: Request) -> None:
        flags = words(request, "flags")
        codec = request.get("codec")
        listed = codec if isinstance(codec, dict) else {}
        self.strip: Final = _names(listed, "strip", flags)
        self.offer: Final = _names(listed, "offer", flags)
        """In the order wished."""
        self.keep: Final = _names(listed, "except", flags)

    def apply(self, formats: list[str], names: dict[str, str]) -> list[str]:
        """The formats for the receiver; all of them where none would be left."""
        if not self.strip and not self.offer:
            return formats
        strips_all = "all" in self.strip or "full" in self.strip
        kept = [
            item
            for item in formats
            if _matches(names.get(item, item), self.keep + self.offer)
            or not (strips_all or _matches(names.get(item, item), self.strip))
        ]
        if self.offer:
            places = {item: _place(names.get(item, item), self.offer) for item in kept}
            kept.sort(key=places.__getitem__)
        return kept or formats


def _names(listed: Request, key: str, flags: list[str]) -> tuple[str, ...]:
    prefix = f"codec-{key}-"
    found = [*words(listed, key), *(flag.removeprefix(prefix) for flag in flags if flag.startswith(prefix))]
    return tuple(name.lower() for name in found)


def _matches(name: str, wished: tuple[str, ...]) -> bool:
    full = name.lower()
    return full in wished or full.partition("/")[0] in wished


def _place(name: str, order: tuple[str, ...]) -> int:
    """Behind all that are named where it is not."""
    full = name.lower()
    return next((at for at, wish in enumerate(order) if wish in (full, full.partition("/")[0])), len(order))
