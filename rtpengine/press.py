"""A party of a running call, and the key that it appears to press.

Releases from 12.4 on count a tag only beside the flag `directional`, which 10.5.3 merely logs; so it is always sent
with one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rtpengine.bencode import Value


@dataclass(frozen=True, slots=True)
class Selector:
    """One party of a call, by one of three marks, or all of them; nothing given is the whole call."""

    from_tag: str = ""
    label: str = ""
    """As set in the party's offer or answer: the mark that means the same to every release."""
    address: str = ""
    """The party's media address."""
    everybody: bool = False

    def fill(self, request: dict[str, Value]) -> None:
        """Add the keys to `request`."""
        flags: list[Value] = []
        for key, text in (("from-tag", self.from_tag), ("label", self.label), ("address", self.address)):
            if text:
                request[key] = text
        if self.from_tag:
            flags.append("directional")
        if self.everybody:
            flags.append("all")
        if flags:
            request["flags"] = flags


@dataclass(frozen=True, slots=True)
class PlayDtmf:
    """Let a party appear to press a key (RFC 4733). Needs the flag `inject-DTMF` in offer and answer, and media that
    flow."""

    name: ClassVar[str] = "play DTMF"

    call_id: str
    who: Selector
    """Who appears to press."""
    code: str
    """One of `0` to `9`, `*`, `#`, `A` to `D`."""
    duration: int = 250
    """Milliseconds, 100 to 5000."""
    pause: int = 100
    """Milliseconds of silence behind it."""
    volume: int = 8
    """Minus decibels, 0 to 63."""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request: dict[str, Value] = {"command": self.name, "call-id": self.call_id}
        self.who.fill(request)
        request |= {"code": self.code, "duration": self.duration, "pause": self.pause, "volume": self.volume}
        return request
