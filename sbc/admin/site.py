"""The control socket's life, whoever answers behind it: bound, served, refusals as JSON, removed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from sbc.admin.operations import OPERATIONS, Json, Operation
from sbc.admin.socket import open_control_socket, remove_control_socket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlSite:
    """Serves the table of operations. `open` and `close` bracket its life."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._closing: Final = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._inode = 0
        self._sock: socket.socket | None = None
        self._site: web.SockSite | None = None

    def handler(self, operation: Operation) -> Handler:
        """What serves this operation."""
        raise NotImplementedError(operation.id)

    @property
    def descriptor(self) -> int:
        """Of the socket that listens."""
        assert self._sock is not None
        return self._sock.fileno()

    async def open(self, given: socket.socket | None = None) -> None:
        """Bind, unless a socket that listens is `given`, and serve. Raises ControlError."""
        self._sock = given or open_control_socket(self._path)
        self._inode = os.stat(self._path).st_ino
        app = web.Application(middlewares=[_errors_as_json], client_max_size=1 << 20)
        for operation in OPERATIONS:
            app.router.add_route(operation.method, operation.path, self.handler(operation))
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        """Take requests, from now on or again."""
        assert self._sock is not None
        assert self._runner is not None
        self._site = web.SockSite(self._runner, self._sock.dup())
        await self._site.start()

    async def release(self) -> None:
        """Take no more: another process does, by the same socket. What is being answered goes on."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()

    async def close(self) -> None:
        """End what is being served and remove the socket's file, unless it was released."""
        self._closing.set()
        if self._runner is None:
            return
        is_ours = self._site is not None
        await self._runner.cleanup()
        if self._sock is not None:
            self._sock.close()
        if is_ours:
            remove_control_socket(self._path, self._inode)


def answer(body: Json) -> web.Response:
    """200 with this body."""
    return web.json_response(body)


def refuse(status: int, text: str, findings: list[Json] | None = None) -> web.Response:
    """A refusal in words."""
    body: Json = {"error": text}
    if findings:
        body["findings"] = findings
    return web.json_response(body, status=status)


def deadline_of(request: web.Request) -> float | web.Response | None:
    """The seconds in the query, None where there are none; a refusal for what is no number of seconds."""
    text = request.query.get("deadline")
    try:
        deadline = None if text is None else float(text)
    except ValueError:
        deadline = -1.0
    if deadline is not None and not 0 <= deadline < 1e9:
        return refuse(400, "deadline is not a number of seconds")
    return deadline


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return refuse(error.status, f"{request.method} {request.path}: {error.reason.lower()}; see GET /openapi.json")
