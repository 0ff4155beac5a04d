"""TCP on loopback: framing, keep-alive, connections reused and opened, bounds."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from sbc.transport import Ended, NotTaken, StreamLimits, Transports, run
from sbc.wire import Flow
from tests.transport.kit import OPTIONS, closed_port, config, limited, opened, until

pytestmark = pytest.mark.interop

TCP = ("TCP", "127.0.0.1")


async def connect(transports: Transports, host: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, transports.bound[0].port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_messages_are_framed_and_answered_on_their_connection(host: str) -> None:
    async def scenario() -> None:
        async with opened(config(("TCP", host))) as (transports, heard):
            reader, writer = await connect(transports, host)
            writer.write(OPTIONS + OPTIONS[:50])
            await until(lambda: heard.messages)
            writer.write(OPTIONS[50:])
            await until(lambda: len(heard.messages) == 2)
            assert [data for data, _ in heard.messages] == [OPTIONS, OPTIONS]
            flow = heard.messages[0][1]
            assert (flow.transport, flow.host, flow.connection > 0) == ("TCP", host, True)
            assert flow.port == writer.get_extra_info("sockname")[1]
            transports.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
            assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
            writer.close()

    run(scenario())


def test_a_ping_is_answered_with_a_pong() -> None:
    """RFC 5626 section 4.4.1: a double CRLF between messages wants a single one back."""

    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            reader, writer = await connect(transports)
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            assert heard.messages == []
            writer.close()

    run(scenario())


def test_what_cannot_be_framed_is_reported_and_cut_off() -> None:
    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            reader, writer = await connect(transports)
            writer.write(OPTIONS + b"GET / HTTP/1.1\r\n\r\n" + OPTIONS)
            assert await reader.read() == b""
            assert len(heard.messages) == 1
            assert len(heard.faults) == 1
            assert transports.counters.closed == {Ended.FRAMING: 1}
            await until(lambda: transports.connections == 0)
            writer.close()

    run(scenario())


def test_a_message_that_is_too_long_is_not_collected() -> None:
    async def scenario() -> None:
        async with opened(config(TCP, message_bytes=1000)) as (transports, heard):
            reader, writer = await connect(transports)
            writer.write(OPTIONS.replace(b"Content-Length: 0", b"Content-Length: 5000"))
            assert await reader.read() == b""
            assert heard.messages == []
            writer.close()

    run(scenario())


async def collect(server: socket.socket, received: list[bytes]) -> None:
    """Accept one connection and read it to its end."""
    loop = asyncio.get_running_loop()
    peer, _ = await loop.sock_accept(server)
    with peer:
        while data := await loop.sock_recv(peer, 65536):
            received.append(data)


def test_a_flow_without_connection_opens_one_and_then_uses_it() -> None:
    """RFC 3261 section 18.1.1, from the listener's own address."""

    async def scenario() -> None:
        received: list[bytes] = []
        server = socket.create_server(("127.0.0.1", 0))
        server.setblocking(False)
        async with asyncio.TaskGroup() as tasks, opened(config(TCP)) as (transports, heard):
            tasks.create_task(collect(server, received))
            flow = Flow(0, "TCP", "127.0.0.1", server.getsockname()[1])
            transports.send(b"one", flow)
            transports.send(b"two", flow)
            await until(lambda: b"".join(received) == b"onetwo")
            transports.send(b"three", flow)
            await until(lambda: b"".join(received) == b"onetwothree")
            assert transports.counters.connections_opened == 1
            assert transports.connections == 1
            assert heard.undelivered == []
        server.close()

    run(scenario())


def test_a_refused_connection_is_reported_for_each_message_that_waited() -> None:
    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            flow = Flow(0, "TCP", "127.0.0.1", closed_port(socket.SOCK_STREAM))
            transports.send(b"one", flow)
            transports.send(b"two", flow)
            await until(lambda: len(heard.undelivered) == 2)
            assert heard.undelivered[0] == (flow, "refused")
            assert heard.settled

    run(scenario())


def test_connections_that_were_reset_before_they_were_looked_at_keep_nobody_waiting() -> None:
    """No connection is made of them, more of them than one turn skips, and whoever stays is taken."""

    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            port = transports.bound[0].port
            for _ in range(300):
                with socket.create_connection(("127.0.0.1", port)) as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            reader, writer = await connect(transports)
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            assert transports.counters.as_dict()["connections_refused.reset"] == 300
            assert transports.counters.connections_accepted == 1
            assert heard.ended == []
            writer.close()

    asyncio.run(scenario())


