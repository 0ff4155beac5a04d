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
_MAX_HEAD: Final = 8192
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
        self._streams = await asyncio.open_connection(self._host, self._port, limit=_MAX_HEAD)
        return await self._post(*self._streams, body)

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        head = (
            f"POST /ng HTTP/1.1\r\nHost: {host}:{self._port}\r\nContent-Type: {_CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        status, fields = _parse_head(await reader.readuntil(b"\r\n\r\n"))
        length = fields.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) <= 9) or int(length) > MAX_BODY:
            self.close()
            raise Unreachable("an HTTP response without a usable length")
        payload = await reader.readexactly(int(length))
        if fields.get("connection", "").lower() == "close":
            self.close()
        if status != "200":
            raise Unreachable(f"HTTP status {status}")
        return payload


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
