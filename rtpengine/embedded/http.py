"""`POST /ng` over HTTP/1.1: the control protocol for whoever asks for more than a datagram holds.

As the daemon has it: the content type exactly, a length and no chunks, the cookie in front of the body, and status 600
for a body without one. Whatever else is asked for is not found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

CONTENT_TYPE: Final = "application/x-rtpengine-ng"
MAX_CONNECTIONS: Final = 64
MAX_BODY: Final = 1024 * 1024
IDLE: Final = 60.0
"""Seconds in which a request must have come whole."""
_MAX_HEAD: Final = 8192

Answer: TypeAlias = Callable[[bytes], "bytes | None"]
"""A cookie and a payload to a cookie and a reply; None where there is no cookie."""


class HttpListener:
    """A listening socket and its connections."""

    def __init__(self, answer: Answer) -> None:
        self._answer: Final = answer
        self._server: asyncio.Server | None = None
        self._writers: Final[set[asyncio.StreamWriter]] = set()

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address bound, where port 0 was asked."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_MAX_HEAD)
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            return  # the client has gone, or is none
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection is not to be used again."""
        async with asyncio.timeout(IDLE):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = fields.get("content-length", "")
            if not (length.isascii() and length.isdigit() and len(length) <= 7 and int(length) <= MAX_BODY):
                return False
            body = await reader.readexactly(int(length))
            status, kind, reply = self.reply(first, fields.get("content-type", ""), body)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(reply)}\r\n\r\n".encode() + reply
            )
            await writer.drain()
        return fields.get("connection", "").lower() != "close"

    def reply(self, first: str, content_type: str, body: bytes) -> tuple[str, str, bytes]:
        """Status, content type and body of the response to a request line, a content type and a body."""
        if first.split(" ")[:2] != ["POST", "/ng"] or content_type != CONTENT_TYPE:
            return "404 Not Found", "text/plain", b"not found\n"
        reply = self._answer(body)
        if reply is None:
            return "600 Error", "text/plain", b"error\n"
        return "200 OK", CONTENT_TYPE, reply
