"""The media of a node of several workers, as their supervisor has them: the embedded engine, which is a child of its
own, and what engines of either kind tell unasked.

Only one supervisor watches the engine and listens: the one that goes lets go of both before the next one takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sbc.admin import Json
from sbc.config import Config
from sbc.supervisor.embedded import EmbeddedEngine, is_wanted, port_of_survivor
from sbc.supervisor.notices import Crier, Notices, Reader
from sbc.supervisor.tasks import Tasks
from sbc.supervisor.words import MEDIA_BACK, MEDIA_LOST
from sbc.telemetry import Logger


class Anchorage:
    """`config` is the configuration as it is now; `say` reaches every process that has calls."""

    def __init__(self, config: Callable[[], Config], say: Callable[[str], None], logger: Logger) -> None:
        self._config: Final = config
        self._say: Final = say
        self._logger: Final = logger
        self._embedded: EmbeddedEngine | None = None
        self._had_media = True
        self._watching: asyncio.Task[None] | None = None
        self._tasks: Tasks | None = None
        self._notices = Notices()

    async def start(self, tasks: Tasks) -> None:
        """Find the embedded engine or start it, and keep it alive, where there is to be one. Raises EmbeddedError."""
        if not is_wanted(self._config()):
            return
        self._tasks = tasks
        self._embedded = EmbeddedEngine(self._config(), self._logger, self._lose, self._regain)
        await self._embedded.start()
        self._had_media = self._embedded.is_survivor
        self._watch()

    def _watch(self) -> None:
        if self._embedded is not None:
            assert self._tasks is not None
            self._watching = self._tasks.create_task(self._embedded.watch(), name="media engine")

    async def hear(self, workers: Reader) -> None:
        """Pass on to the workers what engines tell unasked. Raises OSError."""
        crier = Crier(workers)
        self._notices = Notices()
        await self._notices.open(self._config().media, crier, crier)

    def told(self) -> tuple[int, bool]:
        """For a worker's orders: the embedded engine's port, 0 where there is none, and whether it is a new one, which
        knows no session of calls that there were before.
        """
        if self._embedded is None and is_wanted(self._config()):
            return port_of_survivor(self._config()), False  # the former supervisor's, still
        return self._embedded.port if self._embedded is not None else 0, not self._had_media

    def settle(self) -> None:
        """The first workers are there and know what became of the engine: for those that come after, it is no news."""
        self._had_media = True

    def readdress(self, config: Config) -> None:
        """Addresses have come or gone."""
        if self._embedded is not None:
            self._embedded.readdress(config)

    def status(self) -> Json:
        """For `sbc status`."""
        return {"embedded": self._embedded.status()} if self._embedded is not None else {}

    def release(self) -> None:
        """Another supervisor watches and listens from now on."""
        if self._watching is not None:
            self._watching.cancel()
        self.fall_silent()

    async def reclaim(self, workers: Reader) -> None:
        """Do both again. Raises OSError."""
        self._watch()
        await self.hear(workers)

    def fall_silent(self) -> None:
        """Nothing more of what engines tell is passed on."""
        self._notices.close()

    async def stop(self) -> None:
        """End the engine, where it is embedded."""
        if self._embedded is not None:
            await self._embedded.stop()

    def _lose(self) -> None:
        self._say(MEDIA_LOST)

    def _regain(self) -> None:
        self._say(MEDIA_BACK)
