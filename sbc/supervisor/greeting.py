"""What each media engine is and has, found out when the node meets it: before a call needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import rtpengine
from rtpengine.client import Client
from sbc.telemetry import Logger


class Hearer(Protocol):
    """Whom it is told to: the worker."""

    def media_known(self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities) -> None:
        """A media engine's interfaces and abilities."""


class Greeter:
    """Asks an engine for its interfaces and abilities, logs what is missing, tells the worker."""

    def __init__(self, names: list[str], wanted: Mapping[str, str], hearer: Hearer, logger: Logger) -> None:
        """`names` are the engines' own; `wanted` has the interface that each realm's media go by."""
        self._names: Final = names
        self._wanted: Final = wanted
        self._hearer: Final = hearer
        self._logger: Final = logger

    async def greet(self, engine: int, client: Client) -> None:
        """Meet it; one that does not answer is met when it does. Raises nothing."""
        try:
            capabilities = await rtpengine.find_capabilities(client.request)
            found = rtpengine.read_statistics(await client.request(rtpengine.Statistics())).interfaces
        except rtpengine.Unreachable as error:
            self._logger.warning("media engine does not answer", engine=self._names[engine], reason=str(error))
            return
        interfaces = frozenset(one.name for one in found)
        lacks = [feature.value for feature in rtpengine.Feature if not capabilities.has(feature)]
        self._logger.info(
            "media engine",
            engine=self._names[engine],
            release=capabilities.release,
            interfaces=sorted(interfaces),
            lacks=lacks,
        )
        for realm, interface in self._wanted.items():
            if interfaces and interface not in interfaces:
                self._logger.error(
                    "media engine lacks an interface: it would show its first one",
                    engine=self._names[engine],
                    realm=realm,
                    interface=interface,
                    has=sorted(interfaces),
                )
        self._hearer.media_known(engine, interfaces, capabilities)
