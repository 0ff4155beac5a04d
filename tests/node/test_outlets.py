"""Outlets: media commands and lookups go out without waiting, and each has exactly one answer."""

from __future__ import annotations

import asyncio
import socket

import pytest

import rtpengine
from sbc.lookup import Answer, Resolver, Unanswered
from sbc.outputs import Lookup, MediaCommand
from sbc.records import Located, Sought
from sbc.supervisor.outlets import LOOKUPS, NodeOutlets
from sbc.supervisor.tasks import Tasks
from sbc.telemetry import Telemetry
from sbc.wire import Flow
from tests.node.fakes import FLOW, FakeLogger

REPLY = rtpengine.Reply({"result": b"ok"})


class Sender:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Flow]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append((data, flow))


class Answers:
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None) -> None:
        self.heard.append(("media", command_id, reply))

    def lookup_answer(self, lookup_id: int, located: Located) -> None:
        self.heard.append(("lookup", lookup_id, located.addresses, located.is_certain))


class Client:
    """A media engine's client that answers as told."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[rtpengine.Reply]] = []

    def submit(self, command: rtpengine.Command) -> asyncio.Future[rtpengine.Reply]:
        future: asyncio.Future[rtpengine.Reply] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        return future


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_reply_and_silence_both_come_back_under_the_commands_number() -> None:
    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            answers, client = Answers(), Client()
            tasks = Tasks(group, Telemetry(FakeLogger()))
            outlets = NodeOutlets(Sender(), answers, [client], tasks)  # type: ignore[list-item]
            outlets.ask(MediaCommand(1, rtpengine.Ping(), 0))
            outlets.ask(MediaCommand(2, rtpengine.Ping(), 0))
            outlets.ask(MediaCommand(3, rtpengine.Ping(), 7))  # no such engine
            assert answers.heard == []
            client.futures[1].set_exception(rtpengine.Unreachable("silence"))
            client.futures[0].set_result(REPLY)
            await turn()
            assert sorted(answers.heard, key=str) == [("media", 1, REPLY), ("media", 2, None), ("media", 3, None)]
            assert outlets.unreachable == 1

    asyncio.run(scenario())


def test_a_name_gives_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async def getaddrinfo(host: str, port: object, *, type: int) -> list[tuple[object, ...]]:
            if host != "pbx.example.net":
                raise socket.gaierror(-2, "Name or service not known")
            return [
                (2, 2, 17, "", ("192.0.2.1", 0)),
                (2, 2, 17, "", ("192.0.2.1", 0)),
                (10, 2, 17, "", ("::1", 0, 0, 0)),
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        async with asyncio.TaskGroup() as group:
            answers = Answers()
            outlets = NodeOutlets(Sender(), answers, [], Tasks(group, Telemetry(FakeLogger())))
            outlets.resolve(Lookup(1, Sought("pbx.example.net")))
            outlets.resolve(Lookup(2, Sought("nowhere.example.net")))
            await turn()
        assert answers.heard == [("lookup", 1, ("192.0.2.1", "::1"), True), ("lookup", 2, (), True)]

    asyncio.run(scenario())


def test_a_resolver_that_hangs_piles_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        release = asyncio.Event()

        async def getaddrinfo(host: str, port: object, *, type: int) -> list[tuple[object, ...]]:
            await release.wait()
            return []

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        async with asyncio.TaskGroup() as group:
            answers = Answers()
            outlets = NodeOutlets(Sender(), answers, [], Tasks(group, Telemetry(FakeLogger())))
            for number in range(LOOKUPS + 1):
                outlets.resolve(Lookup(number, Sought(f"{number}.example.net")))
            await turn()
            assert answers.heard == [("lookup", LOOKUPS, (), False)]
            release.set()
        assert len(answers.heard) == LOOKUPS + 1

    asyncio.run(scenario())


def test_a_background_task_that_raises_is_logged_and_ends_nothing() -> None:
    async def scenario() -> None:
        telemetry = Telemetry(FakeLogger())

        async def bug() -> None:
            raise KeyError("x")

        async with asyncio.TaskGroup() as group:
            Tasks(group, telemetry).create_task(bug(), name="a bug")
            await turn()
        assert telemetry.counters["internal-errors"] == 1

    asyncio.run(scenario())


def test_messages_go_to_the_transports() -> None:
    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            sender = Sender()
            NodeOutlets(sender, Answers(), [], Tasks(group, Telemetry(FakeLogger()))).send(b"x", FLOW)
            assert sender.sent == [(b"x", FLOW)]

    asyncio.run(scenario())


class Names(Resolver):
    """A resolver that knows `a.example`, and gets no answer for `silent.example`."""

    def __init__(self) -> None:
        super().__init__(())

    async def find(self, name: str, kind: str) -> Answer:
        if name == "silent.example":
            raise Unanswered
        found = {"AAAA": ("2001:db8::1",), "A": ("192.0.2.1", "192.0.2.2")}
        return Answer(found.get(kind, ()), 60.0)


@pytest.mark.parametrize(
    ("name", "addresses", "is_certain"),
    [
        ("a.example", ("2001:db8::1", "192.0.2.1", "192.0.2.2"), True),
        ("silent.example", ("198.51.100.1",), False),
        ("short", ("198.51.100.1",), True),
    ],
)
def test_name_servers_are_asked_first_and_the_system_for_what_they_cannot_know(
    monkeypatch: pytest.MonkeyPatch, name: str, addresses: tuple[str, ...], is_certain: bool
) -> None:
    async def scenario() -> None:
        async def system(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("198.51.100.1", 0))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", system)
        answers = Answers()
        async with asyncio.TaskGroup() as group:
            NodeOutlets(Sender(), answers, [], Tasks(group, Telemetry(FakeLogger())), Names()).resolve(
                Lookup(7, Sought(name))
            )
        assert answers.heard == [("lookup", 7, addresses, is_certain)]

    asyncio.run(scenario())
