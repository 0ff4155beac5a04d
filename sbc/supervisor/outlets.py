"""Where a worker's outputs go: sockets, media engines, the resolver."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client
from sbc.lookup import Resolver, Unanswered, is_local
from sbc.outputs import Lookup, MediaCommand
from sbc.records import Record
from sbc.routing import mixed
from sbc.supervisor.tasks import Tasks
from sbc.wire import Flow

LOOKUP_TIMEOUT: Final = 5.0
LOOKUPS: Final = 256
"""Names looked up at once; beyond, the answer is `none` at once: a resolver that hangs must not pile up work."""


class Sender(Protocol):
    """The transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one message."""


class Answers(Protocol):
    """Whom the answers go to: the worker."""

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None) -> None:
        """A media engine's reply, None where there was none."""

    def lookup_answer(self, lookup_id: int, addresses: tuple[str, ...]) -> None:
        """A name's addresses."""


class NodeOutlets:
    """Sends, asks and resolves without ever waiting; answers come back to the worker as inputs of their own."""

    def __init__(
        self, sender: Sender, answers: Answers, clients: list[Client], tasks: Tasks, resolver: Resolver | None = None
    ) -> None:
        self.unreachable = 0
        self.commands = 0
        self.lookups = 0
        self._sender: Final = sender
        self._answers: Final = answers
        self._clients: Final = clients
        self._tasks: Final = tasks
        self._resolving = 0
        self._resolver: Final = resolver

    @property
    def repeats(self) -> int:
        """Commands that were sent once more for want of a reply."""
        return sum(client.statistics().repeats for client in self._clients)

    def send(self, data: bytes, flow: Flow) -> None:
        """To the transports."""
        self._sender.send(data, flow)

    def ask(self, command: MediaCommand) -> None:
        """To the client of the engine that the command names."""
        self.commands += 1
        if not 0 <= command.engine < len(self._clients):
            asyncio.get_running_loop().call_soon(self._answers.media_reply, command.id, None)
            return
        future = self._clients[command.engine].submit(command.command)
        future.add_done_callback(lambda done: self._answered(command.id, done))

    def resolve(self, lookup: Lookup) -> None:
        """To the name servers; names that only this machine knows, to the system's resolver in a thread."""
        self.lookups += 1
        if self._resolving >= LOOKUPS:
            asyncio.get_running_loop().call_soon(self._answers.lookup_answer, lookup.id, ())
            return
        self._resolving += 1
        self._tasks.create_task(self._resolve(lookup), name=f"resolve {lookup.name[:80]}")

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
        addresses: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                addresses = await self._addresses(lookup.name)
        except (OSError, UnicodeError, TimeoutError):  # no such name, a name no resolver takes, or silence
            pass
        finally:
            self._resolving -= 1
        self._answers.lookup_answer(lookup.id, addresses)

    async def _addresses(self, name: str) -> tuple[str, ...]:
        """Both families. Where no name server answers the system is asked too: it may know another way."""
        if self._resolver is not None and not is_local(name):
            try:
                found = await asyncio.gather(self._resolver.find(name, "AAAA"), self._resolver.find(name, "A"))
            except Unanswered:
                pass
            else:
                return tuple(mixed(_texts(found[0]), _texts(found[1])))
        entries = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        return tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in entries))


def _texts(records: tuple[Record, ...]) -> list[str]:
    return [record for record in records if isinstance(record, str)]
