"""A media engine that has outlived its node: found again by the next one, so that nobody's audio stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Final

LONELY: Final = 60
"""Seconds that an engine waits for another node after the last command."""
_FILE: Final = "media-engine"


def note(state: Path, pid: int, port: int) -> None:
    """Say where the engine is, for the node that may come after us."""
    path = state / _FILE
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{pid} {port}\n", encoding="ascii")
    fresh.replace(path)


def forget(state: Path) -> None:
    """There is none any more."""
    (state / _FILE).unlink(missing_ok=True)


def noted(state: Path) -> tuple[int, int]:
    """Process id and port of the engine last noted, zeros where there is none; it may be dead or somebody else now."""
    try:
        pid, _, port = (state / _FILE).read_text(encoding="ascii").partition(" ")
        return int(pid), int(port)
    except (OSError, ValueError):
        return 0, 0


class Survivor:
    """A process that is no child of ours, watched by a descriptor: its number cannot come to mean another one."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid: Final = pid
        self._descriptor: Final = descriptor
        self._ended: Final = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._end)

    @staticmethod
    def find(pid: int, command: list[str]) -> Survivor | None:
        """The process, if it lives and runs exactly this command, by whatever interpreter: an upgrade may change it."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            arguments = []
        if arguments[1:] != [os.fsencode(argument) for argument in command[1:]]:
            os.close(descriptor)
            return None
        return Survivor(pid, descriptor)

    @property
    def is_alive(self) -> bool:
        """True until it ends."""
        return not self._ended.is_set()

    async def wait(self) -> None:
        """Until it has ended."""
        await self._ended.wait()

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end, or make it."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self._ended.set()
        os.close(self._descriptor)
