"""The certificates a node shows: when they end, told before it hurts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from sbc.admin import Json
from sbc.config import Config
from sbc.config.load import Expiry, expiries
from sbc.telemetry import Logger

REMIND: Final = 86400.0
"""Seconds between two warnings of the same certificate."""


class Certificates:
    """What is in force, as far as its end goes; `take` follows a reload."""

    def __init__(self, logger: Logger) -> None:
        self._logger: Final = logger
        self._known: list[Expiry] = []

    def take(self, config: Config) -> None:
        """Note the end of every certificate that is shown from now on, and warn of those that are due."""
        self._known = expiries(config)
        self._warn()

    def rows(self) -> list[Json]:
        """One a certificate, for `sbc status`."""
        now = datetime.now(UTC)
        return [
            {
                "realm": one.realm,
                "name": one.name,
                "file": one.file,
                "expires": one.until.isoformat(),
                "days": one.days(now),
                "due": one.is_due(now),
            }
            for one in self._known
        ]

    async def remind(self) -> None:
        """Warn once a day; until cancelled."""
        while True:
            await asyncio.sleep(REMIND)
            self._warn()

    def _warn(self) -> None:
        now = datetime.now(UTC)
        for one in self._known:
            if one.is_due(now):
                log = self._logger.error if one.days(now) < 0 else self._logger.warning
                log("certificate expires", realm=one.realm, file=one.file, days=one.days(now), name=one.name)
