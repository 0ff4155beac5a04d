"""How a worker's process makes room for the next one of the same worker, and how that one comes forward.

The one that goes accepts no more connections, hands on what is not its own, gives away the calls that rest, and reads
on until nothing is left that a message could be for; then it reads no more, and the next one does. Connections that
another process can go on with go there. TLS cannot: it stays for as long as the time allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sbc.adoption import divide
from sbc.engine import Engine
from sbc.probes import Key
from sbc.supervisor.berth import Berth
from sbc.supervisor.steersman import Steersman
from sbc.supervisor.tasks import Tasks
from sbc.supervisor.words import ALONE, FRONT, FRONT_ADOPT, LEAVE, LEFT, LEFT_BEHIND, STAY
from sbc.telemetry import Logger
from sbc.transport import Transports
from sbc.wire import Now
from sbc.worker import Worker

AT_ONCE: Final = 50
"""Calls given away at a time: what comes meanwhile waits as long as that takes."""
BREATH: Final = 0.01
"""Seconds between two times."""
LOOK: Final = 0.1
"""Seconds between two looks where nothing could be given."""
REGISTERED: Final = 3.0
"""Seconds after which the next process has registered at trunks: what we have there is given back."""
FAREWELL: Final = 2.0
"""Seconds that calls ended at the deadline get for their last answers."""


class Leaving:
    """One process's way out, or in. `stop` ends the process."""

    def __init__(
        self,
        berth: Berth,
        engine: Engine,
        worker: Worker,
        transports: Transports,
        steersman: Steersman,
        tasks: Tasks,
        logger: Logger,
        stop: Callable[[], None],
        clock: Callable[[], Now],
    ) -> None:
        self._berth: Final = berth
        self._engine: Final = engine
        self._worker: Final = worker
        self._transports: Final = transports
        self._steersman: Final = steersman
        self._tasks: Final = tasks
        self._logger: Final = logger
        self._stop: Final = stop
        self._clock: Final = clock
        self._owns: Callable[[Key], bool] = engine.prober.owns
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Stand behind the process before us: its first notes say that it makes room."""
        self._worker.over = set()
        self._engine.reconciler.is_paused = True
        self._steersman.on_notes = self._start

    def hear(self, word: str) -> None:
        """The supervisor's."""
        verb, _, seconds = word.partition(" ")
        if verb == LEAVE:
            self._task = self._tasks.create_task(self._leave(float(seconds)), name="leaving")
        elif word == STAY:
            self._tasks.create_task(self._stay(), name="staying")
        elif word in (FRONT, FRONT_ADOPT):
            self._tasks.create_task(self._come_forward(adopts=word == FRONT_ADOPT), name="coming forward")
        elif word == ALONE:
            self._berth.clear_counts()
            self._steersman.be_alone(self._berth.former)

    # The one that goes

    async def _leave(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began, engine = loop.time(), self._engine
        self._berth.mailbox.unfollow(self._berth.former)
        self._worker.over = set()
        self._transports.stop_accepting()
        self._owns, engine.prober.owns = engine.prober.owns, _owns_none
        engine.reconciler.is_paused = True
        engine.relief.leave()
        self._steersman.leave(engine.relief.notes(), self._transports.peers)
        self._logger.info("making room", worker=self._berth.worker, calls=engine.active_calls)
        is_registered = True
        while not self._is_done(is_registered) and loop.time() - began < seconds:
            before = engine.relief.given
            self._worker.give(AT_ONCE)
            if is_registered and loop.time() - began > REGISTERED:
                is_registered = False
                self._worker.unregister()
            await asyncio.sleep(BREATH if engine.relief.given > before else LOOK)
        await self._end_others()
        self._transports.stop_reading()
        self._steersman.keep_streams()
        self._steersman.tell(engine.relief.notes(), [])
        self._logger.info("room made", worker=self._berth.worker, given=engine.relief.given, left=engine.active_calls)
        self._berth.say(LEFT_BEHIND if engine.active_calls else LEFT)
        self._transports.give_streams(self._steersman.give_stream)
        await self._keep_streams(began + seconds)
        self._stop()

    async def _keep_streams(self, until: float) -> None:
        """What cannot be handed on stays, for as long as the time allows."""
        loop = asyncio.get_running_loop()
        while self._transports.connections and loop.time() < until:  # noqa: ASYNC110 - peers end them, and tell nobody
            await asyncio.sleep(LOOK)

    def _is_done(self, is_registered: bool) -> bool:
        """Nothing is left that a message could be for."""
        has_bindings = is_registered and bool(self._engine.egress.own_contacts)
        return self._engine.relief.is_empty and not self._engine.is_leaving and not has_bindings

    async def _end_others(self) -> None:
        """The time is over: calls that nobody has answered end; the others are in the journal."""
        if self._engine.relief.is_empty:
            return
        left = [row for row in self._engine.calls(self._clock()) if row["state"] != "talking"]
        for row in left:
            self._worker.hangup(str(row["id"]))
        if left:
            await asyncio.sleep(FAREWELL)

    async def _stay(self) -> None:
        """Keep everything again; what the next one had of our calls is in the journal."""
        if self._task is not None:
            self._task.cancel()
        self._engine.relief.stay()
        self._engine.reconciler.is_paused = False
        self._engine.prober.owns = self._owns
        self._steersman.stay()
        await self._transports.accept()
        await self._adopt()
        self._worker.over = None
        self._logger.warning("no room is made: there is no next process", worker=self._berth.worker)

    # The one that comes

    def _start(self) -> None:
        """The process before us makes room: be there for what it hands on."""
        self._steersman.on_notes = _nothing
        self._worker.start()
        self._worker.settle()
        self._tasks.create_task(self._transports.accept(), name="accepting")

    async def _come_forward(self, *, adopts: bool) -> None:
        if self._steersman.on_notes is not _nothing:
            self._start()  # the one before us has died without a word
        if adopts:
            await self._adopt()
        self._worker.over = None
        self._engine.reconciler.is_paused = False
        self._steersman.come_forward()
        self._transports.read()
        self._logger.info("in front", worker=self._berth.worker, calls=self._engine.active_calls)

    async def _adopt(self) -> None:
        """What the other process had and we have not, but what has ended here meanwhile."""
        live = await asyncio.get_running_loop().run_in_executor(None, self._berth.live)
        own, gone = divide(live, self._berth.table, self._berth.worker)
        self._engine.moves.expect(gone)
        over = self._worker.over or set()
        self._worker.adopt([one for one in own if one.call not in over])
        self._worker.settle()


def _owns_none(_: Key) -> bool:
    return False


def _nothing() -> None:
    """There is nothing to begin."""
