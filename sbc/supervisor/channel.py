"""Between the supervisor that goes and the one that comes: lines of JSON over a pair of sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any, Final

_LONGEST: Final = 1 << 20


class ChannelEnded(OSError):
    """The other one is gone, or says what cannot be read."""


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader: Final = reader
        self._writer: Final = writer

    @staticmethod
    async def open(sock: socket.socket) -> Channel:
        """This end of the pair."""
        return Channel(*await asyncio.open_connection(sock=sock, limit=_LONGEST))

    def say(self, what: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Tell the other one, which may be gone: that is noticed by who listens."""
        with contextlib.suppress(OSError):
            self._writer.write(json.dumps({"what": what} | more).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """The next thing that the other one says; `what` says what it is. Raises ChannelEnded."""
        try:
            line = await self._reader.readline()
            found = json.loads(line) if line else None
        except (OSError, ValueError) as error:
            raise ChannelEnded(str(error)) from None
        if not isinstance(found, dict) or "what" not in found:
            raise ChannelEnded("the other process has ended")
        return found

    async def close(self) -> None:
        """Say no more."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
