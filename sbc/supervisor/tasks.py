"""The node's background tasks: owned by one group, and guarded so that a bug in one does not end the node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final

from sbc.telemetry import Telemetry


class Tasks:
    """Starts tasks in `group`. One that raises is counted and logged, no more; cancelling the group ends all."""

    def __init__(self, group: asyncio.TaskGroup, telemetry: Telemetry) -> None:
        self._group: Final = group
        self._telemetry: Final = telemetry

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start it now."""
        return self._group.create_task(self._guard(work, name), name=name)

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception as error:
            self._telemetry.failure(name, error, time.monotonic())


def guard_callbacks(loop: asyncio.AbstractEventLoop, telemetry: Telemetry) -> None:
    """Count and log what the loop's own callbacks raise, in the place of asyncio's handler."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        doing = str(context.get("message", "event loop"))
        if not isinstance(error, BaseException):
            error = RuntimeError(doing)
        telemetry.failure(doing, error, time.monotonic())

    loop.set_exception_handler(handle)
