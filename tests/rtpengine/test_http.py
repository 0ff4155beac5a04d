"""The control protocol over HTTP, on both engines, and against servers that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from rtpengine import (
    Capabilities,
    Feature,
    List,
    Ping,
    Result,
    Statistics,
    Unreachable,
    find_capabilities,
    read_statistics,
)
from rtpengine.http import HttpClient
from tests.rtpengine import engines
from tests.rtpengine.engines import HOST, EngineUnderTest, free_port

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def listening(request: pytest.FixtureRequest) -> Iterator[tuple[EngineUnderTest, int]]:
    """Each engine with an HTTP listener."""
    port = free_port()
    start = engines.embedded if request.param == "embedded" else engines.real
    with start(f"--listen-http={HOST}:{port}") as engine:
        yield engine, port


@pytest.mark.parametrize("as_json", [False, True])
def test_requests_follow_each_other_on_one_connection(listening: tuple[EngineUnderTest, int], as_json: bool) -> None:
    """In both encodings."""

    async def talk() -> None:
        client = HttpClient(HOST, listening[1], as_json=as_json)
        assert (await client.request(Ping())).result is Result.PONG
        assert (await client.request(List())).body["calls"] == []
        assert read_statistics(await client.request(Statistics())).interfaces[0].free > 0
        client.close()

    asyncio.run(talk())


def test_features_are_found_without_touching_anything(listening: tuple[EngineUnderTest, int]) -> None:
    """10.5.3 knows no pause; the embedded engine says what it is without."""
    engine, port = listening

    async def learn() -> Capabilities:
        client = HttpClient(HOST, port)
        capabilities = await find_capabilities(client.request)
        client.close()
        return capabilities

    capabilities = asyncio.run(learn())
    assert not capabilities.has(Feature.MESH)
    assert capabilities.has(Feature.TRANSCODING) == (engine.name == "rtpengine")
    if engine.name == "rtpengine":
        assert capabilities.release == "before 11.3"


@pytest.mark.parametrize(
    ("first", "kind", "body", "status"),
    [
        ("POST /ng", "application/json", b'c {"command":"ping"}', b"404"),
        ("POST /ng", "application/x-rtpengine-ng", b'{"command":"ping"}', b"600"),
        ("POST /ng-plain", "application/json", b'{"command":"ping"}', b"404"),
        ("POST /ng", "application/x-rtpengine-ng", b"c d7:command6:foobare", b"200"),
    ],
)
def test_status_is_the_daemons(
    listening: tuple[EngineUnderTest, int], first: str, kind: str, body: bytes, status: bytes
) -> None:
    """As recorded."""

    async def post() -> bytes:
        reader, writer = await asyncio.open_connection(HOST, listening[1])
        head = f"{first} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        line = await asyncio.wait_for(reader.readline(), engines.WAIT)
        writer.close()
        return line

    assert asyncio.run(post()).split(b" ")[1] == status


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"", "connection failed"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "usable length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "usable length"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"nonsense\r\nContent-Length: 0\r\n\r\n", "status missing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "garbled"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nx d6:result4:ponge", "connection failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nx d6:result4:ponge", "another request"),
        (b"x" * 20000, "connection failed"),
    ],
)
def test_server_that_lies_is_unreachable(response: bytes, reason: str) -> None:
    """It is named, and nothing hangs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async def talk() -> None:
        async with engines.serving(serve) as port:
            client = HttpClient(HOST, port, timeout=20.0)
            with pytest.raises(Unreachable, match=reason):
                await client.request(Ping())
            client.close()

    asyncio.run(talk())
