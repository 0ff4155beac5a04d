"""A listener given up and taken again by another socket, by a process in front, behind another, and on its way out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from sbc.config import Config
from sbc.transport import Transports, open_datagrams, open_stream_listener
from sbc.wire import Flow
from tests.transport.kit import Heard, config, udp_peer, until

pytestmark = pytest.mark.interop

UDP, TCP = 0, 1


def sockets(settings: Config) -> dict[int, socket.socket]:
    """New ones for both listeners, on any free port of the loopback."""
    udp, tcp = settings.listeners
    return {UDP: open_datagrams(udp, 24, 1)[0], TCP: open_stream_listener(tcp, 24)}


@asynccontextmanager
async def given(*, is_behind: bool) -> AsyncIterator[tuple[Transports, Heard, Config]]:
    """Transports of a worker."""
    settings, heard = config(("UDP", "127.0.0.1"), ("TCP", "127.0.0.1")), Heard()
    async with asyncio.TaskGroup() as tasks:
        transports = Transports(settings, heard, tasks, given=sockets(settings))
        if is_behind:
            transports.open_behind()
        else:
            await transports.open()
        yield transports, heard, settings
        transports.close()


async def rebind(transports: Transports, settings: Config) -> list[int]:
    """Give both listeners new sockets; their ports."""
    fresh = sockets(settings)
    ports = [int(fresh[index].getsockname()[1]) for index in (UDP, TCP)]
    for index in (UDP, TCP):
        assert await transports.rebind(settings.listeners[index], "", fresh[index]) == ""
    assert [one.port for one in transports.bound] == ports
    return ports


async def is_answered(port: int) -> bool:
    """Whether somebody takes a connection here and reads: one that nobody takes ends with the node."""
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


def test_the_process_in_front_reads_and_accepts_by_the_new_sockets() -> None:
    async def scenario() -> None:
        async with given(is_behind=False) as (transports, heard, settings):
            former = [one.port for one in transports.bound]
            udp, tcp = await rebind(transports, settings)
            assert not await is_answered(former[TCP])
            with udp_peer("127.0.0.1") as peer:
                peer.sendto(b"INVITE", ("127.0.0.1", udp))
                await until(lambda: heard.messages)
            assert await is_answered(tcp)
            await until(lambda: transports.counters.connections_accepted == 1)

    asyncio.run(scenario())


def test_one_that_is_down_has_no_socket_and_says_why() -> None:
    async def scenario() -> None:
        async with given(is_behind=False) as (transports, heard, settings):
            for listener in settings.listeners:
                assert await transports.rebind(replace(listener, is_up=False), "gone") == ""
            assert [one.why for one in transports.bound] == ["gone", "gone"]
            transports.send(b"x", Flow(UDP, "UDP", "127.0.0.1", 9))
            transports.send(b"x", Flow(TCP, "TCP", "127.0.0.1", 9))
            assert [reason for _, reason in heard.undelivered] == ["no listener of this transport"] * 2
            await transports.accept()
            transports.read()
            await rebind(transports, settings)
            assert transports.waiting == frozenset()

    asyncio.run(scenario())


def test_the_process_behind_sends_by_the_new_sockets_and_reads_them_once_it_is_in_front() -> None:
    async def scenario() -> None:
        async with given(is_behind=True) as (transports, heard, settings):
            udp, tcp = await rebind(transports, settings)
            with udp_peer("127.0.0.1") as peer:
                transports.send(b"out", Flow(UDP, "UDP", "127.0.0.1", peer.getsockname()[1]))
                await until(lambda: peer.recv(9) == b"out")
                peer.sendto(b"in", ("127.0.0.1", udp))
                assert await is_answered(tcp)
                assert (heard.messages, transports.counters.connections_accepted) == ([], 0)
                transports.read()
                await transports.accept()
                await until(lambda: heard.messages and transports.counters.connections_accepted)

    asyncio.run(scenario())


def test_one_that_was_down_when_the_process_behind_began_is_taken_up() -> None:
    async def scenario() -> None:
        settings, heard = config(("UDP", "127.0.0.1"), ("TCP", "127.0.0.1")), Heard()
        listeners = tuple(replace(one, is_up=False) for one in settings.listeners)
        async with asyncio.TaskGroup() as tasks:
            transports = Transports(replace(settings, listeners=listeners), heard, tasks, why={UDP: "first"})
            transports.open_behind()
            assert [one.why for one in transports.bound] == ["first", "no interface has this address"]
            await transports.accept()
            await rebind(transports, settings)
            transports.close()

    asyncio.run(scenario())


def test_the_process_on_its_way_out_takes_nothing_that_another_one_reads() -> None:
    async def scenario() -> None:
        async with given(is_behind=False) as (transports, heard, settings):
            transports.stop_accepting()
            udp, tcp = await rebind(transports, settings)
            with udp_peer("127.0.0.1") as peer:
                peer.sendto(b"still ours", ("127.0.0.1", udp))
                await until(lambda: heard.messages)
            assert await is_answered(tcp)
            transports.stop_reading()
            await rebind(transports, settings)
            transports.send(b"x", Flow(UDP, "UDP", "127.0.0.1", 9))
            assert [reason for _, reason in heard.undelivered] == ["no listener of this transport"]
            assert transports.counters.connections_accepted == 0
            await transports.accept()
            await until(lambda: not transports.waiting)

    asyncio.run(scenario())
