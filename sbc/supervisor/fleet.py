"""A node with several workers: the process that binds the sockets, writes the journal and replaces who dies.

It touches no SIP. Sockets, mailboxes and rings are made here before the first worker and stay open whatever becomes of
it: what peers send meanwhile waits in the sockets for the one that comes after, with the same slots and the same calls.
A supervisor of another version inherits all of it (`sbc/supervisor/upgrade.py`).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sbc
from sbc.admin import Json, RelayServer
from sbc.config import Config, Listener
from sbc.journal import SharedStore, Store
from sbc.steering import assign
from sbc.supervisor.anchorage import Anchorage
from sbc.supervisor.bequest import Bequest, fixed_in, listeners_of, objections, with_known
from sbc.supervisor.changes import changes_that_need_a_restart
from sbc.supervisor.channel import Channel, ChannelEnded
from sbc.supervisor.crew import Hand
from sbc.supervisor.embedded import is_wanted
from sbc.supervisor.estate import Estate
from sbc.supervisor.following import NO_ADDRESS, Following, follow_network
from sbc.supervisor.ledger import Ledger
from sbc.supervisor.life import live
from sbc.supervisor.mark import session_mark
from sbc.supervisor.moorings import Moorings
from sbc.supervisor.node import Announce, Reload
from sbc.supervisor.notify import notify
from sbc.supervisor.offspring import Nursery
from sbc.supervisor.ports import choose_ports, keep_ports, without
from sbc.supervisor.roster import Roster
from sbc.supervisor.sharing import (
    check_ours,
    follow,
    is_here,
    journal_status,
    keep_owners,
    open_lasting,
    owners_of,
)
from sbc.supervisor.tasks import Tasks, guard_callbacks
from sbc.supervisor.upgrade import State, Upgrade
from sbc.telemetry import Telemetry
from sbc.transport import Bound

_READY: Final = 100.0
_LOOK: Final = 0.1
PYTHON: Final = "SBC_PYTHON"
"""The environment's name for the Python of the next version, where it is not the one that runs."""


