"""Media engines are asked every few seconds whether they live: one that is found silent gets no new calls, one that
stays so is lost, and its calls go elsewhere."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client

EVERY: Final = 2.0
"""Seconds between two pings of an engine that answers."""
HASTY: Final = 0.5
"""The same for one that does not."""
LOOK: Final = 0.2
"""Seconds between two looks whether a ping was refused."""
REFUSED: Final = 1.0
"""Seconds after which an engine is lost whose host says that its port is closed: no word can come from there."""


class Hearer(Protocol):
    """Whom the outcome goes to: the worker."""

    def media_health(self, engine: int, is_alive: bool) -> None:
        """A media engine answered a ping, or did not."""

    def media_lost(self, engine: int, silent: float) -> None:
        """A media engine has answered nothing for so long that it counts as gone; `silent` seconds in all."""


class Watch:
    """One engine: when it is asked next, and what its silence means. Times in seconds on one clock."""

    def __init__(self, lost_after: float, now: float) -> None:
        self._lost_after: Final = lost_after
        self._heard = now
        self._doubted: float | None = None
        self._is_lost = False

    @property
    def pause(self) -> float:
        """Seconds until it is asked again."""
        return EVERY if self._doubted is None else HASTY

    def answered(self, now: float) -> None:
        """It lives."""
        self._heard = now
        self._doubted = None
        self._is_lost = False

    def unanswered(self, asked: float, now: float, *, is_refused: bool = False) -> float:
        """It did not answer what it was `asked`: the seconds since it was last heard where it is lost now, else 0."""
        if self._doubted is None:
            self._doubted = asked
        patience = min(self._lost_after, REFUSED) if is_refused else self._lost_after
        if self._is_lost or now - self._doubted < patience:
            return 0.0
        self._is_lost = True
        return now - self._heard


async def watch_engines(clients: list[Client], hearer: Hearer, lost_after: float) -> None:
    """Ping all of them side by side, for ever."""
    async with asyncio.TaskGroup() as group:
        for engine, client in enumerate(clients):
            group.create_task(_watch(engine, client, hearer, lost_after))


async def _watch(engine: int, client: Client, hearer: Hearer, lost_after: float) -> None:
    clock = asyncio.get_running_loop().time
    watch = Watch(lost_after, clock())
    while True:
        await asyncio.sleep(watch.pause)
        asked = clock()
        if await _is_alive(client, asked):
            watch.answered(clock())
            hearer.media_health(engine, True)
        elif silent := watch.unanswered(asked, clock(), is_refused=client.refused_at >= asked):
            hearer.media_lost(engine, silent)
        else:
            hearer.media_health(engine, False)


async def _is_alive(client: Client, asked: float) -> bool:
    """Whether a ping is answered; where its host refuses it nothing is waited for."""
    answer = client.submit(rtpengine.Ping())
    while not answer.done():
        await asyncio.wait([answer], timeout=LOOK)
        if client.refused_at >= asked and not answer.done():
            answer.cancel()
            return False
    try:
        return answer.result().result is rtpengine.Result.PONG
    except rtpengine.Unreachable:
        return False
