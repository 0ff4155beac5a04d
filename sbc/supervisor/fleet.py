"""A node with several workers: the process that binds the sockets, writes the journal and replaces who dies.

It touches no SIP. Sockets, mailboxes and rings are made here before the first worker and stay open whatever becomes of
it: what peers send meanwhile waits in the sockets for the one that comes after, with the same slots and the same calls.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sbc.admin import RelayServer
from sbc.config import Config
from sbc.crew import Marks, Ring, counts_memory, findings_memory, marks_memory, open_mailbox, phones_memory, ring_memory
from sbc.journal import SharedStore, Store, make_state, naming
from sbc.kernel import Steering
from sbc.outputs import CallEnded, Record
from sbc.steering import assign
from sbc.supervisor.child import MEDIA_BACK, MEDIA_LOST, STOP, Orders
from sbc.supervisor.crew import Hand, Understudy
from sbc.supervisor.embedded import EmbeddedEngine, is_wanted
from sbc.supervisor.life import live
from sbc.supervisor.mark import session_mark
from sbc.supervisor.node import Announce, Reload, changes_that_need_a_restart
from sbc.supervisor.notices import Crier, Notices
from sbc.supervisor.ports import choose_ports, keep_ports
from sbc.supervisor.sharing import SLOTS, check_ours, follow, journal_status, open_lasting
from sbc.supervisor.succession import Succession, abandoned
from sbc.supervisor.tasks import Tasks, guard_callbacks
from sbc.telemetry import Telemetry
from sbc.transport import Bound, ListenError, open_datagrams, open_stream_listener

PUMP: Final = 0.02
"""Seconds between two looks into the rings."""
_PATIENCE: Final = 2.0
"""Seconds that the workers of a node that was killed may take to let its ports go."""
_READY: Final = 60.0
_FAREWELL: Final = 5.0


class Fleet:
    """One running node of several workers. `command` starts a worker process with this Python."""

    def __init__(self, config: Config, telemetry: Telemetry, read_again: Reload, command: Sequence[str]) -> None:
        self.config: Final = choose_ports(config)
        self._telemetry: Final = telemetry
        self._read_again: Final = read_again
        self._command: Final = command
        self._hands: Final = [Hand(number) for number in range(config.workers)]
        self._stop: Final = asyncio.Event()
        self._is_draining = False
        self._embedded: EmbeddedEngine | None = None
        self._had_media = True
        self._is_steered = False
        self._table = assign(b"", config.workers, secrets.randbelow)
        self._sockets: Final[list[dict[int, socket.socket]]] = [{} for _ in self._hands]
        self._mailboxes: Final = [open_mailbox() for _ in self._hands]
        self._rings: Final = [ring_memory() for _ in self._hands]
        self._readers: Final = [Ring(ring) for ring in self._rings]
        self._counts: Final = counts_memory()
        self._phones: Final = phones_memory()
        self._findings: Final = findings_memory()
        self._marks_memory: Final = marks_memory()
        self._marks: Final = Marks(self._marks_memory)

    async def run(self, announce: Announce) -> None:
        """Serve until told to stop; `announce` hears what listens where. A start that fails raises OSError or
        EmbeddedError, and nothing is left open.
        """
        store = await open_lasting(self.config, self._telemetry.logger)
        self._table = assign(_owners(self.config), self.config.workers, secrets.randbelow)
        owners = self._table.owners.hex()
        _keep_owners(Path(self.config.state), owners)
        if isinstance(store, SharedStore):
            store.replica.keep_slots(owners)
        session_mark(Path(self.config.state))  # made before the workers read it
        await live(lambda tasks: self._serve(tasks, announce, store), self._telemetry, store)
        check_ours(store)

    async def _serve(self, tasks: Tasks, announce: Announce, store: Store) -> None:
        loop = asyncio.get_running_loop()
        guard_callbacks(loop, self._telemetry)
        members = [Path(self._control_of(hand.number)) for hand in self._hands]
        control = RelayServer(
            members, Path(self.config.control_socket), self._check, lambda: journal_status(self.config.store, store)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate, tasks, control)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(self._reload(control), name="reload"))
        understudy: Understudy | None = None
        notices, crier = Notices(), Crier(self._hands)
        try:
            await control.open()  # first: another node on the same state is found before any port is touched
            await self._bind()
            self._is_steered = self._steer()
            if is_wanted(self.config):
                logger = self._telemetry.logger
                self._embedded = EmbeddedEngine(self.config, logger, self._lose_embedded, self._regain_embedded)
                await self._embedded.start()
                self._had_media = self._embedded.is_survivor
                tasks.create_task(self._embedded.watch(), name="media engine")
            await notices.open(self.config.media, crier, crier)
            understudy = Understudy(self._command, self._descriptors())
            tasks.create_task(self._pump(store), name="journal")
            tasks.create_task(follow(store, self._telemetry.logger, self._stop.set), name="shared store")
            for hand in self._hands:
                tasks.create_task(self._keep(hand, understudy, store, tasks), name=f"worker {hand.number}")
            async with asyncio.timeout(_READY):
                for hand in self._hands:
                    await hand.ready.wait()
            self._had_media = True
            announce(self._bound())
            tasks.create_task(self._await_drained(), name="drained")
            await self._stop.wait()
        finally:
            self._is_draining = True
            notices.close()
            await self._dismiss(understudy)
            await control.close()
            self._drain_rings(store)
            if self._embedded is not None:
                await self._embedded.stop()

    # Sockets

    async def _bind(self) -> None:
        """All workers' sockets. A node that was killed may take a moment to let them go."""
        deadline = time.monotonic() + _PATIENCE
        for listener in self.config.listeners:
            dscp = self.config.realms[listener.realm].dscp_sip
            while True:
                try:
                    if listener.transport == "UDP":
                        found = open_datagrams(listener, dscp, len(self._hands))
                    else:
                        found = [open_stream_listener(listener, dscp)] * len(self._hands)
                    break
                except ListenError:
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(0.05)
            for mine, sock in zip(self._sockets, found, strict=True):
                mine[listener.index] = sock

    def _steer(self) -> bool:
        """Have the kernel give each datagram to its owner; where it does not let us, workers hand them over."""
        try:
            steering = Steering()
            for listener in self.config.listeners:
                if listener.transport == "UDP":
                    steering.attach([mine[listener.index] for mine in self._sockets], self._table.owner)
            steering.close()
        except OSError as error:
            self._telemetry.logger.warning("the kernel does not steer; workers hand over", reason=str(error))
            return False
        return True

    def _bound(self) -> tuple[Bound, ...]:
        return tuple([Bound(one.realm, one.transport, one.host, one.port) for one in self.config.listeners])

    def _descriptors(self) -> list[int]:
        sockets = {sock.fileno() for mine in self._sockets for sock in mine.values()}
        ends = {end.fileno() for pair in self._mailboxes for end in pair}
        memories = {self._counts, self._phones, self._findings, self._marks_memory, *self._rings}
        return sorted(sockets | ends | memories)

    # Workers

    async def _keep(self, hand: Hand, understudy: Understudy, store: Store, tasks: Tasks) -> None:
        """Have this worker, whoever it is, until the node ends."""
        succession, logger = Succession(), self._telemetry.logger
        while not self._stop.is_set():
            orders = self._orders(hand.number, succession.adopts_after)
            began = time.monotonic()
            hand.ready.clear()
            tasks.create_task(self._prepare(hand, understudy), name="understudy")
            status = await hand.live(await understudy.take(), orders.line(), self._hear)
            if self._is_draining and status == 0:
                return
            hand.deaths += 1
            culprit = succession.die(time.monotonic() - began, self._marks.get(hand.number))
            after = succession.adopts_after
            logger.error("worker died", worker=hand.number, status=status, adopts_after=after)
            self._marks.set(hand.number, "")
            await asyncio.sleep(succession.pause)
            self._drain_rings(store)
            if culprit:
                logger.error("call given up: it was being adopted at two deaths of its worker", call=culprit)
                store.append(abandoned(culprit, time.time()))
            await asyncio.get_running_loop().run_in_executor(None, store.flush)

    async def _prepare(self, hand: Hand, understudy: Understudy) -> None:
        """Somebody to come after this worker, once it is there itself."""
        await hand.ready.wait()
        await understudy.prepare()

    def _hear(self, text: str) -> None:
        self._telemetry.logger.info("worker", says=text)

    def _orders(self, number: int, adopts_after: float) -> Orders:
        return Orders(
            worker=number,
            workers=len(self._hands),
            owners=self._table.owners.hex(),
            sockets={str(index): sock.fileno() for index, sock in self._sockets[number].items()},
            mailbox=self._mailboxes[number][0].fileno(),
            mailboxes=[writer.fileno() for _, writer in self._mailboxes],
            counts=self._counts,
            phones=self._phones,
            findings=self._findings,
            ring=self._rings[number],
            media_port=self._embedded.port if self._embedded is not None else 0,
            is_media_new=not self._had_media,
            control=self._control_of(number),
            adopts_after=adopts_after,
            marks=self._marks_memory,
            is_steered=self._is_steered,
        )

    def _control_of(self, number: int) -> str:
        path = Path(self.config.control_socket)
        return str(path.with_name(f"{path.stem}-{number}{path.suffix}"))

    async def _dismiss(self, understudy: Understudy | None) -> None:
        if understudy is not None:
            await understudy.close()
        for hand in self._hands:
            hand.say(STOP)
        for hand in self._hands:
            process = hand.process
            if process is None or process.returncode is not None:
                continue
            try:
                async with asyncio.timeout(_FAREWELL):
                    await process.wait()
            except TimeoutError:
                process.kill()

    # The journal

    async def _pump(self, store: Store) -> None:
        while True:
            await asyncio.sleep(PUMP)
            self._drain_rings(store)

    def _drain_rings(self, store: Store) -> None:
        records = [record for reader in self._readers for record in reader.take()]
        records.sort(key=_wall)  # a call that moved has its last record in another worker's ring
        for record in records:
            store.append(record)

    # Media, signals, commands

    def _lose_embedded(self) -> None:
        for hand in self._hands:
            hand.say(MEDIA_LOST)

    def _regain_embedded(self) -> None:
        for hand in self._hands:
            hand.say(MEDIA_BACK)

    def _terminate(self, tasks: Tasks, control: RelayServer) -> None:
        """The first signal drains; the second ends what is left and stops."""
        if self._is_draining:
            for hand in self._hands:
                if hand.pid and hand.process is not None:
                    hand.process.send_signal(signal.SIGTERM)  # it drains already: its calls end now
            self._stop.set()
        else:
            tasks.create_task(control.drain(), name="drain")
        self._is_draining = True

    async def _reload(self, control: RelayServer) -> None:
        for finding in await control.reload():
            self._telemetry.logger.error("finding", text=str(finding["text"]))

    async def _await_drained(self) -> None:
        for hand in self._hands:
            await hand.drained.wait()
        self._stop.set()

    async def _check(self) -> list[dict[str, object]]:
        """What is wrong with the configuration as it would be read again; the workers read it after us."""
        fresh = await asyncio.get_running_loop().run_in_executor(None, self._read_again)
        if isinstance(fresh, list):
            return fresh
        return changes_that_need_a_restart(self.config, keep_ports(fresh, self.config))


def _wall(record: Record) -> float:
    return record.end if isinstance(record, CallEnded) else record.wall


def _keep_owners(state: Path, owners: str) -> None:
    make_state(state)
    with naming(state / SLOTS):
        (state / SLOTS).write_text(owners + "\n", encoding="ascii")


def _owners(config: Config) -> bytes:
    """The table of slots that an earlier start has left, nothing where there is none."""
    try:
        return bytes.fromhex((Path(config.state) / SLOTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return b""