class Fleet:
    """One running node of several workers. `arguments` are those of `sbc run`; `first` is the nursery of its workers, a
    process id and our end of what we speak by, and another one is started with the same arguments.
    """

    def __init__(
        self,
        config: Config,
        telemetry: Telemetry,
        read_again: Reload,
        arguments: Sequence[str],
        first: tuple[int, socket.socket] | None = None,
    ) -> None:
        self.config = config
        self.successor = 0
        """The process id of the supervisor that has relieved this one."""
        self._telemetry: Final = telemetry
        self._logger: Final = telemetry.logger
        self._read_again: Final = read_again
        self._arguments: Final = arguments
        self._nursery: Final = Nursery(["-m", "sbc", "nursery", *arguments], telemetry.logger, first)
        self._stop: Final = asyncio.Event()
        self._is_draining = False
        self._media: Final = Anchorage(lambda: self.config, self._tell, telemetry.logger)
        self._table = assign(b"", config.workers, secrets.randbelow)
        self._estate = Estate(0, [], [], -1, -1, -1, -1)
        self._roster: Roster | None = None
        self._ledger: Ledger | None = None
        self._control: RelayServer | None = None
        self._upgrade: Upgrade | None = None
        self._tasks: Tasks | None = None
        self._following: asyncio.Task[None] | None = None
        self._network: asyncio.Task[None] | None = None
        self._follower: Following | None = None
        self._moorings: Moorings | None = None
        self._former: Channel | None = None
        self._failure = ""

    async def run(self, announce: Announce, inherited: int = -1) -> None:
        """Serve until told to stop; `announce` hears what listens where. A start that fails raises OSError or
        EmbeddedError, and nothing is left open. `inherited` is our end of a channel to the supervisor before us.
        """
        if inherited >= 0:
            await self._inherit(announce, inherited)
            return
        self.config = choose_ports(self.config)
        self._estate = Estate.make(self.config.workers)
        self._ledger = ledger = Ledger(self._estate.rings, self._open_store)
        store = await ledger.open()
        self._table = assign(owners_of(self.config), self.config.workers, secrets.randbelow)
        owners = self._table.owners.hex()
        keep_owners(Path(self.config.state), owners)
        if isinstance(store, SharedStore):
            store.replica.keep_slots(owners)
        session_mark(Path(self.config.state))  # made before the workers read it
        await live(lambda tasks: self._serve(tasks, announce, ledger), self._telemetry, ledger)
        check_ours(store)

    async def _open_store(self) -> Store:
        return await open_lasting(self.config, self._logger)

    async def _serve(self, tasks: Tasks, announce: Announce, ledger: Ledger) -> None:
        control = self._prepare(tasks, ledger)
        try:
            await control.open()  # first: another node on the same state is found before any port is touched
            self.config = without(self.config, await self._estate.bind(self.config))
            self._steer(*self.config.listeners)
            await self._media.start(tasks)
            roster = self._appoint(ledger)
            await self._media.hear(roster)
            self._write(tasks, ledger)
            roster.start(tasks)
            async with asyncio.timeout(_READY):
                await roster.wait_ready()
            self._media.settle()
            announce(self._bound())
            notify("READY=1")
            self._follow_network()
            tasks.create_task(self._await_drained(), name="drained")
            await self._stop.wait()
        finally:
            await self._end()

    async def _inherit(self, announce: Announce, descriptor: int) -> None:
        """Relieve the supervisor at the other end."""
        channel = self._former = await Channel.open(socket.socket(fileno=descriptor))
        try:
            try:
                bequest = Bequest.read({k: v for k, v in (await channel.hear()).items() if k != "what"})
                self.config = with_known(self.config, bequest.listeners)
                complaints = objections(bequest, self.config)
                if complaints:
                    raise ValueError("; ".join(complaints))
                self._estate = Estate.inherit(bequest.estate)
            except (ValueError, KeyError, TypeError) as error:
                channel.say("failed", why=str(error))
                raise OSError(str(error)) from None
            self._ledger = ledger = Ledger(self._estate.rings, self._open_store)
            self._table = assign(owners_of(self.config), self.config.workers, secrets.randbelow)
            await live(lambda tasks: self._relieve(tasks, announce, ledger, bequest, channel), self._telemetry, ledger)
        finally:
            is_over = self._stop.is_set() and not self._failure
            channel.say("bye" if is_over else "failed", why=self._failure or "it could not go on")
            await channel.close()

    async def _relieve(
        self, tasks: Tasks, announce: Announce, ledger: Ledger, bequest: Bequest, channel: Channel
    ) -> None:
        control = self._prepare(tasks, ledger)
        try:
            roster = self._appoint(ledger, bequest.generations)
            roster.expect(lambda worker, word: channel.say("tell", worker=worker, word=word), bequest.seconds)
            roster.start(tasks)
            async with asyncio.timeout(_READY):
                await roster.wait_ready()
            channel.say("ready", pid=os.getpid(), version=sbc.__version__)
            if (await channel.hear())["what"] != "yours":
                raise OSError("the former supervisor does not yield")
            await ledger.open()
            await control.open(socket.socket(fileno=bequest.control))
            await self._media.start(tasks)
            await self._media.hear(roster)
            self._write(tasks, ledger)
            channel.say("taken", pid=os.getpid())
            if (await channel.hear())["what"] != "go":
                raise OSError("the former supervisor does not yield")
            tasks.create_task(self._listen(channel, roster), name="former")
            announce(self._bound())
            self._mark_absent()
            self._follow_network()
            await roster.open_changes()
            tasks.create_task(self._await_drained(), name="drained")
            await self._stop.wait()
            if self._failure:
                raise OSError(self._failure)
        except TimeoutError:
            channel.say("failed", why=f"its workers are not there after {_READY:g} s")
            raise OSError("the workers are not there") from None
        except ChannelEnded as error:
            raise OSError(f"the former supervisor is gone: {error}") from None
        finally:
            await self._end()

    def _give_up(self) -> None:
        """A worker can be nobody: the former supervisor takes it all back."""
        self._failure = "the workers of the new version die; the log says why"
        self._stop.set()

    async def _listen(self, channel: Channel, roster: Roster) -> None:
        """What becomes of the processes before ours; where their supervisor is gone, so are they."""
        while True:
            try:
                said = await channel.hear()
            except ChannelEnded:
                self._former = None
                break
            if said["what"] == "said":
                await roster.former_said(int(said["worker"]), str(said["word"]))
            elif said["what"] == "ended":
                await roster.former_ended(int(said["worker"]))
        for hand in roster.hands:
            await roster.former_ended(hand.number)

    # Beginning

    def _prepare(self, tasks: Tasks, ledger: Ledger) -> RelayServer:
        """What both ways begin with: signals, and a control socket that is not open yet."""
        loop = asyncio.get_running_loop()
        guard_callbacks(loop, self._telemetry)
        self._tasks = tasks
        self._control = control = RelayServer(
            lambda: self._roster.members if self._roster is not None else [],
            Path(self.config.control_socket),
            self._check,
            lambda: self._describe(ledger),
            self,
        )
        self._upgrade = Upgrade(self, self._run_command(), self._logger, tasks)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate, tasks, control)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(self._reload(control), name="reload"))
        return control

    def _appoint(self, ledger: Ledger, generations: Sequence[int] = ()) -> Roster:
        config, table, estate, logger = self.config, self._table, self._estate, self._logger
        moorings = Moorings(estate, lambda: self.config, self._steer_late, self._is_yielding, logger)
        self._moorings, told = moorings, moorings.told
        self._follower = Following(lambda: self.config, self._apply, moorings, logger)
        roster = Roster(config, table, estate, ledger, logger, self._nursery, self._media.told, told, generations)
        self._roster = roster
        roster.on_failure = self._give_up
        roster.on_ready = moorings.tell
        moorings.boxes = lambda: roster.boxes
        if self._control is not None:
            self._control.on_drain = roster.begin_drain
            roster.remind = self._control.remind
        return roster

    def _follow_network(self) -> None:
        assert self._tasks is not None
        assert self._follower is not None
        self._network = self._tasks.create_task(follow_network(self._follower, self._logger), name="network")

    def _mark_absent(self) -> None:
        """Addresses may have gone while nobody looked."""
        absent = {one.index for one in self.config.listeners if not one.is_up or not is_here(one.host)}
        self._apply(without(self.config, frozenset(absent)))

    def _apply(self, config: Config) -> None:
        """These are the listeners now: tell everybody."""
        assert self._tasks is not None
        assert self._moorings is not None
        self.config = config
        self._media.readdress(config)
        self._tasks.create_task(self._moorings.publish(), name="listeners")

    def _is_yielding(self) -> bool:
        return self._upgrade is not None and self._upgrade.state is not State.IDLE

    def _write(self, tasks: Tasks, ledger: Ledger) -> None:
        assert ledger.store is not None
        tasks.create_task(ledger.run(), name="journal")
        self._following = tasks.create_task(follow(ledger.store, self._logger, self._stop.set), name="shared store")

    def _steer(self, *listeners: Listener) -> None:
        """Have the kernel give each datagram to its owner; where it does not let us, workers hand them over."""
        try:
            self._estate.steer(listeners, self._table.owner)
        except OSError as error:
            self._logger.warning("the kernel does not steer; workers hand over", reason=str(error))

    def _steer_late(self, listener: Listener) -> None:
        if self._estate.is_steered:
            self._steer(listener)

    def _bound(self) -> tuple[Bound, ...]:
        rows = [(one, "" if one.is_up else NO_ADDRESS) for one in self.config.listeners]
        return tuple([Bound(one.realm, one.transport, one.host, one.port, why) for one, why in rows])

    def _run_command(self) -> list[str]:
        return [os.environ.get(PYTHON) or sys.executable, "-m", "sbc", "run", *self._arguments]

    async def _end(self) -> None:
        self._is_draining = True
        goes_on = bool(self.successor) or self._gives_back
        if not goes_on:
            notify("STOPPING=1")
        self._media.fall_silent()
        if self._roster is not None:
            await self._roster.dismiss()
        else:
            await self._nursery.close()
        if self._control is not None:
            if goes_on:
                await self._control.release()
            await self._control.close()
        if self._ledger is not None:
            self._ledger.drain()
        if not goes_on:
            await self._media.stop()

    @property
    def _gives_back(self) -> bool:
        """Whether the supervisor before us goes on with all that we have of it."""
        return self._former is not None and (bool(self._failure) or not self._stop.is_set())

    # An upgrade: `sbc.supervisor.upgrade.House`, and operators' commands

    @property
    def hands(self) -> list[Hand]:
        """The workers."""
        assert self._roster is not None
        return self._roster.hands

    @property
    def descriptors(self) -> list[int]:
        """Everything that the next supervisor inherits."""
        assert self._control is not None
        return [*self._estate.descriptors, self._control.descriptor]

    def bequest(self, seconds: float) -> Bequest:
        """What it is told of it."""
        assert self._control is not None
        return Bequest(
            self._estate.told(),
            self._control.descriptor,
            [hand.generation + 1 for hand in self.hands],
            seconds,
            listeners_of(self.config),
            fixed_in(self.config),
            os.getpid(),
            sbc.__version__,
        )

    async def release(self) -> None:
        """Let go of the journal, the control socket and the media engine."""
        assert self._control is not None
        assert self._ledger is not None
        for task in (self._following, self._network):
            if task is not None:
                task.cancel()
        self._media.release()
        await self._control.release()
        await self._ledger.release()
        self.successor = self._upgrade.successor if self._upgrade is not None else 0

    async def reclaim(self) -> None:
        """Have them again."""
        assert self._control is not None
        assert self._ledger is not None
        assert self._roster is not None
        assert self._tasks is not None
        self.successor = 0
        store = await self._ledger.open()
        await self._ledger.flush()
        self._following = self._tasks.create_task(follow(store, self._logger, self._stop.set), name="shared store")
        await self._media.reclaim(self._roster)
        self._apply(self.config)
        self._follow_network()
        await self._control.listen()

    def end(self) -> None:
        """The next supervisor has everything: nothing that it needs is stopped."""
        self._stop.set()

    async def upgrade(self, seconds: float | None) -> tuple[int, Json]:
        """Have the new version take the place of this one: HTTP status and answer."""
        assert self._upgrade is not None
        assert self._roster is not None
        if self._roster.changes or self._roster.is_draining:
            return 409, {"error": "workers are being relieved or drained: see `workers` in `sbc status`"}
        if is_wanted(self.config) and self.config.store == "memory":
            return 409, {
                "error": 'with `state.store = "memory"` the embedded media engine ends with its node: drain it'
            }
        return await self._upgrade.run(self._seconds(seconds))

    async def relieve(self, worker: int, seconds: float | None) -> tuple[int, Json]:
        """Have another process take the place of one worker's."""
        assert self._roster is not None
        if not 0 <= worker < len(self._roster.hands):
            return 404, {"error": f"there is no worker {worker}: they are 0 to {len(self._roster.hands) - 1}"}
        if worker in self._roster.changes or self._is_yielding() or self._roster.is_draining:
            return 409, {"error": "workers are being relieved or drained: see `workers` in `sbc status`"}
        former = self._roster.hands[worker].pid
        self._roster.relieve(worker, self._seconds(seconds))
        return 200, {"done": "draining", "worker": worker, "pid": former, "deadline": self._seconds(seconds)}

    def _seconds(self, seconds: float | None) -> float:
        return self.config.drain_deadline if seconds is None else seconds

    def _describe(self, ledger: Ledger) -> Json:
        """What the supervisor knows beside its workers."""
        upgrade, roster = self._upgrade, self._roster
        supervisor: dict[str, Any] = {
            "pid": os.getpid(),
            "generations": [hand.generation for hand in roster.hands] if roster else [],
        }
        if upgrade is not None:
            supervisor["upgrade"] = upgrade.state.value
        if roster is not None and roster.changes:
            supervisor["relieving"] = {str(number): one.relief.stage.value for number, one in roster.changes.items()}
        journal, media = journal_status(self.config.store, ledger.store), self._media.status()
        return {"journal": journal, "supervisor": supervisor, "media": media}

    # Signals, commands

    def _tell(self, word: str) -> None:
        """To every process that has calls, whoever's child it is."""
        if self._roster is not None:
            self._roster.say(word)
        if self._former is not None:
            self._former.say(word)

    def _terminate(self, tasks: Tasks, control: RelayServer) -> None:
        """The first signal drains; the second ends what is left and stops."""
        if self.successor:
            self.end()  # what is left here goes to the next supervisor at once
        elif self._is_draining:
            for hand in self.hands:
                if hand.pid and hand.process is not None:
                    hand.process.send_signal(signal.SIGTERM)  # it drains already: its calls end now
            self._stop.set()
        else:
            tasks.create_task(control.drain(), name="drain")
        self._is_draining = True

    async def _reload(self, control: RelayServer) -> None:
        for finding in await control.reload():
            self._logger.error("finding", text=str(finding["text"]))

    async def _await_drained(self) -> None:
        assert self._roster is not None
        roster = self._roster
        while roster.changes or not all(hand.drained.is_set() for hand in roster.hands):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        self._stop.set()

    async def _check(self) -> list[dict[str, object]]:
        """What is wrong with the configuration as it would be read again; the workers read it after us."""
        fresh = await asyncio.get_running_loop().run_in_executor(None, self._read_again)
        if isinstance(fresh, list):
            return fresh
        return changes_that_need_a_restart(self.config, keep_ports(fresh, self.config))
