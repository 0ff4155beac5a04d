"""The node's event loop: readers are called at once, and nothing of asyncio's waits for them."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sbc.transport import Loop, run
from sbc.transport.poller import Poller

LONG = 20.0
"""Seconds that no test waits for: what is expected comes at once."""


class Pipe:
    """A reader that notes what it is woken for, and does one thing more each time."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self.heard = b""
        self.does: list[Any] = []

    def write(self, data: bytes) -> None:
        os.write(self.into, data)

    def read(self) -> None:
        self.heard += os.read(self.out, 1)
        if self.does:
            self.does.pop(0)()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.out)
    os.close(made.into)


def refuse(reader: object, error: Exception) -> None:
    raise AssertionError(f"{reader} raised {error!r}")


def test_readers_are_called_until_one_touches_the_loop(pipe: Pipe) -> None:
    poller = Poller(refuse)
    poller.read(pipe.out, pipe.read)

    def touch() -> None:
        poller.is_touched = True

    pipe.does = [lambda: pipe.write(b"b"), lambda: pipe.write(b"c"), touch]
    pipe.write(b"a")
    assert poller.wait(LONG) == []
    assert pipe.heard == b"abc"
    poller.close()


def test_what_is_watched_is_told_once_the_readers_beside_it_are_done(pipe: Pipe) -> None:
    poller = Poller(refuse)
    other, end = os.pipe()
    poller.read(pipe.out, pipe.read)
    poller.watch(other, select.EPOLLIN)
    pipe.does = [lambda: os.write(end, b"x")]
    pipe.write(b"a")
    assert poller.wait(LONG) == [(other, select.EPOLLIN)]
    assert pipe.heard == b"a"
    os.close(other)
    os.close(end)
    poller.close()


def test_the_wait_ends_in_time_however_much_there_is_to_read(pipe: Pipe) -> None:
    poller = Poller(refuse)
    poller.read(pipe.out, pipe.read)
    pipe.does = [lambda: pipe.write(b"y")] * 100_000
    pipe.write(b"x")
    assert poller.wait(0.01) == []
    assert 0 < len(pipe.heard) < 100_000
    poller.close()


def test_a_reader_that_is_gone_is_not_called_for_what_was_told_before(pipe: Pipe) -> None:
    poller = Poller(refuse)
    second = Pipe()
    poller.read(pipe.out, pipe.read)
    poller.read(second.out, second.read)
    pipe.does = [lambda: poller.stop_reading(second.out)]
    second.does = [lambda: poller.stop_reading(pipe.out)]
    pipe.write(b"a")
    second.write(b"a")
    poller.wait(0.01)
    assert sorted([pipe.heard, second.heard]) == [b"", b"a"]
    poller.close()


def test_what_a_reader_schedules_runs_next(pipe: Pipe) -> None:
    """Callbacks, timers, tasks that wait for a future."""

    async def scenario() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        done: list[str] = []
        future: asyncio.Future[str] = loop.create_future()
        late = loop.create_future()
        pipe.does = [
            lambda: loop.call_soon(done.append, "soon"),
            lambda: loop.call_later(0.001, done.append, "later"),
            lambda: future.set_result("task"),
        ]
        loop.add_reader(pipe.out, pipe.read)
        for byte in (b"a", b"b", b"c"):
            pipe.write(byte)
        done.append(await asyncio.wait_for(future, LONG))
        loop.call_later(0.01, late.set_result, None)
        await asyncio.wait_for(late, LONG)
        assert loop.remove_reader(pipe.out)
        assert not loop.remove_reader(pipe.out)
        return sorted(done)

    assert run(scenario()) == ["later", "soon", "task"]
    assert pipe.heard == b"abc"


def test_a_reader_that_raises_is_told_and_called_again(pipe: Pipe) -> None:
    async def scenario() -> list[str]:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        done = loop.create_future()
        loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))

        def fail() -> None:
            raise ValueError("bad")

        pipe.does = [fail, lambda: done.set_result(None)]
        loop.add_reader(pipe.out, pipe.read)
        pipe.write(b"ab")
        await asyncio.wait_for(done, LONG)
        loop.remove_reader(pipe.out)
        return told

    assert run(scenario()) == ["ValueError('bad')"]


def test_a_thread_wakes_the_loop_while_a_reader_is_there(pipe: Pipe) -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.out, pipe.read)
        done: asyncio.Future[int] = loop.create_future()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(done.set_result, 7))
        thread.start()
        found = await asyncio.wait_for(done, LONG)
        thread.join()
        loop.remove_reader(pipe.out)
        return found

    assert run(scenario()) == 7


def test_a_reader_can_stop_the_loop(pipe: Pipe) -> None:
    loop = Loop()
    pipe.does = [loop.stop]
    loop.add_reader(pipe.out, pipe.read)
    pipe.write(b"a")
    loop.run_forever()
    loop.close()
    assert pipe.heard == b"a"


@pytest.mark.interop
def test_one_descriptor_is_read_here_and_written_there() -> None:
    """As a listener does whose socket is full."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            heard: list[bytes] = []
            done, room = asyncio.Event(), asyncio.Event()

            def read() -> None:
                heard.append(near.recv(10))
                done.set()

            loop.add_reader(near.fileno(), read)
            loop.add_writer(near.fileno(), room.set)
            await asyncio.wait_for(room.wait(), LONG)
            loop.remove_writer(near.fileno())
            far.send(b"x")
            await asyncio.wait_for(done.wait(), LONG)
            assert heard == [b"x"]
            loop.remove_reader(near.fileno())

    run(scenario())


@pytest.mark.interop
def test_a_number_that_comes_again_is_another_descriptor() -> None:
    """`sock_recv` reads by a way of asyncio's own; whoever is read there is forgotten when it is done."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        for closes_silently in (False, False, True, True):
            near, far = socket.socketpair()
            with near, far:
                near.setblocking(False)
                heard = asyncio.Event()
                if closes_silently:
                    loop.add_reader(near.fileno(), heard.set)
                    far.send(b"x")
                    await asyncio.wait_for(heard.wait(), LONG)
                else:
                    loop.call_later(0.01, far.send, b"x")
                    assert await asyncio.wait_for(loop.sock_recv(near, 10), LONG) == b"x"
                    assert not super(Loop, loop).remove_reader(near.fileno())

    run(scenario())


@pytest.mark.interop
def test_streams_and_children_work_as_on_any_loop() -> None:
    async def scenario() -> tuple[bytes, int]:
        served = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: served.set_result(writer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        (await served).write(b"hello")
        heard = await asyncio.wait_for(reader.readexactly(5), LONG)
        served.result().close()
        writer.close()
        server.close()
        child = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 3")
        return heard, await asyncio.wait_for(child.wait(), LONG)

    assert run(scenario()) == (b"hello", 3)
