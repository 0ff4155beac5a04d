"""The control socket's HTTP side, on aiohttp. Takes no signals, opens no other port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

import sbc
from sbc.admin.openapi import describe
from sbc.admin.operations import OPERATIONS, Json, Node
from sbc.admin.socket import open_control_socket, remove_control_socket
from sbc.admin.trace import Trace

_POLL: Final = 0.1
_MOST: Final = 1000
_NO_TRUNK: Final = "no such trunk, or no such target of it; see `GET /trunks`"


class ControlServer:
    """Serves the table of operations for one node. `open` and `close` bracket its life."""

    def __init__(self, node: Node, path: Path) -> None:
        self._node: Final = node
        self._path: Final = path
        self._closing: Final = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._inode = 0

    async def open(self) -> None:
        """Bind and serve. Raises ControlError."""
        sock = open_control_socket(self._path)
        self._inode = os.stat(self._path).st_ino
        app = web.Application(middlewares=[_errors_as_json], client_max_size=1 << 20)
        for operation in OPERATIONS:
            app.router.add_route(operation.method, operation.path, getattr(self, f"_{operation.id}"))
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """End what is being served and remove the socket's file."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            remove_control_socket(self._path, self._inode)

    async def _status(self, _: web.Request) -> web.Response:
        return _answer(self._node.status())

    async def _calls(self, request: web.Request) -> web.Response:
        most = request.query.get("limit", str(_MOST))
        if not (most.isascii() and most.isdigit()):
            return _refuse(400, "limit is not a number")
        calls = self._node.calls()
        return _answer({"total": len(calls), "calls": calls[: int(most)]})

    async def _call(self, request: web.Request) -> web.Response:
        call = self._node.call(request.match_info["call"])
        return _refuse(404, "no live call of this id") if call is None else _answer(call)

    async def _hangup(self, request: web.Request) -> web.Response:
        call = request.match_info["call"]
        if not self._node.hangup(call):
            return _refuse(404, "no live call of this id")
        return _answer({"done": "hung up", "call": call})

    async def _media(self, _: web.Request) -> web.Response:
        return _answer({"engines": self._node.media_engines()})

    async def _enable_media(self, request: web.Request) -> web.Response:
        return self._switch_media(request, is_enabled=True)

    async def _drain_media(self, request: web.Request) -> web.Response:
        return self._switch_media(request, is_enabled=False)

    def _switch_media(self, request: web.Request, *, is_enabled: bool) -> web.Response:
        engine = request.match_info["engine"]
        if not self._node.switch_media(engine, is_enabled):
            return _refuse(404, "no such media engine; see `GET /media`")
        return _answer({"done": "enabled" if is_enabled else "drained", "engine": engine})

    async def _trunks(self, _: web.Request) -> web.Response:
        return _answer({"trunks": self._node.trunks()})

    async def _trunk(self, request: web.Request) -> web.Response:
        trunk = self._node.trunk(request.match_info["trunk"])
        return _refuse(404, _NO_TRUNK) if trunk is None else _answer(trunk)

    async def _enable_trunk(self, request: web.Request) -> web.Response:
        return self._switch(request, True)

    async def _disable_trunk(self, request: web.Request) -> web.Response:
        return self._switch(request, False)

    def _switch(self, request: web.Request, is_enabled: bool) -> web.Response:
        trunk, target = request.match_info["trunk"], request.query.get("target", "")
        if not self._node.switch_trunk(trunk, target, is_enabled):
            return _refuse(404, _NO_TRUNK)
        return _answer({"done": "enabled" if is_enabled else "disabled", "trunk": trunk, "target": target})

    async def _probe_trunk(self, request: web.Request) -> web.Response:
        trunk, target = request.match_info["trunk"], request.query.get("target", "")
        if not self._node.probe_trunk(trunk, target):
            return _refuse(404, _NO_TRUNK)
        return _answer({"done": "asked", "trunk": trunk, "target": target})

    async def _drain(self, request: web.Request) -> web.Response:
        text = request.query.get("deadline")
        try:
            deadline = None if text is None else float(text)
        except ValueError:
            return _refuse(400, "deadline is not a number of seconds")
        if deadline is not None and not 0 <= deadline < 1e9:
            return _refuse(400, "deadline is not a number of seconds")
        return _answer({"done": "draining", **self._node.drain(deadline)})

    async def _reload(self, _: web.Request) -> web.Response:
        findings = await self._node.reload()
        if findings:
            return _refuse(422, "the configuration has errors; the old one stays in force", findings)
        return _answer({"done": "reloaded"})

    async def _trace(self, request: web.Request) -> web.StreamResponse:
        call = request.query.get("call", "")
        if not call:
            return _refuse(400, "no call was named: /trace?call=ID, or call=all")
        trace = Trace(call)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        follow = request.query.get("follow", "0") not in ("0", "")
        with contextlib.suppress(ConnectionResetError):  # whoever listened has gone
            await _send(response, trace.fresh(self._node.recorder))
            while follow and not self._closing.is_set() and request.transport is not None:
                await asyncio.sleep(_POLL)
                await _send(response, trace.fresh(self._node.recorder))
            await response.write_eof()
        return response

    async def _openapi(self, _: web.Request) -> web.Response:
        return _answer(describe(sbc.__version__))


async def _send(response: web.StreamResponse, entries: list[Json]) -> None:
    if entries:
        await response.write("".join(json.dumps(entry) + "\n" for entry in entries).encode())


def _answer(body: Json) -> web.Response:
    return web.json_response(body)


def _refuse(status: int, text: str, findings: list[Json] | None = None) -> web.Response:
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
        return _refuse(error.status, f"{request.method} {request.path}: {error.reason.lower()}; see GET /openapi.json")
