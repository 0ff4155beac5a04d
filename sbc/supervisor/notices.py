"""What media engines tell unasked, keys and timeouts, heard for one worker, or for all of a node's.

A session's name does not say for good who has its call, since calls move between workers; so each of them is told, and
who has no such session does not care.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Protocol

from sbc.config import Media
from sbc.supervisor.keys import Hearer as KeyHearer
from sbc.supervisor.keys import open_keys
from sbc.supervisor.sweeps import TimeoutHearer, open_timeouts


class Notices:
    """The sockets that engines tell by, as long as the node lives."""

    def __init__(self) -> None:
        self._timeouts: asyncio.Server | None = None
        self._keys: asyncio.DatagramTransport | None = None

    async def open(self, media: Media, timeouts: TimeoutHearer, keys: KeyHearer) -> None:
        """Listen where the configuration says. Raises OSError."""
        if media.timeouts is not None:
            self._timeouts = await open_timeouts(*media.timeouts, timeouts)
        if media.keys is not None:
            self._keys = await open_keys(*media.keys, keys)

    def close(self) -> None:
        """Listen no more."""
        if self._keys is not None:
            self._keys.close()
        if self._timeouts is not None:
            self._timeouts.close()


class Reader(Protocol):
    """All workers, as their supervisor sees them."""

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """A line to each process."""


class Crier:
    """Tells all workers, each by a line on its standard input."""

    def __init__(self, hands: Reader) -> None:
        self._hands: Final = hands

    def media_timed_out(self, session: str) -> None:
        """A media engine has given up a session."""
        self._cry("media_timed_out", session)

    def key_heard(self, session: str, tag: str, key: str, duration: int) -> None:
        """A party of a media session has pressed a key for so many milliseconds."""
        self._cry("key_heard", session, tag, key, duration)

    def _cry(self, *words: str | int) -> None:
        self._hands.say(json.dumps(words), may_be_lost=True)


class Told(Protocol):
    """Whom a worker process tells what its supervisor says: its worker."""

    def media_timed_out(self, session: str) -> None:
        """A media engine has given up a session."""

    def key_heard(self, session: str, tag: str, key: str, duration: int) -> None:
        """A party of a media session has pressed a key for so many milliseconds."""


def tell(line: str, told: Told) -> None:
    """A line of a `Crier`, at its other end; anything else is nothing."""
    try:
        words: Any = json.loads(line)
    except (ValueError, RecursionError):
        return
    match words:
        case ["media_timed_out", str(session)]:
            told.media_timed_out(session)
        case ["key_heard", str(session), str(tag), str(key), int(duration)]:
            told.key_heard(session, tag, key, duration)


class Lines:
    """What comes by a pipe, as lines; one that has no end is given up."""

    LONGEST: Final = 8192

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[str]:
        """The lines that are whole by now."""
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= self.LONGEST else b""
        return [line.decode("utf-8", "replace") for line in whole if len(line) <= self.LONGEST]
