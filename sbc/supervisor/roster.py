"""The workers of a node as its supervisor has them: each kept alive, and changed for the next process on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from sbc.config import Config
from sbc.crew import Marks
from sbc.steering import Table
from sbc.supervisor.child import Orders
from sbc.supervisor.crew import Hand
from sbc.supervisor.estate import Estate
from sbc.supervisor.ledger import Ledger
from sbc.supervisor.offspring import Nursery
from sbc.supervisor.relief import Relief, Stage, Told, Whom
from sbc.supervisor.seat import Seat
from sbc.supervisor.succession import Succession, abandoned
from sbc.supervisor.tasks import Tasks
from sbc.supervisor.words import DRAIN, FRONT_ADOPT, LEFT, LEFT_BEHIND, STAY, STOP
from sbc.telemetry import Logger

_FAREWELL: Final = 5.0
_LOOK: Final = 0.02
_STILLBORN: Final = 1


class Change:
    """One worker's relief at work: `say` reaches the former process, whoever's child it is."""

    def __init__(self, relief: Relief, next_: Hand, say: Callable[[str], None], *, is_open: bool) -> None:
        self.relief: Final = relief
        self.next: Final = next_
        self.say: Final = say
        self.is_open = is_open
        """The next process may begin as soon as it is ready."""
        self.over: Final = asyncio.Event()
        self.lock: Final = asyncio.Lock()
        """One step at a time: some wait for the disk."""


class Roster:
    """`hands` are the workers, `formers` those that make room for one of them."""

    def __init__(
        self,
        config: Config,
        table: Table,
        estate: Estate,
        ledger: Ledger,
        logger: Logger,
        nursery: Nursery,
        media: Callable[[], tuple[int, bool]],
        listeners: Callable[[], list[list[Any]]],
        generations: Sequence[int] = (),
    ) -> None:
        """`media` gives the embedded engine's port, 0 where there is none, and whether it is a new one; `listeners`
        where they are, for orders.
        """
        self.hands: Final = [
            Hand(number, generations[number] if generations else 0) for number in range(config.workers)
        ]
        self.formers: Final[list[Hand]] = []
        self.changes: Final[dict[int, Change]] = {}
        """By the worker, while they last."""
        self._is_ending = False
        self.on_failure: Callable[[], None] = lambda: None
        """Called where a worker has no process that could be it, and the former one is somebody else's."""
        self.on_ready: Callable[[int, int], object] = lambda worker, box: None
        """Called for a process that has begun: its worker's number, and its own box."""
        self.remind: Callable[[Path], Awaitable[object]] | None = None
        """Tells a process, by its control socket, what operators have asked for."""
        self._has_failed = False
        self._drains_until = 0.0
        """Monotonic time, 0 while new calls are welcome."""
        self._config: Final = config
        self._table: Final = table
        self._estate: Final = estate
        self._ledger: Final = ledger
        self._logger: Final = logger
        self._nursery: Final = nursery
        self._media: Final = media
        self._listeners: Final = listeners
        self._marks: Final = Marks(estate.marks)
        self._tasks: Tasks | None = None

    @property
    def members(self) -> list[Path]:
        """The control sockets of all processes, those that make room last, whoever's children they are."""
        return [Path(self._control(*one)) for one in self._everybody]

    @property
    def boxes(self) -> list[tuple[int, int]]:
        """The same processes: each one's worker, and its own box."""
        return [self._box(*one) for one in self._everybody]

    @property
    def _everybody(self) -> list[tuple[int, int]]:
        """Number and generation."""
        found = [(hand.number, hand.generation) for hand in (*self.hands, *self.formers)]
        ours = {hand.number for hand in self.formers}
        elsewhere = [change.next for number, change in self.changes.items() if number not in ours]
        return found + [(hand.number, hand.generation - 1) for hand in elsewhere]

    def _box(self, number: int, generation: int) -> tuple[int, int]:
        return number, Seat(number, len(self.hands), generation).box

    def control_of(self, hand: Hand) -> str:
        """One process's own control socket."""
        return self._control(hand.number, hand.generation)

    def _control(self, number: int, generation: int) -> str:
        path = Path(self._config.control_socket)
        return str(path.with_name(f"{path.stem}-{number + generation % 2 * len(self.hands)}{path.suffix}"))

    def start(self, tasks: Tasks) -> None:
        """Keep all workers from now on."""
        self._tasks = tasks
        tasks.create_task(self._nursery.keep(), name="nursery")
        for hand in self.hands:
            self._start(hand)

    def _start(self, hand: Hand) -> None:
        assert self._tasks is not None
        self._tasks.create_task(self._keep(hand), name=f"worker {hand.number}")

    async def wait_ready(self) -> None:
        """Until every worker is there. Raises OSError where one dies again and again in the place of another."""
        while not all(hand.ready.is_set() for hand in self.hands):
            if self._has_failed:
                raise OSError("its workers die as they start; the log says why")
            await asyncio.sleep(_LOOK)

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """To all processes; what may be lost is, for one that does not read."""
        for hand in (*self.hands, *self.formers):
            hand.say(word, may_be_lost=may_be_lost)

    @property
    def is_draining(self) -> bool:
        """Whether the node is to end with its last call, or ends."""
        return self._drains_until > 0.0 or self._is_ending

    def begin_drain(self, seconds: float | None) -> None:
        """All workers have been told to drain (None: as configured): whoever comes after one of them drains too."""
        self._drains_until = time.monotonic() + (self._config.drain_deadline if seconds is None else seconds)

    @property
    def _seconds_left(self) -> float | None:
        return max(0.0, self._drains_until - time.monotonic()) if self._drains_until else None

    def is_over(self) -> bool:
        """Whether the node is at its end."""
        return self._is_ending

    # One process's lives

    async def _keep(self, hand: Hand) -> None:
        """Have this worker, whoever it is, until the node ends or another process has taken its place."""
        succession = Succession()
        while not self.is_over():
            change = self._change_to(hand)
            orders = self._orders(hand, succession.adopts_after, change is not None and change.relief.is_behind)
            began = time.monotonic()
            hand.ready.clear()
            hand.drained.clear()  # whoever comes after it is given its calls
            assert self._tasks is not None
            self._tasks.create_task(self._advance_to(hand), name="change")
            status = await self._live(hand, orders)
            if status == 0 and self.is_over():
                return
            if hand.heir is not None and await hand.heir.ended(hand.number):
                return
            if not await self._bury(hand, succession, status, time.monotonic() - began):
                return

    async def _live(self, hand: Hand, orders: Orders) -> int:
        try:
            process = await self._nursery.bear(orders.told(), orders.descriptors)
        except OSError as error:
            self._logger.error("no process for a worker", worker=hand.number, reason=str(error))
            return _STILLBORN
        return await hand.live(process, partial(self._hear, hand))

    async def _bury(self, hand: Hand, succession: Succession, status: int, lived: float) -> bool:
        """After a death: whether another process is to be this worker."""
        hand.deaths += 1
        culprit = succession.die(lived, self._marks.get(hand.number))
        after = succession.adopts_after
        self._logger.error("worker died", worker=hand.number, status=status, adopts_after=after)
        self._marks.set(hand.number, "")
        change = self._change_to(hand)
        if change is not None:
            await self._advance(change, change.relief.next_ended)
            if change.relief.stage is Stage.FAILED:
                return False
        await asyncio.sleep(succession.pause)
        self._ledger.drain()
        if culprit:
            self._logger.error("call given up: it was being adopted at two deaths of its worker", call=culprit)
            self._ledger.append(abandoned(culprit, time.time()))
        await self._ledger.flush()
        return True

    async def _advance_to(self, hand: Hand) -> None:
        """Once it is there: the change that it was started for."""
        await hand.ready.wait()
        self.on_ready(*self._box(hand.number, hand.generation))  # what has changed since its orders
        if self._drains_until:
            hand.say(f"{DRAIN} {self._seconds_left}")
        if self.remind is not None:
            await self.remind(Path(self.control_of(hand)))
        change = self._change_to(hand)
        if change is not None and change.is_open:
            await self._advance(change, change.relief.next_ready)

    def _hear(self, hand: Hand, word: str) -> None:
        if hand.heir is None or word not in (LEFT, LEFT_BEHIND):
            self._logger.info("worker", says=word)
            return
        assert self._tasks is not None
        self._tasks.create_task(hand.heir.said(hand.number, word), name="relief")

    def _change_to(self, hand: Hand) -> Change | None:
        """The change whose next process this is."""
        change = self.changes.get(hand.number)
        return change if change is not None and change.next is hand else None

    # Changes

    def relieve(self, worker: int, seconds: float) -> Change:
        """Have another process of ours take the place of a worker's."""
        former = self.hands[worker]
        fresh = self.hands[worker] = Hand(worker, former.generation + 1)
        self.formers.append(former)
        change = self.changes[worker] = Change(Relief(seconds), fresh, former.say, is_open=True)
        former.heir = _Local(self, change, former)
        self._start(fresh)
        return change

    def expect(self, say: Callable[[int, str], None], seconds: float) -> None:
        """Before the start: all workers are to take the place of processes that somebody else keeps."""
        for hand in self.hands:
            change = Change(Relief(seconds), hand, partial(say, hand.number), is_open=False)
            self.changes[hand.number] = change

    async def open_changes(self) -> None:
        """Those may begin now."""
        for change in list(self.changes.values()):
            change.is_open = True
            if change.next.ready.is_set():
                await self._advance(change, change.relief.next_ready)

    async def former_said(self, worker: int, word: str) -> None:
        """A word of a process that makes room, somebody else's or ours."""
        change = self.changes.get(worker)
        if change is not None:
            await self._advance(change, lambda: change.relief.former_said(word))

    async def former_ended(self, worker: int) -> None:
        """It has ended."""
        change = self.changes.get(worker)
        if change is not None:
            await self._advance(change, change.relief.former_ended)

    async def _advance(self, change: Change, step: Callable[[], Told]) -> None:
        async with change.lock:
            for whom, word in step():
                if word in (FRONT_ADOPT, STAY):
                    await self._ledger.flush()
                (change.say if whom is Whom.FORMER else change.next.say)(word)
        if not change.relief.is_over or change.over.is_set():
            return
        number = change.next.number
        self.changes.pop(number, None)
        if change.relief.stage is Stage.FAILED:
            self._give_up(number, change)
        else:
            self._logger.info("relieved", worker=number, pid=change.next.pid)
        change.over.set()

    def _give_up(self, number: int, change: Change) -> None:
        """The next processes have died: whoever is there stays."""
        self._logger.error("the next process died again and again: the former one stays", worker=number)
        for former in self.formers:
            if former.number == number:
                former.heir = None
                self.hands[number] = former
                self.formers.remove(former)
                return
        self._has_failed = True  # the former one is not ours
        self.on_failure()

    # Orders, and the end

    def _orders(self, hand: Hand, adopts_after: float, is_behind: bool) -> Orders:
        estate, workers = self._estate, len(self.hands)
        port, is_new = self._media()
        number = hand.number
        seats = (number, number + workers)
        return Orders(
            worker=number,
            workers=workers,
            owners=self._table.owners.hex(),
            sockets={str(index): sock.fileno() for index, sock in estate.sockets[number].items()},
            listeners=self._listeners(),
            generation=hand.generation,
            is_behind=is_behind,
            mailbox=estate.boxes[number][0].fileno(),
            own=[estate.boxes[workers + seat][0].fileno() for seat in seats],
            mailboxes=[writer.fileno() for _, writer in estate.boxes],
            counts=estate.counts,
            phones=estate.phones,
            findings=estate.findings,
            ring=estate.rings[seats[hand.generation % 2]],
            media_port=port,
            is_media_new=is_new,
            control=self.control_of(hand),
            adopts_after=0.0 if self._drains_until else adopts_after,  # there are no new calls to serve first
            drains=self._seconds_left,
            marks=estate.marks,
            is_steered=estate.is_steered,
        )

    async def dismiss(self) -> None:
        """End all."""
        self._is_ending = True
        await self._nursery.close()
        everybody = (*self.hands, *self.formers)
        for hand in everybody:
            hand.say(STOP)
        for hand in everybody:
            process = hand.process
            if process is None or process.returncode is not None:
                continue
            try:
                async with asyncio.timeout(_FAREWELL):
                    await process.wait()
            except TimeoutError:
                process.kill()


class _Local:
    """The heir of a process of ours is another one of ours."""

    def __init__(self, roster: Roster, change: Change, former: Hand) -> None:
        self._roster: Final = roster
        self._change: Final = change
        self._former: Final = former

    async def said(self, worker: int, word: str) -> None:
        """To the change."""
        await self._roster.former_said(worker, word)

    async def ended(self, worker: int) -> bool:
        """It is over with it."""
        await self._roster.former_ended(worker)
        if self._former in self._roster.formers:
            self._roster.formers.remove(self._former)
        return True
