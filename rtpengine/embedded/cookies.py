"""Replies already given, by cookie: a repeated request gets the same bytes and is not worked off again."""

from __future__ import annotations

from typing import Final

GENERATION: Final = 30.0
"""Seconds. A reply lives for one to two of these while there is traffic; an idle engine keeps its last ones, as the
real one does."""
MAX_OCTETS: Final = 64 * 1024 * 1024
"""A generation ends early when its replies take more than this."""


class CookieCache:
    """Two generations of replies, swapped when a message arrives and the younger one is old enough."""

    __slots__ = ("_octets", "_older", "_since", "_younger")

    def __init__(self, now: float) -> None:
        self._younger: dict[bytes, bytes] = {}
        self._older: dict[bytes, bytes] = {}
        self._octets = 0
        self._since = now

    def find(self, cookie: bytes, now: float) -> bytes | None:
        """The reply given under `cookie`, whatever the request says now."""
        if now - self._since >= GENERATION or self._octets > MAX_OCTETS:
            self._older, self._younger = self._younger, {}
            self._octets = 0
            self._since = now
        return self._younger.get(cookie) or self._older.get(cookie)

    def add(self, cookie: bytes, reply: bytes) -> None:
        """Keep a reply."""
        self._younger[cookie] = reply
        self._octets += len(cookie) + len(reply)

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)
