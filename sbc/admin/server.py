"""The control socket's HTTP side, on aiohttp. Takes no signals, opens no other port."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Final

from aiohttp import web

import sbc
from sbc.admin.openapi import describe
from sbc.admin.operations import Json, Node, Operation
from sbc.admin.site import ControlSite, Handler, answer, deadline_of, refuse
from sbc.admin.trace import Trace

_POLL: Final = 0.1
_MOST: Final = 1000
_NO_TRUNK: Final = "no such trunk, or no such target of it; `sbc trunk list` (GET /trunks) has them"


_ONE_PROCESS: Final = (
    "this node is one process, which nobody can relieve: `sbc drain` it and start the next one on the same state; with "
    "`workers = 2` in [node], or `--workers 2`, that one can be relieved while it works"
)


class ControlServer(ControlSite):
    """Serves the table of operations for one node."""

    def __init__(self, node: Node, path: Path) -> None:
        super().__init__(path)
        self._node: Final = node

    def handler(self, operation: Operation) -> Handler:
        """The method that bears the operation's name."""
        found: Handler = getattr(self, f"_{operation.id}")
        return found

    async def _status(self, _: web.Request) -> web.Response:
        return answer(self._node.status())

    async def _calls(self, request: web.Request) -> web.Response:
        most = request.query.get("limit", str(_MOST))
        if not (most.isascii() and most.isdigit() and len(most) <= 9):
            return refuse(400, "limit is not a number")
        return answer({"total": self._node.active_calls, "calls": self._node.calls(int(most))})

    async def _call(self, request: web.Request) -> web.Response:
        name = request.match_info["call"]
        call = self._node.call(name)
        if call is None:
            return refuse(404, "no live call of this id; `sbc calls` (GET /calls) has them")
        return answer(call | {"quality": await self._node.quality(name)})

    async def _hangup(self, request: web.Request) -> web.Response:
        call = request.match_info["call"]
        if not self._node.hangup(call):
            return refuse(404, "no live call of this id; `sbc calls` (GET /calls) has them")
        return answer({"done": "hung up", "call": call})

    async def _media(self, _: web.Request) -> web.Response:
        return answer({"engines": self._node.media_engines()})

    async def _enable_media(self, request: web.Request) -> web.Response:
        return self._switch_media(request, is_enabled=True)

    async def _drain_media(self, request: web.Request) -> web.Response:
        return self._switch_media(request, is_enabled=False)

    def _switch_media(self, request: web.Request, *, is_enabled: bool) -> web.Response:
        engine = request.match_info["engine"]
        if not self._node.switch_media(engine, is_enabled):
            return refuse(404, "no such media engine; `sbc media list` (GET /media) has them")
        return answer({"done": "enabled" if is_enabled else "drained", "engine": engine})

    async def _trunks(self, _: web.Request) -> web.Response:
        return answer({"trunks": self._node.trunks()})

    async def _trunk(self, request: web.Request) -> web.Response:
        trunk = self._node.trunk(request.match_info["trunk"])
        return refuse(404, _NO_TRUNK) if trunk is None else answer(trunk)

    async def _enable_trunk(self, request: web.Request) -> web.Response:
        return self._switch(request, True)

    async def _disable_trunk(self, request: web.Request) -> web.Response:
        return self._switch(request, False)

    def _switch(self, request: web.Request, is_enabled: bool) -> web.Response:
        trunk, target = request.match_info["trunk"], request.query.get("target", "")
        if not self._node.switch_trunk(trunk, target, is_enabled):
            return refuse(404, _NO_TRUNK)
        return answer({"done": "enabled" if is_enabled else "disabled", "trunk": trunk, "target": target})

    async def _probe_trunk(self, request: web.Request) -> web.Response:
        trunk, target = request.match_info["trunk"], request.query.get("target", "")
        if not self._node.probe_trunk(trunk, target):
            return refuse(404, _NO_TRUNK)
        return answer({"done": "asked", "trunk": trunk, "target": target})

    async def _drain(self, request: web.Request) -> web.Response:
        deadline = deadline_of(request)
        if isinstance(deadline, web.Response):
            return deadline
        return answer({"done": "draining", **self._node.drain(deadline)})

    async def _upgrade(self, _: web.Request) -> web.Response:
        return refuse(409, _ONE_PROCESS)

    async def _drain_worker(self, _: web.Request) -> web.Response:
        return refuse(409, _ONE_PROCESS)

    async def _reload(self, _: web.Request) -> web.Response:
        findings = await self._node.reload()
        if findings:
            return refuse(422, "the configuration has errors; the old one stays in force", findings)
        return answer({"done": "reloaded"})

    async def _trace(self, request: web.Request) -> web.StreamResponse:
        call = request.query.get("call", "")
        if not call:
            return refuse(400, "no call was named: /trace?call=ID, or call=all")
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
        return answer(describe(sbc.__version__))


async def _send(response: web.StreamResponse, entries: list[Json]) -> None:
    if entries:
        await response.write("".join(json.dumps(entry) + "\n" for entry in entries).encode())
