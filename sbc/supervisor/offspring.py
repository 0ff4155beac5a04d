"""The supervisor's side of a birth: processes of ours that asyncio has not started, and the nursery that forks them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sbc.kernel import adopting_orphans
from sbc.supervisor.births import answered, ask
from sbc.telemetry import Logger

BREATH: Final = 3.0
"""Seconds after the end of a nursery in which others have the processors: the next one takes one to load everything."""
_PATIENCE: Final = 60.0
"""Seconds in which a nursery answers, one that is still loading too."""
_UNKNOWN: Final = 255
"""The exit status of a process that somebody else has waited for."""


class Child:
    """A process, watched by a descriptor: its number cannot come to mean another one."""

    def __init__(self, pid: int) -> None:
        """Raises OSError where it is not there."""
        self.pid: Final = pid
        self.returncode: int | None = None
        """Its exit status, or the signal that killed it as a negative number; None while it lives."""
        self._descriptor: Final = os.pidfd_open(pid)
        self._ended: Final = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._end)

    async def wait(self) -> int:
        """Until it has ended: its exit status."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """If it lives."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """If it lives."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, os.WNOHANG)[1])
        except ChildProcessError:
            self.returncode = _UNKNOWN
        self._ended.set()


class Worker(Child):
    """One that we speak with, a line a word."""

    def __init__(self, pid: int, stdin: asyncio.WriteTransport, said: asyncio.StreamReader) -> None:
        super().__init__(pid)
        self.said: Final = said
        """What it says; ends when it does."""
        self._stdin: Final = stdin

    @staticmethod
    async def open(pid: int, stdin: int, stdout: int) -> Worker:
        """A process with our ends of its pipes, which are ours no more. Raises OSError where it is not there."""
        loop = asyncio.get_running_loop()
        said = asyncio.StreamReader()
        reading = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), os.fdopen(stdout, "rb", 0))
        writing = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(stdin, "wb", 0))
        try:
            return Worker(pid, writing[0], said)
        except OSError:
            reading[0].close()
            writing[0].close()
            raise

    @property
    def unread(self) -> int:
        """Bytes that wait for it."""
        return self._stdin.get_write_buffer_size()

    def say(self, word: str) -> None:
        """A line to it; nothing where it has ended."""
        if not self._stdin.is_closing():
            self._stdin.write(f"{word}\n".encode())

    def _end(self) -> None:
        super()._end()
        self._stdin.close()


class Nursery:
    """Has one process that has loaded everything, and has it fork workers. `command` is what starts another one."""

    def __init__(self, command: Sequence[str], logger: Logger, first: tuple[int, socket.socket] | None = None) -> None:
        """`first` is one that is there already: its process id, and our end of what we speak by."""
        self._command: Final = command
        self._logger: Final = logger
        self._first = first
        self._birth: Final = asyncio.Lock()
        self._child: Child | None = None
        self._control: socket.socket | None = None
        self._is_closed = False

    async def bear(self, orders: Mapping[str, Any], given: Sequence[int]) -> Worker:
        """A process of these orders that has these descriptors. Raises OSError."""
        async with self._birth:
            with contextlib.suppress(OSError):  # it may have been killed: nothing is lost with it
                return await self._bear(orders, given)
            return await self._bear(orders, given)

    async def keep(self) -> None:
        """Have one at any time, until cancelled."""
        while True:
            async with self._birth:
                child, _ = self._open()
            status = await child.wait()
            if self._is_closed:
                return
            self._logger.error("the nursery of the workers died; another is made", status=status)
            await asyncio.sleep(BREATH)

    async def close(self) -> None:
        """End it; workers live on."""
        self._is_closed = True
        if self._first is not None:
            self._first[1].close()  # nobody was ever asked for: it ends by itself, and we with it
        child = self._child
        self._let_go()
        if child is not None:
            child.kill()
            await child.wait()

    async def _bear(self, orders: Mapping[str, Any], given: Sequence[int]) -> Worker:
        _, control = self._open()
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        try:
            with adopting_orphans():
                ask(control, orders, stdin, stdout, given)
                async with asyncio.timeout(_PATIENCE):
                    pid = answered(await asyncio.get_running_loop().sock_recv(control, 64))
        except BaseException:
            self._let_go()  # an answer that comes late would be taken for the next one
            os.close(our_stdin)
            os.close(our_stdout)
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
        return await Worker.open(pid, our_stdin, our_stdout)

    def _open(self) -> tuple[Child, socket.socket]:
        if self._child is None or self._control is None or self._child.returncode is not None:
            self._let_go()
            pid, control = self._first or self._start()
            self._first = None
            control.setblocking(False)
            self._child, self._control = Child(pid), control
        return self._child, self._control

    def _let_go(self) -> None:
        """It ends when nobody speaks with it."""
        if self._control is not None:
            self._control.close()
        self._child = self._control = None

    def _start(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
            command = [sys.executable, *self._command]
            return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setpgroup=0), ours
