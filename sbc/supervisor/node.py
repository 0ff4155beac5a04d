"""A node from its first socket to its last: what is opened in which order, how it is commanded, how it ends."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import rtpengine
import rtpengine.client
import sbc
from rtpengine.http import HttpClient
from sbc.admin import ControlServer, Json, Recorder
from sbc.adoption import divide
from sbc.config import Config
from sbc.config import Engine as MediaEngine
from sbc.engine import Engine
from sbc.journal import Store
from sbc.lookup import Resolver, nameservers
from sbc.media import NOBODY
from sbc.supervisor.berth import Berth
from sbc.supervisor.certificates import Certificates
from sbc.supervisor.changes import changes_that_need_a_restart
from sbc.supervisor.embedded import LOOPBACK, EmbeddedEngine, EmbeddedHearer, is_wanted
from sbc.supervisor.engines import connect_engines
from sbc.supervisor.following import Following, follow_network
from sbc.supervisor.greeting import Greeter
from sbc.supervisor.leaving import Leaving
from sbc.supervisor.life import live, settle_memory
from sbc.supervisor.mark import session_mark
from sbc.supervisor.moorings import Mooring
from sbc.supervisor.notices import Notices, tell
from sbc.supervisor.outlets import NodeOutlets
from sbc.supervisor.pauses import Pauses, beat
from sbc.supervisor.pings import watch_engines
from sbc.supervisor.ports import choose_ports, keep_ports, without
from sbc.supervisor.shares import share_counts, share_probes
from sbc.supervisor.sharing import check_ours, follow, journal_status, open_lasting
from sbc.supervisor.steersman import CONNECTION_BITS, Steersman
from sbc.supervisor.succession import adopt_all
from sbc.supervisor.sweeps import sweep_engines
from sbc.supervisor.tasks import Tasks, guard_callbacks
from sbc.supervisor.words import DRAIN, DRAINED, MEDIA_BACK, MEDIA_LOST, STOP
from sbc.telemetry import Telemetry
from sbc.transport import Bound, Transports
from sbc.worker import LoopAlarm, Worker, system_clock

FAREWELL: Final = 2.0
"""Seconds that calls ended at the deadline get for their last answers."""

_TICK: Final = 1.0

Reload = Callable[[], Config | list[Json]]
"""Reads the configuration again: it, or everything that is wrong with it."""
Announce = Callable[[tuple[Bound, ...]], None]


class Node:
    """One running node. `run` is its life; everything else commands it from the event loop.

    Start: journal, media engine, sockets, control socket. End: the other way round.
    """

    def __init__(self, config: Config, telemetry: Telemetry, read_again: Reload, berth: Berth | None = None) -> None:
        """With a `berth` it is one worker of several: what they share is another process's."""
        self.config = config = choose_ports(config) if berth is None else berth.fitted(config)
        self._telemetry: Final = telemetry
        self._read_again: Final = read_again
        self._berth: Final = berth
        slots, others = (b"\x00", frozenset[int]()) if berth is None else berth.slots
        self._engine: Final = Engine(
            config, secrets.token_bytes(32), system_clock(), slots, others, session_mark(Path(config.state))
        )
        self._steersman: Steersman | None = None
        self._started = time.monotonic()
        self._stop: Final = asyncio.Event()
        self._is_draining = False
        self._store: Store | None = None
        self._worker: Worker | None = None
        self._transports: Transports | None = None
        self._outlets: NodeOutlets | None = None
        self._embedded: EmbeddedEngine | None = None
        self._tasks: Tasks | None = None
        self._notices: Final = Notices()
        self._certificates: Final = Certificates(telemetry.logger)
        self._pauses: Final = Pauses()
        self._leaving: Leaving | None = None

    @property
    def recorder(self) -> Recorder:
        """Recent messages."""
        recorder = self._engine.recorder
        assert isinstance(recorder, deque)
        return recorder

    async def run(self, announce: Announce) -> None:
        """Serve until told to stop; `announce` hears what listens where. A start that fails raises OSError or
        EmbeddedError, and nothing is left open.
        """
        berth = self._berth
        store = await open_lasting(self.config, self._telemetry.logger) if berth is None else berth.store
        self._store = store
        await live(lambda tasks: self._serve(tasks, announce), self._telemetry, store)
        check_ours(store)

    async def _serve(self, tasks: Tasks, announce: Announce) -> None:
        loop = asyncio.get_running_loop()
        guard_callbacks(loop, self._telemetry)
        assert self._store is not None
        self._tasks = tasks
        self._worker = worker = Worker(self._engine, self._telemetry, self._store)
        self._transports = transports = self._make_transports(worker, tasks)
        control = ControlServer(self, Path(self.config.control_socket))
        alarm = LoopAlarm(loop, worker.ring)
        clients: list[rtpengine.client.Client] = []
        resolver = Resolver(self.config.name_servers or nameservers())
        self._outlets = NodeOutlets(self._steersman or transports, worker, clients, tasks, resolver, self._steersman)
        worker.connect(self._outlets, alarm)
        self._take_signals(loop)
        try:
            await control.open()  # first: another node on the same state is found before any port is touched
            clients.extend(await self._connect_media(tasks))
            settle_memory(is_clean=self._berth is not None)  # before the first call: what is frozen is never let go
            await self._begin(worker, transports, tasks)
            self._end_silent(worker)
            self._certificates.take(self.config)
            tasks.create_task(self._certificates.remind(), name="certificates")
            tasks.create_task(self._tick(), name="telemetry")
            tasks.create_task(follow(self._store, self._telemetry.logger, self.stop), name="shared store")
            if clients:
                await self._watch_media(tasks, worker, clients)
            self._pauses.start()
            tasks.create_task(beat(worker, transports, clients, self._pauses), name="load")
            for trunk, target in self._store.disabled():
                self.switch_trunk(trunk, target, False)
            if self._berth is None or not self._berth.is_behind:
                worker.start()
            worker.settle()
            announce(transports.bound)
            await self._stop.wait()
        finally:
            await control.close()
            alarm.cancel()
            self._pauses.close()
            self._notices.close()
            transports.close()
            if self._embedded is not None:
                await self._embedded.stop()

    async def _begin(self, worker: Worker, transports: Transports, tasks: Tasks) -> None:
        """Adopt what is left of a process before us, and open the sockets; or stand behind one that makes room."""
        berth, engine, loop = self._berth, self._engine, asyncio.get_running_loop()
        assert self._store is not None
        if berth is not None and berth.is_behind:
            transports.open_behind()
        else:
            left = await loop.run_in_executor(None, self._store.live if berth is None else berth.live)
            if berth is not None:
                left, gone = divide(left, berth.table, berth.worker)
                engine.moves.expect(gone)
            adopt_all(worker, left, berth, tasks)  # before the first message, which may be about one of them
            if berth is not None and berth.drains is not None:
                self.drain(berth.drains)
            await transports.open()
        if self._steersman is None or berth is None:
            self._follow_network(tasks, transports)
            return
        mooring = Mooring(lambda: self.config, self._apply, transports, self._telemetry.logger)
        self._steersman.on_listener = mooring.hear
        tasks.create_task(mooring.run(), name="listeners")
        engine.egress.bindings.elsewhere = berth.phones
        self._leaving = leaving = Leaving(
            berth, engine, worker, transports, self._steersman, tasks, self._telemetry.logger, self.stop, system_clock
        )
        if berth.is_behind:
            leaving.begin()
        self._steersman.start(transports)
        tasks.create_task(
            share_counts(engine.egress.trunks, berth.counts, lambda: engine.egress.snapshot.config), name="counts"
        )
        tasks.create_task(share_probes(engine, worker, berth.findings), name="probes")

    def hear(self, word: str) -> None:
        """The supervisor's word to a worker."""
        if word == STOP:
            self.stop()
        elif word == MEDIA_LOST:
            self.lose_embedded()
        elif word == MEDIA_BACK:
            self.regain_embedded()
        elif word.startswith(f"{DRAIN} "):
            if not self._is_draining:
                self.drain(float(word.split()[1]))
        elif word.startswith("["):
            if self._worker is not None:
                tell(word, self._worker)
        elif self._leaving is not None:
            self._leaving.hear(word)

    # Operators' commands: `sbc.admin.Node`.

    def status(self) -> Json:
        """The node at one glance."""
        transports = self._transports
        assert transports is not None
        return {
            "name": self.config.name,
            "version": sbc.__version__,
            "pid": os.getpid(),
            "configuration": {"source": self.config.source or "quickstart", "version": self.config.version},
            "state": "draining" if self._is_draining else "running",
            "uptime": round(time.monotonic() - self._started, 1),
            "calls": self._engine.active_calls,
            "listeners": [
                {
                    "realm": bound.realm,
                    "transport": bound.transport,
                    "host": bound.host,
                    "port": bound.port,
                    "state": "down" if bound.why else "up",
                    "why": bound.why,
                }
                for bound in transports.bound
            ],
            "connections": transports.connections,
            "handshakes": transports.handshakes,
            "held": dict(zip(("half_received", "unsent"), transports.held, strict=True)),
            "certificates": self._certificates.rows(),
            "transport": transports.counters.as_dict(),
            "loop": self._pauses.status(),
            "events": dict(sorted(self._telemetry.counters.items())),
            "media": self._media_status(),
            "journal": journal_status(self.config.store, self._store),
            "engine": self._engine.status(system_clock()),
        } | ({"steering": self._steersman.status()} if self._steersman is not None else {})

    @property
    def active_calls(self) -> int:
        """How many there are."""
        return self._engine.active_calls

    def calls(self, most: int) -> list[Json]:
        """Live calls, the oldest first, so many at the most."""
        return self._engine.calls(system_clock(), most)

    def call(self, call: str) -> Json | None:
        """One live call."""
        return self._engine.call(call, system_clock())

    async def quality(self, call: str) -> Json | None:
        """What the media engine says of a live call's media now; None where it says nothing."""
        session = self._engine.session(call)
        if session is None or self._outlets is None:
            return None
        reply = await self._outlets.query(session.engine, rtpengine.Query(session.name))
        return None if reply is None else session.rows(reply, time.time())

    def hangup(self, call: str) -> bool:
        """End a live call."""
        if self._worker is None or self._engine.call(call, system_clock()) is None:
            return False
        self._worker.hangup(call)
        return True

    def media_engines(self) -> list[Json]:
        """The pool of media engines."""
        return self._engine.media_engines(system_clock())

    def switch_media(self, engine: str, is_enabled: bool) -> bool:
        """New sessions for a media engine, or none; those it has go on."""
        if self._worker is None or all(row["name"] != engine for row in self.media_engines()):
            return False
        self._worker.switch_media(engine, is_enabled)
        return True

    def trunks(self) -> list[Json]:
        """Trunks with their targets."""
        return self._engine.trunks(system_clock())

    def trunk(self, trunk: str) -> Json | None:
        """One trunk."""
        return next((row for row in self.trunks() if row["name"] == trunk), None)

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool) -> bool:
        """A trunk, or one target of it, in or out of service."""
        if self._worker is None or not self._has(trunk, target):
            return False
        self._worker.switch_trunk(trunk, target, is_enabled)
        return True

    def probe_trunk(self, trunk: str, target: str) -> bool:
        """Ask its targets whether they live."""
        if self._worker is None or not self._has(trunk, target):
            return False
        self._worker.probe_trunk(trunk, target)
        return True

    def _has(self, trunk: str, target: str) -> bool:
        known = self.config.trunks.get(trunk)
        return known is not None and (not target or any(str(one.uri) == target for one in known.targets))

    def drain(self, deadline: float | None) -> Json:
        """Refuse new calls; stop when the last is over, or when `deadline` seconds have passed and calls were ended."""
        seconds = self.config.drain_deadline if deadline is None else deadline
        calls = self._engine.active_calls
        if self._worker is not None and self._tasks is not None and not self._stop.is_set():
            self._telemetry.logger.info("draining", calls=calls, deadline=seconds)
            self._is_draining = True
            self._worker.drain()
            self._tasks.create_task(self._finish(self._worker, seconds), name="drain")
        return {"calls": calls, "deadline": seconds}

    async def reload(self) -> list[Json]:
        """Read the configuration again and swap it in; what is wrong with it, empty when it was taken."""
        logger = self._telemetry.logger
        fresh = await asyncio.get_running_loop().run_in_executor(None, self._read_again)
        if isinstance(fresh, list):
            findings = fresh
        else:
            fresh = keep_ports(fresh if self._berth is None else self._berth.fitted(fresh), self.config)
            findings = changes_that_need_a_restart(self.config, fresh) or await self._take_certificates(fresh)
            if not findings and self._worker is not None:
                self.config = replace(fresh, version=self.config.version + 1)
                self._worker.swap(self.config)
                if self._transports is not None:
                    self._transports.take_limits(self.config)
                logger.info("reloaded", source=self.config.source or "quickstart", version=self.config.version)
                return []
        logger.error("reload refused; the old configuration stays in force", findings=len(findings))
        for finding in findings:
            logger.error("finding", text=str(finding["text"]))
        return findings

    # The inside.

    def _apply(self, config: Config) -> None:
        """New calls run on these listeners."""
        self.config = config
        if self._worker is not None:
            self._worker.swap(config)
        if self._embedded is not None:
            self._embedded.readdress(config)

    async def _take_certificates(self, fresh: Config) -> list[Json]:
        """Show the certificates of this configuration from now on; connections stay. Why not, where that failed."""
        assert self._transports is not None
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._transports.take_certificates, fresh)
        except OSError as error:
            return [{"text": f"a certificate cannot be used: {error}"}]
        self._certificates.take(fresh)
        return []

    async def _connect_media(self, tasks: Tasks) -> list[rtpengine.client.Client]:
        media = self.config.media
        engines = list(media.engines)
        if is_wanted(self.config) and self._berth is not None:
            engines = [MediaEngine(LOOPBACK, self._berth.media_port)]
        elif is_wanted(self.config):
            self._embedded = EmbeddedEngine(
                self.config, self._telemetry.logger, self.lose_embedded, self.regain_embedded
            )
            await self._embedded.start()
            tasks.create_task(self._embedded.watch(), name="media engine")
            engines = [MediaEngine(LOOPBACK, self._embedded.port)]
        return await connect_engines(engines, media.timeout)

    async def _watch_media(self, tasks: Tasks, worker: Worker, clients: list[rtpengine.client.Client]) -> None:
        """Whether the engines live, and whether they have what our calls think they have."""
        media = self.config.media
        hearer = worker if self._embedded is None else EmbeddedHearer(worker, self._embedded)
        tasks.create_task(watch_engines(clients, hearer, media.lost_after), name="media pings")
        by_http = [HttpClient(*one.http) if one.http is not None else None for one in media.engines] or [None]
        wanted = {realm.name: realm.media_interface for realm in self.config.realms.values() if realm.media_interface}
        greeter = Greeter(self._engine.egress.placement.names, wanted, worker, self._telemetry.logger)
        tasks.create_task(sweep_engines(clients, by_http, worker, greeter, media.sweep), name="media sweeps")
        if self._berth is None:
            await self._notices.open(media, worker, worker)

    def _end_silent(self, worker: Worker) -> None:
        """End the adopted calls whose media sessions are nowhere any more."""
        if not self._engine.active_calls:
            return
        worker.media_lost(NOBODY)
        is_new = self._embedded is not None and not self._embedded.is_survivor
        if is_new or (self._berth is not None and self._berth.is_media_new and is_wanted(self.config)):
            worker.media_lost(0)

    def stop(self) -> None:
        """End now, without a word to anybody."""
        self._stop.set()

    def _make_transports(self, worker: Worker, tasks: Tasks) -> Transports:
        berth = self._berth
        if berth is None:
            return Transports(self.config, worker, tasks)
        self._steersman = steersman = Steersman(worker, berth.mailbox, berth.table, berth.seat)
        steersman.is_steered = berth.is_steered
        first = berth.seat.number << CONNECTION_BITS | berth.seat.first_connection
        return Transports(self.config, steersman, tasks, given=berth.sockets, numbers_from=first, why=berth.why)

    def _follow_network(self, tasks: Tasks, transports: Transports) -> None:
        """Serve at the addresses that the machine has, as they come and go."""
        if transports.waiting:
            self._apply(without(self.config, transports.waiting))
        following = Following(lambda: self.config, self._apply, transports, self._telemetry.logger)
        tasks.create_task(follow_network(following, self._telemetry.logger), name="network")

    @property
    def worker(self) -> Worker | None:
        """Whom to tell what is heard from outside; None before the start."""
        return self._worker

    def lose_embedded(self) -> None:
        """The embedded media engine has died, and its sessions with it."""
        if self._worker is not None:
            self._worker.media_lost(0)

    def regain_embedded(self) -> None:
        """There is an embedded media engine again: calls that wait for one need not wait for the next ping."""
        if self._worker is not None:
            self._worker.media_health(0, True)

    def _media_status(self) -> Json:
        status: Json = {"mode": self.config.media.mode, "engines": len(self.config.media.engines)}
        if self._outlets is not None:
            status |= {"commands": self._outlets.commands, "unreachable": self._outlets.unreachable}
            status["repeats"] = self._outlets.repeats
        if self._embedded is not None:
            status["embedded"] = self._embedded.status()
        return status

    def _take_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up_signal)

    def _terminate(self) -> None:
        """The first signal drains; the second ends what is left and stops."""
        if self._is_draining:
            self._end_calls()
            self._stop.set()
        else:
            self.drain(None)

    def _hang_up_signal(self) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._reload_quietly(), name="reload")

    async def _reload_quietly(self) -> None:
        await self.reload()

    async def _finish(self, worker: Worker, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await worker.drained.wait()
        except TimeoutError:
            self._telemetry.logger.warning("drain deadline: ending calls", calls=self._engine.active_calls)
            self._end_calls()
            try:
                async with asyncio.timeout(FAREWELL):
                    await worker.drained.wait()
            except TimeoutError:
                pass
        if self._berth is None:
            self._stop.set()
        else:
            self._berth.say(DRAINED)  # others may still have calls, and new ones are to hear 503 meanwhile

    def _end_calls(self) -> None:
        if self._worker is not None:
            for call in self._engine.calls(system_clock()):
                self._worker.hangup(str(call["id"]))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._telemetry.tick(time.monotonic())
