"""The embedded engine as a child process: start it, learn its address, end it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from typing import Final

from rtpengine.embedded.command import parse_listen
from rtpengine.errors import Unreachable

START: Final = 10.0
"""Seconds a child has to say that it is ready."""
END: Final = 5.0
"""Seconds a child has to stop before it is killed."""


class EngineProcess:
    """A running child. It ends by `stop`, or by itself when this process does."""

    def __init__(self, process: asyncio.subprocess.Process, host: str, port: int) -> None:
        self._process: Final = process
        self.host: Final = host
        self.port: Final = port

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def wait_end(self) -> int:
        """Wait until the child has ended, by whatever cause; its exit status."""
        return await self._process.wait()

    async def stop(self) -> int:
        """Close its standard input, which ends it; kill it where that does not help."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END):
                return await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()


async def start_process(
    interfaces: Sequence[str], ports: tuple[int, int], *, listen: str = "127.0.0.1:0", options: Sequence[str] = ()
) -> EngineProcess:
    """Start `python -m rtpengine`; `interfaces` and `options` as on its command line.

    Raises `Unreachable` where it does not get ready; its complaint goes to our standard error.
    """
    arguments = ["--listen", listen, "--ports", f"{ports[0]}-{ports[1]}", *options]
    for interface in interfaces:
        arguments += ["--interface", interface]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rtpengine",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    line = b""
    if process.stdout is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START):
                line = await process.stdout.readline()
    word, _, address = line.decode("ascii", "replace").strip().partition(" ")
    if word != "ready":
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise Unreachable("the embedded media engine did not start")
    host, port = parse_listen(address)
    return EngineProcess(process, host, port)
