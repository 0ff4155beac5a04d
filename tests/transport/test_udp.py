"""UDP on loopback: draining, sending at once, errors that come back by ICMP."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from dataclasses import replace

import pytest

from sbc.transport import ListenError, Transports, run
from sbc.transport.sockets import SO_TIMESTAMPNS, open_datagram
from sbc.transport.udp import BATCH, QUEUE, UdpListener
from sbc.wire import Flow
from tests.transport.kit import Heard, closed_port, config, opened, udp_peer, until

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_datagram_comes_with_its_flow_and_the_answer_goes_back(host: str) -> None:
    async def scenario() -> None:
        async with opened(config(("UDP", host))) as (transports, heard):
            with udp_peer(host) as peer:
                peer.sendto(b"INVITE", (host, transports.bound[0].port))
                await until(lambda: heard.messages)
                ((data, flow),) = heard.messages
                assert data == b"INVITE"
                assert flow == Flow(0, "UDP", host, peer.getsockname()[1])
                transports.send(b"100", flow)
                assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"100"

    run(scenario())


def test_a_burst_is_drained_in_few_wake_ups() -> None:
    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            with udp_peer() as peer:
                for number in range(BATCH * 3):
                    peer.sendto(str(number).encode(), ("127.0.0.1", transports.bound[0].port))
                await until(lambda: len(heard.messages) == BATCH * 3)
            assert heard.settled <= 5
            assert [data for data, _ in heard.messages] == [str(number).encode() for number in range(BATCH * 3)]
            assert len({id(flow) for _, flow in heard.messages}) == 1

    run(scenario())


def test_a_socket_that_is_not_read_empty_tells_for_how_long() -> None:
    """What overload is measured by: set by a full batch, gone with the last datagram even where nothing wakes us."""

    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            behind: list[float] = []
            later = asyncio.get_running_loop().time() + 60
            heard.settle = lambda: behind.append(transports.behind(later))  # type: ignore[method-assign]
            with udp_peer() as peer:
                for number in range(BATCH * 2):
                    peer.sendto(str(number).encode(), ("127.0.0.1", transports.bound[0].port))
                await until(lambda: len(heard.messages) == BATCH * 2)
            assert 59 < behind[0] <= 60
            assert behind[1:] == [0.0]
            assert transports.behind(later) == 0.0

    run(scenario())


def test_new_work_that_has_become_stale_in_the_socket_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where we are behind, and nothing that belongs to a call, nor a call for help: those are served, late."""
    waiting: list[float] = []
    monkeypatch.setattr("sbc.transport.udp._age_of", lambda _: waiting[0])
    sent = [
        b"INVITE sip:a@b SIP/2.0",
        b"BYE sip:a@b SIP/2.0",
        b"INVITE urn:service:sos.fire SIP/2.0",
        b"SIP/2.0 200 OK",
    ]

    async def scenario(age: float) -> list[bytes]:
        waiting[:] = [age]
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            with udp_peer() as peer:
                for _ in range(BATCH):
                    peer.sendto(b"INVITE sip:first@b SIP/2.0", ("127.0.0.1", transports.bound[0].port))
                for data in sent:
                    peer.sendto(data, ("127.0.0.1", transports.bound[0].port))
                await until(lambda: transports.counters.received == BATCH + len(sent))
            assert transports.counters.stale == BATCH + len(sent) - len(heard.messages)
            return [data for data, _ in heard.messages[BATCH:]]

    assert run(scenario(0.9)) == sent
    assert run(scenario(1.1)) == sent[1:]


