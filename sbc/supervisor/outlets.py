"""Where a worker's outputs go: sockets, media engines, the resolver."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client
from sbc.lookup import Resolver
from sbc.outputs import HandOver, Inquiry, Lookup, MediaCommand
from sbc.records import Located
from sbc.supervisor.locator import Locator
from sbc.supervisor.tasks import Tasks
from sbc.wire import Flow

LOOKUP_TIMEOUT: Final = 5.0
LOOKUPS: Final = 256
"""Names looked up at once; beyond, there is no answer, at once: a resolver that hangs must not pile up work."""
NOTHING: Final = Located((), 2.0, is_certain=False)


class Sender(Protocol):
    """The transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one message."""


class Crew(Protocol):
    """The way to the other workers."""

    def hand_over(self, output: HandOver) -> bool:
        """Give a message, and perhaps its call, to another worker; False where it cannot be given."""

    def inquire(self, output: Inquiry) -> None:
        """Ask another worker."""


class Answers(Protocol):
    """Whom the answers go to: the worker."""

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None) -> None:
        """A media engine's reply, None where there was none."""

    def lookup_answer(self, lookup_id: int, located: Located) -> None:
        """Where a name leads."""


class NodeOutlets:
    """Sends, asks and resolves without ever waiting; answers come back to the worker as inputs of their own."""

    def __init__(
        self,
        sender: Sender,
        answers: Answers,
        clients: list[Client],
        tasks: Tasks,
        resolver: Resolver | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.unreachable = 0
        self.commands = 0
        self.lookups = 0
        self.send: Final = sender.send
        """To the transports, without a step between."""
        self._crew: Final = crew
        self._answers: Final = answers
        self._clients: Final = clients
        self._tasks: Final = tasks
        self._resolving = 0
        self._locator: Final = Locator(resolver)

    @property
    def repeats(self) -> int:
        """Commands that were sent once more for want of a reply."""
        return sum(client.statistics().repeats for client in self._clients)

    def hand_over(self, output: HandOver) -> bool:
        """To the worker that mints with its slot, on a node that has several."""
        return self._crew is not None and self._crew.hand_over(output)

    def inquire(self, output: Inquiry) -> None:
        """To the worker that mints with its slot."""
        if self._crew is not None:
            self._crew.inquire(output)

    def ask(self, command: MediaCommand) -> None:
        """To the client of the engine that the command names."""
        self.commands += 1
        if not 0 <= command.engine < len(self._clients):
            asyncio.get_running_loop().call_soon(self._answers.media_reply, command.id, None)
            return
        future = self._clients[command.engine].submit(command.command)
        future.add_done_callback(lambda done: self._answered(command.id, done))

    async def query(self, engine: int, command: rtpengine.Query) -> rtpengine.Reply | None:
        """Ask an engine on an operator's account; None where it says nothing."""
        if not 0 <= engine < len(self._clients):
            return None
        try:
            return await self._clients[engine].request(command)
        except rtpengine.Unreachable:
            return None

    def resolve(self, lookup: Lookup) -> None:
        """To the name servers; names that only this machine knows, to the system's resolver in a thread."""
        self.lookups += 1
        if self._resolving >= LOOKUPS:
            asyncio.get_running_loop().call_soon(self._answers.lookup_answer, lookup.id, NOTHING)
            return
        self._resolving += 1
        self._tasks.create_task(self._resolve(lookup), name=f"resolve {lookup.sought.name[:80]}")

    def _answered(self, command_id: int, done: asyncio.Future[rtpengine.Reply]) -> None:
        if done.cancelled():
            return
        try:
            reply = done.result()
        except rtpengine.Unreachable:
            self.unreachable += 1
            self._answers.media_reply(command_id, None)
        else:
            self._answers.media_reply(command_id, reply)

    async def _resolve(self, lookup: Lookup) -> None:
        located = NOTHING
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                located = await self._locator.locate(lookup.sought)
        except TimeoutError:
            pass
        finally:
            self._resolving -= 1
        self._answers.lookup_answer(lookup.id, located)
