"""The client in virtual time: a wire that is a list, a loop whose clock is a number."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import pytest

from rtpengine import Delete, Offer, Ping, Reply, Unreachable
from rtpengine.client import BATCH, Client


class Wire:
    """A transport that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_open = True

    def sendto(self, data: bytes) -> None:
        """One datagram."""
        self.sent.append(data)

    def close(self) -> None:
        """No more."""
        self.is_open = False


class Timer:
    """A handle as `call_later` gives it."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Not any more."""
        self.is_cancelled = True


class Loop:
    """As much of an event loop as the client uses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []
        self.real = asyncio.new_event_loop()

    def create_future(self) -> asyncio.Future[Any]:
        """A future of a loop that never runs."""
        return self.real.create_future()

    def time(self) -> float:
        """The clock."""
        return self.now

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: object) -> Timer:
        """Arm."""
        timer = Timer(self.now + delay, lambda: callback(*arguments))
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.is_cancelled and timer.when <= end]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = first.when
            first.callback()
        self.now = end


class Rig:
    """A client on a wire."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.wire = Wire()
        self.client = Client(cast(asyncio.AbstractEventLoop, self.loop), 1.0, 4)
        self.client._transport = self.wire

    def reply(self, request: bytes, payload: bytes = b"d6:result2:oke") -> None:
        """The engine answers."""
        self.client.receive(request.partition(b" ")[0] + b" " + payload)


@pytest.fixture
def rig() -> Rig:
    """A client on a wire."""
    rig = Rig()
    rig.loop.real.close()
    return rig


def failure(future: asyncio.Future[Reply]) -> str:
    """Why it is unreachable."""
    error = future.exception()
    assert isinstance(error, Unreachable)
    return error.reason


def test_reply_ends_the_request(rig: Rig) -> None:
    """One datagram each way, and no timer left."""
    future = rig.client.submit(Ping())
    rig.reply(rig.wire.sent[0], b"d6:result4:ponge")
    assert future.result().result.value == "pong"
    rig.loop.advance(10)
    assert len(rig.wire.sent) == 1


def test_repeats_are_identical_and_end_in_unreachable(rig: Rig) -> None:
    """An engine recognises a repeat by its cookie; after four copies it is given up."""
    future = rig.client.submit(Ping())
    rig.loop.advance(3.5)
    assert rig.wire.sent == [rig.wire.sent[0]] * 4
    assert not future.done()
    rig.loop.advance(1)
    assert failure(future) == "no reply to 4 copies in 4 s"
    assert rig.client.statistics().timeouts == 1
    assert rig.client.statistics().pending == 0


def test_late_reply_to_a_repeat_still_counts(rig: Rig) -> None:
    """The first copy's reply may be under way while the second goes out."""
    future = rig.client.submit(Ping())
    rig.loop.advance(1.5)
    rig.reply(rig.wire.sent[0])
    rig.reply(rig.wire.sent[1])
    assert future.done()
    assert rig.client.statistics().strays == 1


def test_cookies_are_128_random_bits(rig: Rig) -> None:
    """Unique over controllers, processes and restarts."""
    for _ in range(50):
        rig.client.submit(Ping())
    cookies = {data.partition(b" ")[0] for data in rig.wire.sent}
    assert len(cookies) == 50
    assert all(len(bytes.fromhex(cookie.decode())) == 16 for cookie in cookies)


def test_commands_of_one_call_go_one_after_the_other(rig: Rig) -> None:
    """An answer must not overtake its offer, nor a delete either; other calls do not wait."""
    first = rig.client.submit(Offer("c1", "a", b"v=0\r\n"))
    second = rig.client.submit(Delete("c1"))
    rig.client.submit(Delete("c2"))
    assert [b"2:c1" in data for data in rig.wire.sent] == [True, False]
    assert rig.client.statistics().pending == 3
    rig.reply(rig.wire.sent[0])
    assert first.done()
    assert b"6:delete7:call-id2:c1" in rig.wire.sent[2]
    rig.reply(rig.wire.sent[2])
    assert second.done()


def test_silence_to_one_command_lets_the_next_of_the_call_go(rig: Rig) -> None:
    """The delete after an offer that timed out must leave."""
    future = rig.client.submit(Offer("c1", "a", b"v=0\r\n"))
    rig.client.submit(Delete("c1"))
    rig.loop.advance(4)
    assert failure(future)
    assert b"6:delete" in rig.wire.sent[-1]


