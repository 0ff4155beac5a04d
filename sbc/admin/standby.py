"""The control socket of a node that waits for its turn: it says so, and refuses everything else."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from aiohttp import web

import sbc
from sbc.admin.openapi import describe
from sbc.admin.operations import Json, Operation
from sbc.admin.site import ControlSite, Handler, answer, refuse


class StandbyServer(ControlSite):
    """Serves the same table of operations as a node that runs. `waiting_for` may change."""

    def __init__(self, path: Path, name: str, configuration: Json, journal: Json) -> None:
        """`configuration` and `journal` as `/status` has them."""
        super().__init__(path)
        self.waiting_for = ""
        self._known: Final[Json] = {"name": name, "configuration": configuration}
        self._journal: Final = journal
        self._started: Final = time.monotonic()

    def handler(self, operation: Operation) -> Handler:
        """What serves this operation."""
        return {"status": self._status, "openapi": self._openapi}.get(operation.id, self._refuse)

    def status(self) -> Json:
        """The node at one glance: nothing but that it waits, and for what."""
        return self._known | {
            "version": sbc.__version__,
            "pid": os.getpid(),
            "state": "standby",
            "uptime": round(time.monotonic() - self._started, 1),
            "calls": 0,
            "connections": 0,
            "listeners": [],
            "journal": self._journal | {"waiting_for": self.waiting_for},
        }

    async def _status(self, _: web.Request) -> web.Response:
        return answer(self.status())

    async def _openapi(self, _: web.Request) -> web.Response:
        return answer(describe(sbc.__version__))

    async def _refuse(self, _: web.Request) -> web.Response:
        return refuse(503, f"this node stands by and has nothing to tell; it waits for {self.waiting_for}")
