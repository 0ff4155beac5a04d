"""Who keeps its place when places or memory run out; no sockets."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from sbc.config import Listener, Realm
from sbc.sip import Limits
from sbc.transport import Ended, NotTaken, StreamLimits
from sbc.transport.limits import source_of
from sbc.transport.receiver import Counters
from sbc.transport.stream import StreamConnection
from sbc.transport.table import ConnectionTable
from sbc.wire import Flow
from tests.transport.kit import Heard

LISTENER = Listener(0, "outside", "TCP", "192.0.2.1", 5060)


class Tcp:
    """A transport without a network."""

    def __init__(self) -> None:
        self.is_aborted = False

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class Crowd:
    """A table, and connections for it."""

    def __init__(self, limits: StreamLimits | None = None, *, connections: int = 3, per_source: int = 2) -> None:
        realm = Realm("outside", (LISTENER,), "x", connections=connections, connections_per_source=per_source)
        self.table = ConnectionTable({"outside": realm}, limits or StreamLimits(), 100)
        self.heard = Heard()
        self.counters = Counters()
        self.last = 0

    def comes(self, host: str = "", *, is_ours: bool = False) -> StreamConnection:
        """One more, from this address or one of its own."""
        self.last += 1
        it = StreamConnection(self.last, LISTENER, self.heard, self.table, Limits(), self.counters)
        it.flow = Flow(0, "TCP", host or f"192.0.2.{self.last + 100}", 40000, self.last)
        it.is_ours = is_ours
        it._transport = cast(asyncio.Transport, Tcp())
        return it

    def admitted(self, count: int, *, has_spoken: bool) -> list[StreamConnection]:
        """So many that are in."""
        found = [self.comes() for _ in range(count)]
        for it in found:
            assert self.table.opened(it) is None
            if has_spoken:
                self.table.spoke(it)
        return found


def test_a_silent_connection_makes_room_the_oldest_first() -> None:
    crowd = Crowd()
    first, second, third = crowd.admitted(3, has_spoken=False)
    crowd.table.spoke(first)
    assert crowd.table.opened(crowd.comes()) is None
    assert [it.is_open for it in (first, second, third)] == [True, False, True]
    assert crowd.counters.closed == {Ended.CROWDED_OUT: 1}
    assert crowd.heard.ended == [(second.flow, Ended.CROWDED_OUT)]
    crowd.table.closed(second)  # asyncio tells it later
    assert len(crowd.table) == crowd.table.of_realm("outside") == 3


def test_a_realm_whose_connections_all_speak_is_full() -> None:
    crowd = Crowd()
    crowd.admitted(3, has_spoken=True)
    assert crowd.table.opened(crowd.comes()) is NotTaken.REALM_FULL


def test_connections_that_we_opened_make_no_room() -> None:
    crowd = Crowd(connections=1)
    own = crowd.comes(is_ours=True)
    assert crowd.table.opened(own) is None
    assert crowd.table.opened(crowd.comes()) is NotTaken.REALM_FULL
    assert own.is_open


@pytest.mark.parametrize(
    ("hosts", "is_full"),
    [
        (("192.0.2.7", "192.0.2.7", "192.0.2.7"), True),
        (("192.0.2.7", "192.0.2.7", "192.0.2.8"), False),
        (("2001:db8::1", "2001:db8::2", "2001:db8::3"), True),
        (("2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"), False),
    ],
)
def test_a_source_is_an_ipv4_address_or_an_ipv6_network(hosts: tuple[str, str, str], is_full: bool) -> None:
    crowd = Crowd()
    refusals = [crowd.table.opened(crowd.comes(host)) for host in hosts]
    assert refusals == [None, None, NotTaken.SOURCE_FULL if is_full else None]


def test_what_is_no_address_is_its_own_source() -> None:
    assert source_of("fe80::1%eth0") == "fe80::1%eth0"


def test_the_oldest_half_message_goes_when_memory_runs_out() -> None:
    """It is the one that is least likely ever to become whole."""
    crowd = Crowd(StreamLimits(half_received=250))
    first, second, third = crowd.admitted(3, has_spoken=True)
    crowd.table.half_received(first, 100, is_new=True)
    crowd.table.half_received(second, 100, is_new=True)
    crowd.table.half_received(first, 20, is_new=True)  # its message became whole, and the next began
    assert crowd.table.held == (120, 0)
    crowd.table.half_received(third, 140, is_new=True)
    assert [it.is_open for it in (first, second, third)] == [True, False, True]
    assert crowd.table.held == (160, 0)
    assert crowd.counters.closed == {Ended.HALF_RECEIVED: 1}


def test_unsent_bytes_are_bounded_for_each_and_for_all() -> None:
    crowd = Crowd(StreamLimits(buffered=100, unsent=150))
    first, second, third = crowd.admitted(3, has_spoken=True)
    crowd.table.unsent(first, 101)
    assert not first.is_open
    crowd.table.closed(first)
    crowd.table.unsent(second, 90)
    crowd.table.unsent(third, 61)
    assert [second.is_open, third.is_open] == [True, False]
    assert crowd.table.held == (0, 90)
    crowd.table.unsent(second, 0)
    assert crowd.table.held == (0, 0)
    assert crowd.counters.closed == {Ended.NOT_READING: 1, Ended.UNSENT: 1}


def test_connections_fit_the_descriptors_of_the_process() -> None:
    limits = StreamLimits(connections=5000, handshakes=1000)
    assert [limits.most_connections(files) for files in (100, 1024, 4096, 65536)] == [16, 512, 2840, 5000]
