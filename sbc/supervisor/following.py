"""Listeners follow the addresses of the machine: down where one has gone, up where it comes back, moved where an
interface that a listener is named after has another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import Final, Protocol

from sbc.config import Config, Listener
from sbc.kernel import Network, NetworkWatch
from sbc.supervisor.ports import with_listeners
from sbc.telemetry import Logger


class Rebinder(Protocol):
    """The transports."""

    async def rebind(self, listener: Listener, why: str) -> str:
        """Close the listener of this index and open this one where it is up; why that failed, else empty.

        `why` says why it is not up.
        """


def followed(listener: Listener, before: Network | None, now: Network) -> tuple[Listener, str]:
    """The listener as it should be with these addresses, and why it cannot be up; `before` is None at the start.

    One written as an address is up or waits for it. An address that was never listed is let be: it may be local by a
    route. One written as an interface keeps its address while the interface has it, and then takes the only one of its
    family that there is.
    """
    host = listener.host
    if now.has(host) and (not listener.interface or _is_on(listener, now)):
        return replace(listener, is_up=True), ""
    if listener.interface:
        found = now.of(listener.interface, ipv6=":" in host)
        if len(found) == 1:
            return replace(listener, host=found[0], is_up=True), ""
        if found:
            return replace(listener, is_up=False), f"interface {listener.interface} has {', '.join(found)}: which?"
        return replace(listener, is_up=False), f"interface {listener.interface} has no address"
    if listener.is_up and (before is None or not before.has(host)):
        return listener, ""
    return replace(listener, is_up=False), NO_ADDRESS


NO_ADDRESS: Final = "no interface has this address"
AGAIN: Final = 2.0
"""Seconds until a port that somebody else has is tried again."""


def _is_on(listener: Listener, now: Network) -> bool:
    host = listener.host
    is_let_be = ip_address(host).is_link_local or host.startswith("127.")
    return is_let_be or host in now.of(listener.interface, ipv6=":" in host)


async def follow_network(following: Following, logger: Logger) -> None:
    """Tell it of the network, and have it follow; until cancelled, or the kernel does not tell."""
    loop = asyncio.get_running_loop()
    watch = await loop.run_in_executor(None, NetworkWatch, following.hear)  # it loads a library
    try:
        watch.start(loop)
        await following.run()
    except OSError as error:
        logger.warning("addresses are not followed: the kernel does not tell", reason=error.strerror or str(error))
    finally:
        watch.close()


class Following:
    """Keeps the listeners of the configuration that runs in step with the network.

    `apply` takes a configuration whose listeners have changed: new calls run on it. What happened and why is logged.
    """

    def __init__(
        self, config: Callable[[], Config], apply: Callable[[Config], None], rebinder: Rebinder, logger: Logger
    ) -> None:
        self._config: Final = config
        self._apply: Final = apply
        self._rebinder: Final = rebinder
        self._logger: Final = logger
        self._known: Network | None = None
        self._latest: Network | None = None
        self._changed: Final = asyncio.Event()
        self._why: dict[int, str] = {}
        self._failed: Final[set[int]] = set()
        """Listeners that have an address and no socket, by their indexes."""

    def hear(self, network: Network) -> None:
        """The network has changed."""
        self._latest = network
        self._changed.set()

    async def run(self) -> None:
        """Follow, and try again what failed though the address is here; until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN if self._failed else None):
                    await self._changed.wait()
            self._changed.clear()
            if self._latest is not None:
                await self.follow(self._latest)

    async def follow(self, network: Network) -> None:
        """Bring the listeners in step with this network."""
        before, self._known = self._known, network
        if before is not None:
            for one in sorted(network.addresses - before.addresses):
                self._logger.info("address added", interface=one.interface, address=one.host)
            for one in sorted(before.addresses - network.addresses):
                self._logger.info("address removed", interface=one.interface, address=one.host)
        config = self._config()
        listeners = [await self._step(old, *followed(old, before, network)) for old in config.listeners]
        if tuple(listeners) != config.listeners:
            self._apply(with_listeners(config, listeners))

    async def _step(self, old: Listener, new: Listener, why: str) -> Listener:
        self._failed.discard(old.index)
        if new != old:
            failed = await self._rebinder.rebind(new, why)
            if failed:
                new, why = replace(new, is_up=False), failed
                self._failed.add(old.index)
        if new != old or why != self._why.get(old.index, ""):
            self._say(old, new, why)
        self._why[old.index] = why
        return new

    def _say(self, old: Listener, new: Listener, why: str) -> None:
        where = {"realm": new.realm, "listener": f"{new.transport.lower()} {_shown(new)}"}
        if not new.is_up:
            self._logger.warning("listener down", **where, why=why)
        elif new.host != old.host:
            self._logger.warning("listener moved", **where, was=_shown(old), interface=new.interface)
        else:
            self._logger.info("listener up", **where)


def _shown(listener: Listener) -> str:
    return f"[{listener.host}]:{listener.port}" if ":" in listener.host else f"{listener.host}:{listener.port}"
