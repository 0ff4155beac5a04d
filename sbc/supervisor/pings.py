"""Media engines are asked every few seconds whether they live: one that is found silent gets no new calls."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client

EVERY: Final = 5.0
"""Seconds between two pings of an engine."""


class Hearer(Protocol):
    """Whom the outcome goes to: the worker."""

    def media_health(self, engine: int, is_alive: bool) -> None:
        """A media engine answered a ping, or did not."""


async def watch_engines(clients: list[Client], hearer: Hearer, *, every: float = EVERY) -> None:
    """Ping all of them side by side, for ever."""
    while True:
        await asyncio.sleep(every)
        outcomes = await asyncio.gather(*(_is_alive(client) for client in clients))
        for engine, is_alive in enumerate(outcomes):
            hearer.media_health(engine, is_alive)


async def _is_alive(client: Client) -> bool:
    try:
        reply = await client.request(rtpengine.Ping())
    except rtpengine.Unreachable:
        return False
    return reply.result is rtpengine.Result.PONG
