"""Where the listeners of a node of several workers are, and how its workers learn of it.

The supervisor has the sockets. What has become of all listeners goes to each process as one letter a listener, with its
socket where it is up: whoever misses one change has everything with the next. The old address's socket is closed by the
last process that hears of it; nothing of a call is in it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from sbc.config import Config, Listener
from sbc.crew import Letter, pack_listener, seal, unpack_listener
from sbc.supervisor.following import NO_ADDRESS
from sbc.supervisor.ports import with_listeners
from sbc.telemetry import Logger
from sbc.transport import Doorway
from sbc.wire import Flow

BREATH: Final = 0.1
"""Seconds until a box that was full is tried again."""
TRIES: Final = 100


class Estate(Protocol):
    """The sockets."""

    async def open(self, listener: Listener, dscp: int) -> None:
        """All workers' sockets for a listener, in the place of those that it had. Raises OSError."""

    def rest(self, listener: Listener) -> None:
        """It is not up."""

    def is_at(self, listener: Listener) -> bool:
        """Whether its sockets are at the address that it names."""

    def descriptor(self, worker: int, index: int) -> int:
        """Of a worker's socket for a listener."""

    def post(self, box: int, letter: bytes, descriptor: int) -> bool:
        """Put a letter into a box; False where it has no room."""


class Moorings:
    """The supervisor's side, and a `sbc.supervisor.following.Rebinder`."""

    def __init__(
        self,
        estate: Estate,
        config: Callable[[], Config],
        steer: Callable[[Listener], None],
        is_held: Callable[[], bool],
        logger: Logger,
    ) -> None:
        """`steer` has the kernel give datagrams for new sockets to their owners; while `is_held` nothing may change."""
        self.boxes: Callable[[], Sequence[tuple[int, int]]] = tuple
        """Each process that there is: its worker's number, and its own box."""
        self._estate: Final = estate
        self._config: Final = config
        self._steer: Final = steer
        self._is_held: Final = is_held
        self._logger: Final = logger
        self._serial = 0
        self._why: Final[dict[int, str]] = {}

    def told(self) -> list[list[Any]]:
        """Host, port, whether it is up and why not, of each listener: for the orders of a process to come."""
        return [[one.host, one.port, one.is_up, self._why_of(one)] for one in self._config().listeners]

    async def rebind(self, listener: Listener, why: str) -> str:
        """Have sockets for this listener where it is up; why that failed, else empty."""
        while self._is_held():  # noqa: ASYNC110 - an upgrade of seconds
            await asyncio.sleep(BREATH)
        if not listener.is_up:
            self._estate.rest(listener)
        elif not self._estate.is_at(listener):
            try:
                await self._estate.open(listener, self._config().realms[listener.realm].dscp_sip)
            except OSError as error:
                if self._why.get(listener.index) != str(error):
                    self._why[listener.index] = str(error)
                    await self.publish()  # nothing else has changed
                return str(error)
            self._steer(listener)
        self._why[listener.index] = why
        return ""

    async def publish(self) -> None:
        """Tell all processes what the configuration says now."""
        self._serial = serial = time.monotonic_ns()  # of one machine: the next supervisor's are greater
        left = list(self.boxes())
        for _ in range(TRIES):
            left = [one for one in left if not self.tell(*one)]
            if not left or serial != self._serial:
                return
            await asyncio.sleep(BREATH)
        self._logger.error("workers do not hear where listeners are", workers=[worker for worker, _ in left])

    def tell(self, worker: int, box: int) -> bool:
        """Tell one process what was published last; False where its box has no room."""
        if not self._serial:
            return True
        listeners = self._config().listeners
        for one in listeners:
            data = pack_listener(self._serial, len(listeners), self._why_of(one))
            letter = seal(Letter.LISTENER, data, Flow(one.index, one.transport, one.host, one.port))
            descriptor = self._estate.descriptor(worker, one.index) if one.is_up else -1
            if not self._estate.post(box, letter, descriptor):
                return False
        return True

    def _why_of(self, listener: Listener) -> str:
        return "" if listener.is_up else self._why.get(listener.index) or NO_ADDRESS


def moored(config: Config, told: Sequence[Sequence[Any]]) -> Config:
    """The configuration with its listeners where the supervisor has them, as `Moorings.told` says."""
    pairs = zip(config.listeners, told, strict=True)
    return with_listeners(
        config, [replace(one, host=str(at[0]), port=int(at[1]), is_up=bool(at[2])) for one, at in pairs]
    )


class Transports(Protocol):
    """A worker's."""

    async def rebind(self, listener: Listener, why: str, given: socket.socket | None = None) -> str:
        """Close the listener of this index, and open this one by the socket given where it is up."""


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    why: str
    sock: socket.socket | None

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()


class Mooring:
    """A worker's side. `apply` takes a configuration whose listeners have changed: new calls run on it."""

    def __init__(
        self, config: Callable[[], Config], apply: Callable[[Config], None], transports: Transports, logger: Logger
    ) -> None:
        self._config: Final = config
        self._apply: Final = apply
        self._transports: Final = transports
        self._logger: Final = logger
        self._serial = 0
        self._coming: dict[int, _Place] = {}
        self._latest: dict[int, _Place] = {}
        self._changed: Final = asyncio.Event()
        self._why: Final[dict[int, str]] = {}

    def hear(self, data: bytes, flow: Flow, descriptor: int) -> None:
        """A letter of the supervisor's. What an earlier change brings is left, for it may be of a process before us."""
        serial, count, why = unpack_listener(data)
        if serial < self._serial:
            if descriptor >= 0:
                os.close(descriptor)
            return
        if serial > self._serial:
            self._serial = serial
            _close(self._coming)
        former = self._coming.pop(flow.listener, None)
        if former is not None:
            former.close()
        self._coming[flow.listener] = _Place(flow.host, why, Doorway(fileno=descriptor) if descriptor >= 0 else None)
        if len(self._coming) == count:
            _close(self._latest)
            self._latest, self._coming = self._coming, {}
            self._changed.set()

    async def run(self) -> None:
        """Take up and give up listeners as it is heard; until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            places, self._latest = self._latest, {}
            await self._move(places)

    async def _move(self, places: dict[int, _Place]) -> None:
        config = self._config()
        listeners = [await self._step(one, places[one.index]) for one in config.listeners]
        if tuple(listeners) != config.listeners:
            self._apply(with_listeners(config, listeners))

    async def _step(self, old: Listener, place: _Place) -> Listener:
        new = replace(old, host=place.host, is_up=place.sock is not None)
        known, self._why[old.index] = self._why.get(old.index), place.why
        if new == old and (new.is_up or place.why == known):
            place.close()
            return old
        failed = await self._transports.rebind(new, place.why, place.sock)
        if failed:
            self._logger.error("a worker cannot listen", listener=new.shown, why=failed)
            return replace(new, is_up=False)
        return new


def _close(places: dict[int, _Place]) -> None:
    for place in places.values():
        place.close()
    places.clear()
