"""Ways to the media engines that the configuration names."""

from __future__ import annotations

from collections.abc import Sequence

from rtpengine.client import DEFAULT_ATTEMPTS, Client
from sbc.config import Engine


async def connect_engines(engines: Sequence[Engine], interval: float) -> list[Client]:
    """A client for each; `interval` is the time in seconds after which a command is repeated.

    With another engine to turn to, a silent one is given up sooner.
    """
    attempts = 2 if len(engines) > 1 else DEFAULT_ATTEMPTS
    return [
        await Client.connect(
            one.host, one.port, interval=interval, attempts=attempts, as_json=one.as_json, by_http=one.is_http
        )
        for one in engines
    ]