def test_what_waits_for_a_connection_is_bounded() -> None:
    async def scenario() -> None:
        async with opened(config(TCP), StreamLimits(buffered=100)) as (transports, heard):
            flow = Flow(0, "TCP", "127.0.0.1", closed_port(socket.SOCK_STREAM))
            transports.send(b"x" * 80, flow)
            transports.send(b"x" * 80, flow)
            assert heard.undelivered == [(flow, "too much waits for a connection")]

    run(scenario())


def test_connections_being_opened_are_bounded() -> None:
    """A peer that names many far ends, in Contacts for instance, cannot make us try them all at once."""

    async def scenario() -> None:
        async with opened(config(TCP), StreamLimits(openings=2)) as (transports, heard):
            port = closed_port(socket.SOCK_STREAM)
            flows = [Flow(0, "TCP", f"127.0.0.{number}", port) for number in range(1, 4)]
            for flow in flows:
                transports.send(b"one", flow)
            assert heard.undelivered == [(flows[2], "too many connections are being opened")]
            await until(lambda: len(heard.undelivered) == 3)
            transports.send(b"two", flows[2])
            await until(lambda: heard.undelivered[3:] == [(flows[2], "refused")])

    run(scenario())


def test_a_lost_connection_is_not_replaced_behind_the_engines_back() -> None:
    """The flow names the connection: a peer behind NAT could not be reached by another."""

    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            _, writer = await connect(transports)
            writer.write(OPTIONS)
            await until(lambda: heard.messages)
            flow = heard.messages[0][1]
            writer.close()
            await until(lambda: transports.connections == 0)
            transports.send(b"200", flow)
            assert heard.undelivered == [(flow, "connection lost")]

    run(scenario())


def test_a_response_whose_connection_is_gone_goes_by_a_new_one_where_that_may_be() -> None:
    """RFC 3261 section 18.2.2: to the port of the request's Via. Where nobody listens there, it is reported."""

    async def scenario() -> None:
        received: list[bytes] = []
        server = socket.create_server(("127.0.0.1", 0))
        server.setblocking(False)
        async with asyncio.TaskGroup() as tasks, opened(config(TCP)) as (transports, heard):
            tasks.create_task(collect(server, received))
            _, writer = await connect(transports)
            writer.write(OPTIONS)
            await until(lambda: heard.messages)
            seen = heard.messages[0][1]
            writer.close()
            await until(lambda: transports.connections == 0)
            for port in (server.getsockname()[1], closed_port(socket.SOCK_STREAM)):
                transports.send(b"200", Flow(0, "TCP", seen.host, seen.port, seen.connection, (), port))
            await until(lambda: received == [b"200"] and heard.undelivered)
            assert [reason for _, reason in heard.undelivered] == ["refused"]
        server.close()

    run(scenario())


def test_nothing_is_opened_any_more_once_all_is_closed() -> None:
    async def scenario() -> None:
        async with opened(config(TCP)) as (transports, heard):
            transports.close()
            flow = Flow(0, "TCP", "127.0.0.1", 5060)
            transports.send(b"late", flow)
            assert heard.undelivered == [(flow, "shutting down")]

    run(scenario())


def test_a_peer_that_does_not_read_is_cut_off_and_reported() -> None:
    async def scenario() -> None:
        async with opened(config(TCP), StreamLimits(buffered=100_000)) as (transports, heard):
            _, writer = await connect(transports)
            writer.write(OPTIONS)
            await until(lambda: heard.messages)
            flow = heard.messages[0][1]
            for _ in range(1000):
                transports.send(b"x" * 50_000, flow)
                if heard.undelivered:
                    break
            await until(lambda: heard.undelivered)
            assert heard.undelivered[0] == (flow, "peer does not read")
            await until(lambda: transports.connections == 0)
            writer.close()

    run(scenario())


def test_one_host_cannot_take_every_connection() -> None:
    async def scenario() -> None:
        async with opened(limited(config(TCP), connections_per_source=2)) as (transports, heard):
            pairs = [await connect(transports) for _ in range(3)]
            await until(lambda: transports.counters.refused == {NotTaken.SOURCE_FULL: 1})
            assert [reason for _, reason in heard.ended] == [NotTaken.SOURCE_FULL]
            assert transports.connections == 2
            for _, writer in pairs:
                writer.close()

    run(scenario())
