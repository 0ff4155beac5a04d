"""Every now and then each media engine is asked what it holds; the worker compares that with its calls."""

from __future__ import annotations

import asyncio
import re
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client
from rtpengine.http import HttpClient
from sbc.supervisor.greeting import Greeter

BY_DATAGRAM: Final = 1000
"""Sessions asked for in one datagram: under the mark of a node they fill 50 kB, and 64 kB are lost without a word."""
BY_HTTP: Final = 10_000
_MAX_NOTICE: Final = 8192
_NOTICE_SECONDS: Final = 5.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,5})[ \t]*\r\n", re.IGNORECASE)
_SESSION: Final = re.compile(rb"sbc-[0-9a-f]{16}-[0-9a-f]{22}")
_THANKS: Final = (
    b"<?xml version='1.0'?><methodResponse><params><param><value><i4>0</i4></value></param></params></methodResponse>"
)


class Hearer(Protocol):
    """Whom it is told to: the worker."""

    def media_listed(self, engine: int, listed: frozenset[str], uptime: float, is_complete: bool) -> None:
        """The sessions that a media engine holds."""


class TimeoutHearer(Protocol):
    """Whom timeouts are told to: the worker, or all of them."""

    def media_timed_out(self, session: str) -> None:
        """A media engine has given up a session."""


async def sweep_engines(
    clients: list[Client], by_http: list[HttpClient | None], hearer: Hearer, greeter: Greeter, every: float
) -> None:
    """Meet all of them, then list them, for ever, one after the other; one that does not answer is left out.

    One that has begun anew is met again: it may be another release. `every` 0: they are only met.
    """
    await asyncio.gather(*(greeter.greet(engine, client) for engine, client in enumerate(clients)))
    uptimes = [0.0] * len(clients)
    while every:
        await asyncio.sleep(every)
        for engine, client in enumerate(clients):
            try:
                uptime = await _sweep(engine, client, by_http[engine], hearer)
            except rtpengine.Unreachable:
                continue
            if uptime < uptimes[engine]:
                await greeter.greet(engine, client)
            uptimes[engine] = uptime


async def _sweep(engine: int, client: Client, http: HttpClient | None, hearer: Hearer) -> float:
    ask = client.request if http is None else http.request
    limit = BY_DATAGRAM if http is None else BY_HTTP
    statistics = rtpengine.read_statistics(await ask(rtpengine.Statistics()))
    reply = await ask(rtpengine.List(limit))
    if reply.result is rtpengine.Result.OK:
        listed = rtpengine.read_calls(reply)
        hearer.media_listed(engine, frozenset(listed), float(statistics.uptime), len(listed) < limit)
    return float(statistics.uptime)


async def open_timeouts(host: str, port: int, hearer: TimeoutHearer) -> asyncio.Server:
    """Listen for engines that tell of media timeouts (`--b2b-url=http://HOST:PORT/`, any `--xmlrpc-format`)."""

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_NOTICE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(min(int(length[1]), _MAX_NOTICE) if length else 0)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(_THANKS), _THANKS)
                )
                await writer.drain()
            for session in sessions_in(body):
                hearer.media_timed_out(session)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            return  # the sweep will find out
        finally:
            writer.close()

    return await asyncio.start_server(receive, host, port, limit=_MAX_NOTICE)


def sessions_in(notice: bytes) -> list[str]:
    """The sessions that a notice names, each once; what else it says does not matter."""
    return list(dict.fromkeys(found.decode() for found in _SESSION.findall(notice)))
