"""The control socket of a node with several workers: each question goes to all of them, one answer comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
from aiohttp import web

from sbc.admin.merge import merged
from sbc.admin.openapi import describe
from sbc.admin.operations import Json, Operation
from sbc.admin.site import ControlSite, Handler, answer, deadline_of, refuse

PATIENCE: Final = 5.0
"""Seconds that one worker may take; one that is being replaced is left out."""
_ONE: Final = frozenset({"call", "hangup"})
"""Operations on a call, which is one worker's: the first that knows it answers."""

_SWITCHES: Final = frozenset({"drain_media", "enable_media", "disable_trunk", "enable_trunk"})
"""Operations that last until the opposite is asked for: whoever comes after a worker that died has to know of them."""

Check = Callable[[], Awaitable[list[Json]]]
"""What is wrong with the configuration as it would be read again."""
Said = tuple[int, Json]


class Changes(Protocol):
    """Who changes processes: the supervisor. Each gives an HTTP status and what to say."""

    async def upgrade(self, seconds: float | None) -> tuple[int, Json]:
        """Have the version that is installed now take over, its workers within so many seconds."""

    async def relieve(self, worker: int, seconds: float | None) -> tuple[int, Json]:
        """Have another process be this worker, within so many seconds."""


class RelayServer(ControlSite):
    """Serves the same table of operations as a worker does. `members` are the workers' own control sockets."""

    def __init__(
        self,
        members: Callable[[], Sequence[Path]],
        path: Path,
        check: Check,
        describe: Callable[[], Json],
        changes: Changes,
    ) -> None:
        """`describe` tells of the supervisor and of the journal, which it writes for all."""
        super().__init__(path)
        self._describe: Final = describe
        self._changes: Final = changes
        self._members: Final = members
        self._check: Final = check
        self.on_drain: Callable[[float | None], None] = lambda seconds: None
        """Told before the workers are, so that one that dies meanwhile has a successor that drains."""
        self._switched: Final[dict[tuple[str, str], str]] = {}
        """What is out of service now, by what it is: the request that put it there."""

    def handler(self, operation: Operation) -> Handler:
        """What serves this operation."""
        if operation.id == "openapi":
            return self._openapi
        if operation.id == "trace":
            return self._trace
        if operation.id == "reload":
            return self._reload
        if operation.id == "upgrade":
            return self._upgrade
        if operation.id == "drain":
            return self._drain
        if operation.id == "drain_worker":
            return self._drain_worker
        if operation.id in _SWITCHES:
            return self._switch
        return self._relay_one if operation.id in _ONE else self._relay_all

    async def drain(self) -> None:
        """As an operator would ask for it."""
        self.on_drain(None)
        await self._ask_all("POST", "/drain")

    async def remind(self, member: Path) -> None:
        """Tell a worker that was not there when operators took something out of service."""
        for path in list(self._switched.values()):
            await _ask(member, "POST", path)

    async def reload(self) -> list[Json]:
        """As an operator would ask for it; what is wrong with the configuration."""
        findings = await self._check()
        if findings:
            return findings
        for status, body in await self._ask_all("POST", "/reload"):
            if status != 200:
                found = body.get("findings")
                return found if isinstance(found, list) else [{"text": str(body.get("error"))}]
        return []

    async def _relay_all(self, request: web.Request) -> web.Response:
        said = await self._ask_all(request.method, request.path_qs)
        failed = [one for one in said if one[0] != 200]
        if failed or not said:
            status, body = failed[0] if failed else (503, {"error": "no worker answers"})
            return web.json_response(body, status=status)
        whole = merged([body for _, body in said])
        if request.path == "/status":
            whole["workers"] = [_brief(body) for _, body in said]
            described = self._describe()
            journal: Any = described["journal"]
            whole["journal"] = merged([journal, whole["journal"]])
            whole["supervisor"] = described["supervisor"]
            media: Any = whole["media"]
            media.update(described["media"])
        return answer(whole)

    async def _drain(self, request: web.Request) -> web.Response:
        seconds = deadline_of(request)
        if isinstance(seconds, web.Response):
            return seconds
        self.on_drain(seconds)
        return await self._relay_all(request)

    async def _switch(self, request: web.Request) -> web.Response:
        response = await self._relay_all(request)
        what, _, verb = request.path.rpartition("/")
        if response.status == 200 and verb == "enable":
            self._switched.pop((what, request.query_string), None)
        elif response.status == 200:
            self._switched[what, request.query_string] = request.path_qs
        return response

    async def _relay_one(self, request: web.Request) -> web.Response:
        said = await self._ask_all(request.method, request.path_qs)
        if not said:
            return refuse(503, "no worker answers")
        status, body = min(said, key=lambda one: one[0])
        return web.json_response(body, status=status)

    async def _reload(self, _: web.Request) -> web.Response:
        findings = await self.reload()
        if findings:
            return refuse(422, "the configuration has errors; the old one stays in force", findings)
        return answer({"done": "reloaded"})

    async def _upgrade(self, request: web.Request) -> web.Response:
        seconds = deadline_of(request)
        if isinstance(seconds, web.Response):
            return seconds
        status, body = await self._changes.upgrade(seconds)
        return web.json_response(body, status=status)

    async def _drain_worker(self, request: web.Request) -> web.Response:
        seconds, worker = deadline_of(request), request.match_info["worker"]
        if isinstance(seconds, web.Response):
            return seconds
        if not (worker.isascii() and worker.isdigit() and len(worker) < 4):
            return refuse(404, "a worker is a number")
        status, body = await self._changes.relieve(int(worker), seconds)
        return web.json_response(body, status=status)

    async def _openapi(self, _: web.Request) -> web.Response:
        from sbc import __version__

        return answer(describe(__version__))

    async def _trace(self, request: web.Request) -> web.StreamResponse:
        if not request.query.get("call", ""):
            return refuse(400, "no call was named: /trace?call=ID, or call=all")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        follows = request.query.get("follow", "0") not in ("0", "")
        with contextlib.suppress(ConnectionResetError):  # whoever listened has gone
            if follows:
                await asyncio.gather(*(_follow(member, request.path_qs, response) for member in self._members()))
            else:
                found = await asyncio.gather(*(_lines(member, request.path_qs) for member in self._members()))
                lines = [line for one in found for line in one]
                lines.sort(key=lambda line: float(json.loads(line)["time"]))
                await response.write(b"".join(lines))
            await response.write_eof()
        return response

    async def _ask_all(self, method: str, path: str) -> list[Said]:
        said = await asyncio.gather(*(_ask(member, method, path) for member in self._members()))
        return [one for one in said if one is not None]


async def _ask(member: Path, method: str, path: str) -> Said | None:
    """What a worker says, None where it does not."""
    try:
        async with _session(member) as session, session.request(method, f"http://worker{path}") as response:
            return response.status, await response.json()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None


async def _lines(member: Path, path: str) -> list[bytes]:
    try:
        async with _session(member) as session, session.get(f"http://worker{path}") as response:
            return (await response.read()).splitlines(keepends=True)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return []


async def _follow(member: Path, path: str, response: web.StreamResponse) -> None:
    """Line by line, as they come; until the worker ends."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        timeout = aiohttp.ClientTimeout(total=None)
        async with _session(member) as session, session.get(f"http://worker{path}", timeout=timeout) as said:
            async for line in said.content:
                await response.write(line)


def _session(member: Path) -> aiohttp.ClientSession:
    connector = aiohttp.UnixConnector(path=str(member))
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE))


def _brief(body: Json) -> Json:
    return {key: body[key] for key in ("pid", "calls", "uptime", "state", "steering") if key in body}
