"""A binary upgrade as the supervisor sees it that goes: it starts the next one, yields, and watches it relieve all.

| state | what happens | state after |
| --- | --- | --- |
| idle | an operator asks; the new code loads, reads the configuration and says its version | starting |
| starting | the next supervisor inherits all descriptors and starts its workers, which stand behind ours | yielding |
| yielding | the journal, the control socket and the media engine are its own | yielded |
| yielded | it says which of our workers makes room when; each ends | over: so do we |
| starting, yielding | it fails, ends or is silent | idle: nothing has changed |
| yielded | it dies | idle: what has left is started anew, the rest stays; calls are in the journal |
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Protocol

import sbc
from sbc.admin import Json
from sbc.supervisor.bequest import Bequest
from sbc.supervisor.channel import Channel, ChannelEnded
from sbc.supervisor.crew import Hand
from sbc.supervisor.notify import notify
from sbc.supervisor.tasks import Tasks
from sbc.supervisor.words import LEFT, LEFT_BEHIND, MEDIA_BACK, MEDIA_LOST, STAY
from sbc.telemetry import Logger

REHEARSAL: Final = 60.0
"""Seconds for the new code to load and read the configuration."""
READY: Final = 120.0
"""Seconds for all its workers to be there."""
TAKEN: Final = 30.0
"""Seconds for it to open the journal and the control socket."""
_LAST_WORDS: Final = 300
"""Characters of what a process that failed said last."""
SETTLE: Final = 0.3
"""Seconds in which the workers of a supervisor that died notice."""


class UpgradeFailed(Exception):
    """The running version goes on; the text says why."""


class State(Enum):
    """Where it is."""

    IDLE = "idle"
    STARTING = "starting"
    YIELDING = "yielding"
    YIELDED = "yielded"


class House(Protocol):
    """What is yielded."""

    @property
    def hands(self) -> list[Hand]:
        """Our workers."""

    @property
    def descriptors(self) -> list[int]:
        """Everything that is inherited by number."""

    def bequest(self, seconds: float) -> Bequest:
        """What the next supervisor is told of it."""

    async def release(self) -> None:
        """Let go of the journal, the control socket and the media engine."""

    async def reclaim(self) -> None:
        """Have them again."""

    def end(self) -> None:
        """There is nothing left to do."""


class Upgrade:
    """At most one at a time. `command` runs a node as ours was run, by the Python of now."""

    def __init__(self, house: House, command: Sequence[str], logger: Logger, tasks: Tasks) -> None:
        self.state = State.IDLE
        self.successor = 0
        """Its process id, once it has taken over."""
        self._house: Final = house
        self._command: Final = command
        self._logger: Final = logger
        self._tasks: Final = tasks
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._left: set[int] = set()
        self._ended: set[int] = set()
        self._verdict = asyncio.Event()
        """What becomes of those that have ended is known."""

    async def run(self, seconds: float) -> tuple[int, Json]:
        """Until the next one has taken over: an HTTP status and what to say."""
        if self.state is not State.IDLE:
            return 409, {"error": "an upgrade is under way: see `workers` in `sbc status`"}
        if os.getpid() == 1:
            return 409, {"error": "the node is process 1: its end would be the container's; start another container"}
        self.state = State.STARTING
        self._logger.info("upgrade begins", version=sbc.__version__, command=" ".join(self._command))
        try:
            version = await self._rehearse()
            channel = await self._start(seconds)
            self._logger.info("the next version is ready", version=version, pid=self.successor)
            await self._yield(channel, seconds)
        except UpgradeFailed as error:
            await self._abandon()
            self._logger.error("not upgraded: the running version goes on", reason=str(error))
            return 500, {"error": f"not upgraded, the running version goes on: {error}"}
        self._logger.info("handed over", version=version, pid=self.successor)
        notify(f"MAINPID={self.successor}")
        return 200, {
            "done": "handed over",
            "pid": self.successor,
            "former": os.getpid(),
            "version": version,
            "former_version": sbc.__version__,
            "deadline": seconds,
        }

    async def _rehearse(self) -> str:
        """Whether the new code loads and takes the configuration, where its words can be heard: its version."""
        process = await asyncio.create_subprocess_exec(
            *self._command, "--rehearse", stdin=DEVNULL, stdout=PIPE, stderr=PIPE, process_group=0
        )
        try:
            async with asyncio.timeout(REHEARSAL):
                said, complaint = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise UpgradeFailed(f"the new version has not loaded after {REHEARSAL:g} s") from None
        try:
            return str(json.loads(said)["version"])
        except (ValueError, KeyError, TypeError):
            words = complaint.decode("utf-8", "backslashreplace").strip()[-_LAST_WORDS:]
            raise UpgradeFailed(f"the new version does not start (exit status {process.returncode}): {words}") from None

    async def _start(self, seconds: float) -> Channel:
        ours, theirs = socket.socketpair()
        try:
            descriptors = [*self._house.descriptors, theirs.fileno()]
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                "--successor",
                str(theirs.fileno()),
                stdin=DEVNULL,
                pass_fds=descriptors,
                process_group=0,
            )
        except OSError as error:
            ours.close()
            raise UpgradeFailed(f"it cannot be started: {error.strerror}") from None
        finally:
            theirs.close()
        self.successor = self._process.pid
        self._channel = channel = await Channel.open(ours)
        channel.say("bequest", **self._house.bequest(seconds).told())
        await self._await("ready", READY, "its workers are not there")
        return channel

    async def _yield(self, channel: Channel, seconds: float) -> None:
        self.state = State.YIELDING
        await self._house.release()
        channel.say("yours", seconds=seconds)
        await self._await("taken", TAKEN, "it has not taken over")
        self.state = State.YIELDED
        self._left, self._ended, self._verdict = set(), set(), asyncio.Event()
        for hand in self._house.hands:
            hand.heir = self
        channel.say("go")
        self._tasks.create_task(self._attend(channel), name="upgrade")

    async def _await(self, what: str, seconds: float, otherwise: str) -> dict[str, Any]:
        assert self._channel is not None
        try:
            async with asyncio.timeout(seconds):
                said = await self._channel.hear()
        except TimeoutError:
            raise UpgradeFailed(f"{otherwise} after {seconds:g} s") from None
        except ChannelEnded:
            raise UpgradeFailed("it ended before it had taken over; the log says why") from None
        if said["what"] != what:
            raise UpgradeFailed(str(said.get("why", said["what"])))
        return said

    async def _abandon(self) -> None:
        """Nothing has changed, or is to have changed."""
        await self._end_process()
        if self.state is State.YIELDING:
            await asyncio.sleep(SETTLE)
            await self._house.reclaim()
        self.state, self.successor = State.IDLE, 0

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    # While our workers make room

    async def _attend(self, channel: Channel) -> None:
        """Do what the next one says, until it ends or nothing of us is left."""
        while True:
            try:
                said = await channel.hear()
            except ChannelEnded:
                break
            if said["what"] == "tell":
                self._house.hands[int(said["worker"])].say(str(said["word"]))
            elif said["what"] in (MEDIA_LOST, MEDIA_BACK):
                for hand in self._house.hands:
                    hand.say(str(said["what"]))
            elif said["what"] == "bye":
                self._house.end()
                return
        if len(self._ended) < len(self._house.hands):
            await self._take_back()

    async def said(self, worker: int, word: str) -> None:
        """One of ours has made room."""
        if word in (LEFT, LEFT_BEHIND):
            self._left.add(worker)
        if self._channel is not None:
            self._channel.say("said", worker=worker, word=word)

    async def ended(self, worker: int) -> bool:
        """One of ours is gone; waits until it is known whether it is to be replaced."""
        self._ended.add(worker)
        if self._channel is not None:
            self._channel.say("ended", worker=worker)
        if len(self._ended) == len(self._house.hands):
            self._logger.info("relieved by the next version", pid=self.successor)
            self._house.end()
        await self._verdict.wait()
        return False

    async def _take_back(self) -> None:
        """The next one has died half way."""
        self._logger.error("the next version has died: the former one takes back what it had", pid=self.successor)
        await self._end_process()
        await asyncio.sleep(SETTLE)
        await self._house.reclaim()
        notify(f"MAINPID={os.getpid()}")
        for hand in self._house.hands:
            hand.heir = None
            if hand.number in self._left - self._ended and hand.process is not None and hand.pid:
                hand.process.kill()  # what it has left are connections; its sockets are read by nobody
            elif hand.number not in self._ended:
                hand.say(STAY)
        self._verdict.set()
        self.state, self.successor = State.IDLE, 0
