"""The life of a node around what it serves: background tasks in one group, the journal closed last, memory at rest."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Protocol

from sbc.supervisor.tasks import Tasks
from sbc.telemetry import Telemetry


class Closable(Protocol):
    """The journal."""

    def close(self) -> None:
        """Write what there is; waits for the disk."""


class _Ended(Exception):
    """The node's life is over: ends its task group."""


async def live(serve: Callable[[Tasks], Awaitable[None]], telemetry: Telemetry, store: Closable) -> None:
    """Run `serve` to its end and everything it has started with it; raises what it raised."""
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            try:
                await serve(Tasks(group, telemetry))
            except Exception as error:
                failure = error
            raise _Ended  # cancels what still runs in the background
    except* _Ended:
        pass
    finally:
        telemetry.close()
        await asyncio.get_running_loop().run_in_executor(None, store.close)
    if failure is not None:
        raise failure


def settle_memory(*, is_clean: bool = False) -> None:
    """What is loaded now stays: keep the collector from walking it, and let it run less often than for a script.

    Calls must not be there yet: an ended call is a cycle, and of what is frozen no cycle is found. `is_clean`: this was
    done a moment ago, and what has come since is not worth half a second of a busy machine.
    """
    if not is_clean:
        gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 500)
