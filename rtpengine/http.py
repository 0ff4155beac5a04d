"""The controller's HTTP client: `POST /ng` on a kept connection, for replies that no datagram can hold.

A `list` or `statistics` of a busy engine passes 64 kB, beyond which a UDP reply is lost without a word. One request
at a time; a connection that fails is opened again once, with the same cookie, so that nothing is worked off twice.

Not for: offers and answers of running calls, which the UDP client keeps in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Final

from rtpengine.errors import GarbledReply, Unreachable
from rtpengine.replies import Reply, decode_reply
from rtpengine.wire import Request, encode_request

DEFAULT_TIMEOUT: Final = 5.0
MAX_BODY: Final = 16 * 1024 * 1024
MAX_HEAD: Final = 8192
_CONTENT_TYPE: Final = "application/x-rtpengine-ng"


class HttpClient:
    """One engine's HTTP listener (`--listen-http`), by address and port."""

    def __init__(self, host: str, port: int, *, timeout: float = DEFAULT_TIMEOUT, as_json: bool = False) -> None:
        self._host: Final = host
        self._port: Final = port
        self._timeout: Final = timeout
        """Seconds for a whole exchange."""
        self._as_json: Final = as_json
        self._lock: Final = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, command: Request) -> Reply:
        """Send and wait. The reply may be a no; silence, nonsense and HTTP errors raise `Unreachable`."""
        cookie = secrets.token_hex(16).encode()
        body = encode_request(cookie, command, as_json=self._as_json)
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    payload = await self._exchange(body)
            except TimeoutError:
                self.close()
                raise Unreachable(f"no reply in {self._timeout:g} s") from None
            except (OSError, EOFError, asyncio.LimitOverrunError) as error:
                self.close()
                raise Unreachable(f"the connection failed: {error}") from error
        try:
            got, reply = decode_reply(payload)
        except GarbledReply as error:
            raise Unreachable(f"a garbled reply: {error}") from error
        if got != cookie:
            raise Unreachable("a reply to another request")
        return reply

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _exchange(self, body: bytes) -> bytes:
        if self._streams is not None:
            with contextlib.suppress(OSError, EOFError):  # closed while it was idle
                return await self._post(*self._streams, body)
            self.close()
        self._streams = await asyncio.open_connection(self._host, self._port, limit=MAX_HEAD)
        return await self._post(*self._streams, body)

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> bytes:
        writer.write(head_of(self._host, self._port, len(body)) + body)
        await writer.drain()
        status, length, is_last = length_in(await reader.readuntil(b"\r\n\r\n"))
        if length < 0:
            self.close()
            raise Unreachable("an HTTP response without a usable length")
        payload = await reader.readexactly(length)
        if is_last:
            self.close()
        if status != "200":
            raise Unreachable(f"HTTP status {status}")
        return payload


def head_of(host: str, port: int, length: int) -> bytes:
    """The head of a request with a body of so many bytes."""
    place = f"[{host}]" if ":" in host else host
    return (
        f"POST /ng HTTP/1.1\r\nHost: {place}:{port}\r\nContent-Type: {_CONTENT_TYPE}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def length_in(head: bytes) -> tuple[str, int, bool]:
    """Of a response's head the status, the length of its body (below zero: none that could be used), and whether it is
    the last one on its connection."""
    status, fields = _parse_head(head)
    text = fields.get("content-length", "")
    fits = text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= MAX_BODY
    return status, int(text) if fits else -1, fields.get("connection", "").lower() == "close"


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    """The status and the header fields; a name that comes again has its first value."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    status = words[1] if len(words) > 1 else ""
    return status if status.isdigit() and len(status) == 3 else "missing", fields
