"""A child must not outlive its parent: stdin at its end, the parent gone, or a signal, and the process stops.

One that is to be found again by the next parent (`--lonely`) stops once nobody has commanded it for a while.
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Callable
from typing import Final

_EVERY: Final = 1.0


def watch_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The end of stdin stops, where it is a pipe or a socket; so does another parent than the one we began with."""
    fd = sys.stdin.fileno() if sys.stdin is not None and not sys.stdin.closed else -1
    if fd >= 0:
        mode = os.fstat(fd).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            loop.add_reader(fd, _read, loop, fd, stop)
    loop.call_later(_EVERY, _check, loop, os.getppid(), stop)


def watch_commands(
    loop: asyncio.AbstractEventLoop, stop: asyncio.Event, heard_at: Callable[[], float], seconds: float
) -> None:
    """So many seconds without a command stop: whoever gave them is gone, and nobody has come in its place."""
    if loop.time() - heard_at() > seconds:
        stop.set()
        return
    loop.call_later(_EVERY, watch_commands, loop, stop, heard_at, seconds)


def _read(loop: asyncio.AbstractEventLoop, fd: int, stop: asyncio.Event) -> None:
    """Whatever comes is thrown away; the end is what we wait for."""
    try:
        data = os.read(fd, 4096)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        loop.remove_reader(fd)
        stop.set()


def _check(loop: asyncio.AbstractEventLoop, parent: int, stop: asyncio.Event) -> None:
    if os.getppid() != parent:
        stop.set()
        return
    loop.call_later(_EVERY, _check, loop, parent, stop)
