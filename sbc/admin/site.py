"""The control socket's life, whoever answers behind it: bound, served, refusals as JSON, removed."""

from __future__ import annotations

import asyncio
import os
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

    def handler(self, operation: Operation) -> Handler:
        """What serves this operation."""
        raise NotImplementedError(operation.id)

    async def open(self) -> None:
        """Bind and serve. Raises ControlError."""
        sock = open_control_socket(self._path)
        self._inode = os.stat(self._path).st_ino
        app = web.Application(middlewares=[_errors_as_json], client_max_size=1 << 20)
        for operation in OPERATIONS:
            app.router.add_route(operation.method, operation.path, self.handler(operation))
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """End what is being served and remove the socket's file."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
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