async def stamping() -> None:
    """Until the kernel stamps what it receives: the first socket to ask for that has it begin, but a little later."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        asking.bind(("127.0.0.1", 0))
        for _ in range(1000):
            asking.sendto(b"x", asking.getsockname())
            await asyncio.sleep(0.02)
            read = time.time()  # what has no stamp then is given one as it is read
            _, ancillary, _, _ = asking.recvmsg(1, 64)
            seconds, nanoseconds = struct.unpack_from("=qq", ancillary[0][2])
            if seconds + nanoseconds / 1e9 < read - 0.01:
                return
    raise AssertionError("the kernel does not stamp what it receives")


def test_the_kernel_tells_how_long_a_datagram_has_waited() -> None:
    def hold_up() -> None:
        time.sleep(0.2)

    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            await stamping()
            ages: list[float] = []
            heard.settle = lambda: ages.append(transports.behind(0.0))  # type: ignore[method-assign]
            with udp_peer() as peer:
                for _ in range(BATCH * 3):
                    peer.sendto(b"x", ("127.0.0.1", transports.bound[0].port))
                hold_up()
                await until(lambda: len(heard.messages) == BATCH * 3)
            assert 0.2 <= ages[1] < 5

    run(scenario())


def test_a_closed_port_is_reported_with_its_flow_although_the_socket_is_not_connected() -> None:
    """RFC 3261 section 18.4: an ICMP port unreachable is told to the transaction."""

    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            gone = Flow(0, "UDP", "127.0.0.1", closed_port())
            transports.send(b"INVITE", gone)
            await until(lambda: heard.undelivered)
            assert heard.undelivered == [(gone, "refused")]
            assert transports.counters.undeliverable == 1
            await until(lambda: heard.settled)

    run(scenario())


def test_a_refused_peer_does_not_cost_the_next_datagram() -> None:
    """The kernel reports an ICMP error at whatever call comes next, which may be a send to somebody else."""

    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            with udp_peer() as peer:
                alive = Flow(0, "UDP", "127.0.0.1", peer.getsockname()[1])
                gone = Flow(0, "UDP", "127.0.0.1", closed_port())
                for _ in range(20):
                    transports.send(b"lost", gone)
                    transports.send(b"kept", alive)
                for _ in range(20):
                    assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"kept"
                await until(lambda: heard.undelivered)
                assert {flow for flow, _ in heard.undelivered} == {gone}

    run(scenario())


def test_what_cannot_be_sent_is_reported_and_never_raised() -> None:
    async def scenario() -> None:
        async with opened(config(("UDP", "127.0.0.1"))) as (transports, heard):
            for flow, data in [
                (Flow(0, "UDP", "2001:db8::1", 5060), b"another family"),
                (Flow(0, "UDP", "192.0.2.1", 5060), b"x" * 70_000),
                (Flow(7, "UDP", "127.0.0.1", 5060), b"no such listener"),
                (Flow(0, "TCP", "127.0.0.1", 5060), b"no such transport here"),
                (Flow(0, "UDP", "sbc.example.net", 5060), b"a name: a resolver would be waited for"),
            ]:
                transports.send(data, flow)
                assert heard.undelivered[-1][0] == flow

    run(scenario())


def test_a_full_send_buffer_queues_within_bounds_and_keeps_the_order() -> None:
    class Full:
        """A socket whose kernel has no room until told so."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.has_room = False
            self.sent: list[bytes] = []

        def sendto(self, data: bytes, address: tuple[str, int]) -> int:
            if not self.has_room:
                raise BlockingIOError(errno.EAGAIN, "full")
            self.sent.append(data)
            return len(data)

        @property
        def family(self) -> int:
            return self.real.family

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

    async def scenario() -> None:
        settings = config(("UDP", "127.0.0.1"))
        async with opened(settings) as (transports, _):
            full = Full(open_datagram(settings.listeners[0], 0))
            listener = UdpListener(settings.listeners[0], full, Heard(), transports.counters)  # type: ignore[arg-type]
            listener.start()
            flow = Flow(0, "UDP", "127.0.0.1", 9)
            for number in range(QUEUE + 10):
                listener.send(str(number).encode(), flow)
            await asyncio.sleep(0.02)
            assert full.sent == []
            assert transports.counters.send_queue_full == 10
            full.has_room = True
            await until(lambda: len(full.sent) == QUEUE)
            assert full.sent == [str(number).encode() for number in range(QUEUE)]
            listener.close()

    run(scenario())


@pytest.mark.parametrize(
    ("host", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, socket.IP_TOS), ("::1", socket.IPPROTO_IPV6, socket.IPV6_TCLASS)],
)
def test_signalling_is_marked_with_the_realms_dscp(host: str, level: int, option: int) -> None:
    with open_datagram(config(("UDP", host)).listeners[0], 24) as sock:
        assert sock.getsockopt(level, option) == 24 << 2
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1 << 20


def test_a_port_in_use_is_said_in_words_and_nothing_stays_open() -> None:
    async def scenario() -> None:
        settings = config(("UDP", "127.0.0.1"), ("UDP", "127.0.0.1"))
        async with opened(config(("UDP", "127.0.0.1"))) as (first, _):
            taken = replace(settings.listeners[1], port=first.bound[0].port)
            settings = replace(settings, listeners=(settings.listeners[0], taken))
            async with asyncio.TaskGroup() as tasks:
                second = Transports(settings, Heard(), tasks)
                with pytest.raises(ListenError, match=r"udp:127\.0\.0\.1:\d+ of realm outside: Address already in use"):
                    await second.open()
            open_datagram(replace(settings.listeners[0], port=second.bound[0].port), 0).close()

    run(scenario())


def test_an_address_of_no_interface_is_said_in_words() -> None:
    with pytest.raises(ListenError, match="no interface of this machine has this address"):
        open_datagram(config(("UDP", "198.51.100.77")).listeners[0], 0)
