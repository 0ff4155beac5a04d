"""A client that speaks to its engine by HTTP alone: the same commands and the same repeats, on both engines."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator

import pytest

from rtpengine import Answer, Command, Delete, Offer, Ping, Query, Reply, Result, Statistics, Unreachable
from rtpengine.client import Client
from rtpengine.httpwire import CONNECTIONS
from tests.rtpengine import engines
from tests.rtpengine.engines import HOST, STRICT, EngineUnderTest, free_port, media_ports

pytestmark = pytest.mark.interop

SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
).encode()
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def listening(request: pytest.FixtureRequest) -> Iterator[tuple[EngineUnderTest, int]]:
    """Each engine with an HTTP listener."""
    port = free_port()
    start = engines.embedded if request.param == "embedded" else engines.real
    with start(f"--listen-http={HOST}:{port}") as engine:
        yield engine, port


@pytest.fixture(scope="module")
def port(listening: tuple[EngineUnderTest, int]) -> int:
    """That listener's."""
    return listening[1]


async def one_call(client: Client, name: str) -> list[Reply]:
    """From offer to delete."""
    commands: list[Command | Query] = [
        Offer(name, "a", SDP, options=STRICT),
        Answer(name, "a", "b", SDP, options=STRICT),
        Query(name),
        Delete(name, from_tag="a", delay=0),
    ]
    return list(await asyncio.gather(*(client.request(command) for command in commands)))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_whole_call_goes_by_http_in_either_form(listening: tuple[EngineUnderTest, int], as_json: bool) -> None:
    """Commands of a call stay in their order; what was asked of the engine is what datagrams would have asked."""
    engine, port = listening

    async def talk(client: Client) -> None:
        offered, answered, queried, deleted = await one_call(client, f"http-{as_json}")
        assert [one.result for one in (offered, answered, queried, deleted)] == [Result.OK] * 4
        for description in (offered.sdp, answered.sdp):
            assert media_ports(description)[0] in engine.ports
        assert "tags" in deleted.body
        again = await client.request(Query(f"http-{as_json}"))
        assert again.error_reason == "Unknown call-id"

    run(port, talk, as_json=as_json)


def test_more_calls_than_connections_are_all_served(port: int) -> None:
    """Those beyond wait for their turn, and none is sent twice."""

    async def talk(client: Client) -> None:
        replies = await asyncio.gather(*(one_call(client, f"crowd-{number}") for number in range(2 * CONNECTIONS)))
        assert all(reply.result is Result.OK for call in replies for reply in call)
        seen = client.statistics()
        assert (seen.timeouts, seen.strays, seen.pending) == (0, 0, 0)
        statistics = (await client.request(Statistics())).body["statistics"]
        assert isinstance(statistics, dict)

    run(port, talk, interval=30.0)


def test_a_closed_port_is_told_at_once_and_silence_in_the_end() -> None:
    """As with datagrams: the engine may be starting just now."""

    async def talk(client: Client) -> None:
        with pytest.raises(Unreachable, match="no reply to 2 copies"):
            await client.request(Ping())
        assert client.refused_at > 0

    run(free_port(), talk, attempts=2, interval=0.1)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nx d6:result4:pong",
        b"nonsense\r\nContent-Length: 0\r\n\r\n",
        b"x" * 20000,
        b"",
    ],
)
def test_a_server_that_lies_is_silent(response: bytes) -> None:
    """Nothing hangs, and no connection is left for the next one to wait behind."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async def talk(client: Client) -> None:
        for _ in range(CONNECTIONS + 1):
            with pytest.raises(Unreachable):
                await client.request(Ping())

    against(serve, talk)


def test_a_connection_that_was_closed_while_idle_costs_no_waiting() -> None:
    """Engines close them after a while; the request goes by a new one, within the same attempt."""
    posts = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal posts
        for number in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            posts += 1
            if number:
                break  # the second request finds the door shut
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            cookie = (await reader.readexactly(length)).partition(b" ")[0]
            body = cookie + b" d6:result4:ponge"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async def talk(client: Client) -> None:
        for _ in range(3):
            assert (await client.request(Ping())).result is Result.PONG
        assert client.statistics().repeats == 0

    against(serve, talk, interval=5.0)
    assert posts == 5


def run(
    port: int,
    talk: Callable[[Client], Coroutine[None, None, None]],
    *,
    as_json: bool = False,
    attempts: int = 4,
    interval: float = 1.0,
) -> None:
    """A client for one conversation."""

    async def whole() -> None:
        client = await Client.connect(HOST, port, as_json=as_json, by_http=True, attempts=attempts, interval=interval)
        await talk(client)
        client.close()

    asyncio.run(whole())


def against(serve: Handler, talk: Callable[[Client], Coroutine[None, None, None]], interval: float = 0.05) -> None:
    """The same against a server that is none."""

    async def whole() -> None:
        async with engines.serving(serve) as port:
            client = await Client.connect(HOST, port, by_http=True, attempts=2, interval=interval)
            await talk(client)
            client.close()

    asyncio.run(whole())


def test_ipv6_hosts_stand_in_brackets() -> None:
    """RFC 9110 section 7.2: as in a URI."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async def whole() -> None:
        async with engines.serving(serve, "::1") as port:
            client = await Client.connect("::1", port, by_http=True, attempts=1, interval=2.0)
            with pytest.raises(Unreachable):
                await client.request(Ping())
            client.close()
        assert heads[0].startswith(b"POST /ng HTTP/1.1\r\nHost: [::1]:%d\r\n" % port)

    asyncio.run(whole())