@pytest.mark.parametrize("payload", [b"", b"d6:result2:ok", b"li1ee", b"\xff\xff"])
def test_garbled_reply_under_our_cookie_is_unreachable(rig: Rig, payload: bytes) -> None:
    """Asking again would give the same bytes."""
    future = rig.client.submit(Ping())
    rig.reply(rig.wire.sent[0], payload)
    assert "garbled" in failure(future)
    assert rig.client.statistics().garbled == 1


def test_strange_cookie_is_ignored_and_counted(rig: Rig) -> None:
    """DTMF notices come under cookies that nobody sent; so may forged replies."""
    future = rig.client.submit(Ping())
    for data in (b"other d6:result2:oke", b"", b"nocookie"):
        rig.client.receive(data)
    assert not future.done()
    assert rig.client.statistics().strays == 3


def test_close_fails_what_is_waiting_and_what_comes_later(rig: Rig) -> None:
    """Nobody waits for ever."""
    futures = [rig.client.submit(Delete("c1")), rig.client.submit(Delete("c1"))]
    rig.client.close()
    futures.append(rig.client.submit(Ping()))
    assert [failure(future) for future in futures] == ["the client was closed"] * 2 + ["the client is closed"]
    assert not rig.wire.is_open
    rig.loop.advance(10)
    assert len(rig.wire.sent) == 1


def test_cancelled_waiter_does_not_disturb_the_reply(rig: Rig) -> None:
    """A call that ended while its command was under way."""
    rig.client.submit(Ping()).cancel()
    rig.reply(rig.wire.sent[0])
    assert rig.client.statistics().pending == 0


def test_delay_is_that_of_the_quickest_reply_since_it_was_last_asked(rig: Rig) -> None:
    """A queue delays every reply; one lost datagram delays one."""
    assert rig.client.delay() is None
    rig.client.submit(Delete("c1"))
    rig.loop.advance(0.25)
    rig.client.submit(Delete("c2"))
    rig.loop.advance(0.5)
    rig.reply(rig.wire.sent[0])
    rig.reply(rig.wire.sent[1])
    assert rig.client.delay() == 0.5
    assert rig.client.delay() is None


def test_delay_of_a_repeated_command_counts_from_its_first_copy(rig: Rig) -> None:
    rig.client.submit(Ping())
    rig.loop.advance(1.5)
    rig.reply(rig.wire.sent[1])
    assert rig.client.delay() == 1.5


@pytest.mark.interop
def test_replies_that_have_gathered_are_taken_in_one_turn_of_the_loop() -> None:
    """Else the replies of a busy controller, which takes many messages in a turn, never catch up."""

    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
            engine.bind(("127.0.0.1", 0))
            engine.settimeout(5.0)
            client = await Client.connect("127.0.0.1", engine.getsockname()[1])
            futures = [client.submit(Delete(f"c{number}")) for number in range(BATCH)]
            for _ in futures:
                data, controller = engine.recvfrom(65535)
                engine.sendto(
                    data.partition(b" ")[0] + b" d6:result2:ok7:padding1500:" + b"x" * 1500 + b"e", controller
                )
            turns = 0
            while not all(future.done() for future in futures):
                turns += 1
                assert turns < 4
                await asyncio.sleep(0)
            client.close()

    asyncio.run(scenario())


@pytest.mark.interop
def test_an_engine_that_does_not_listen_yet_is_asked_again_and_answers() -> None:
    """The ICMP error to the first copy must not end the request, nor the client."""

    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
            engine.bind(("127.0.0.1", 0))
            port = engine.getsockname()[1]
        client = await Client.connect("127.0.0.1", port, interval=0.1)
        future = client.submit(Ping())
        await asyncio.sleep(0.05)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
            engine.bind(("127.0.0.1", port))
            engine.setblocking(False)
            data, controller = await asyncio.get_running_loop().sock_recvfrom(engine, 65535)
            engine.sendto(data.partition(b" ")[0] + b" d6:result4:ponge", controller)
            assert (await future).result.value == "pong"
        client.close()

    asyncio.run(scenario())
