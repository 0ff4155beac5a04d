"""The whole SBC without I/O: datagrams, timers, media replies, look-ups and commands in; outputs out.

The law: one input at a time; act on everything in the list it returns before the next input; read `next_timer`
again after each. The path of one datagram is `receive` and what it names.
"""

from __future__ import annotations

from itertools import islice

import rtpengine
from sbc import call as calls
from sbc.call import Alarm, Call, Outgoing
from sbc.config import Config
from sbc.evacuation import Evacuation
from sbc.inquiries import Waiting
from sbc.keepalive import Beat
from sbc.locating import NOTHING, Unanswered, Watch
from sbc.measuring import LiveSession, live_session
from sbc.moving import Coming, Held
from sbc.outputs import DropReason, Journal, Output
from sbc.placement import explained, media_rows
from sbc.probes import Key, Tick
from sbc.reception import Reception
from sbc.records import Located
from sbc.registrations import Registration
from sbc.relocation import Relocation
from sbc.sip import ParseError, Response, parse_message
from sbc.snapshot import Snapshot
from sbc.status import status_of
from sbc.topology import DialogIds
from sbc.transaction import (
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ServerTransaction,
)
from sbc.trunks import Stranded, waiting_at
from sbc.views import call_row, leg_row
from sbc.waiting import GiveUp
from sbc.wheel import Machine
from sbc.wire import Flow, Now


class Engine(Reception):
    """One SBC. `mint_key` is entropy (32 bytes); `slots` are the token slots this worker owns (design 3a, Mint), and
    `others` those of the other workers. `mark` begins the names of its sessions at media engines.
    """

    @property
    def counters(self) -> dict[str, int]:
        """What was refused and dropped, by reason."""
        return self.refusals.counters

    @property
    def active_calls(self) -> int:
        """Calls that have not ended."""
        return len(self.egress.calls)

    @property
    def recorder(self) -> object:
        """The last messages: (wall time, call id or empty, `in` or `out`, flow, bytes)."""
        return self.egress.recorder

    @property
    def is_leaving(self) -> bool:
        """True while what was asked at the end is not answered: our registrations are given back."""
        return self.registrations.is_leaving

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called (monotonic seconds)."""
        return self.egress.wheel.next_timer

    # Inputs

    def start(self, now: Now) -> list[Output]:
        """Before the first datagram: ask for the addresses of the trunks that are written as names."""
        self._begin(now)
        self.egress.follow_names()
        self.prober.follow(now)
        self.registrations.follow(now)
        return self._end()

    def receive(self, data: bytes, flow: Flow, now: Now) -> list[Output]:
        """One datagram, or one message cut from a stream."""
        self._begin(now)
        if len(data) < 8 and not data.strip(b"\r\n\0 "):
            self.refusals.drop(DropReason.KEEPALIVE, flow)
            return self._end()
        try:
            message = parse_message(data, self._limits)
        except ParseError as error:
            self.refusals.malformed(error, data, flow)
            return self._end()
        if isinstance(message, Response):
            self._receive_response(message, data, flow)
        else:
            self._receive_request(message, data, flow)
        return self._end()

    def receive_fault(self, error: ParseError, flow: Flow, now: Now) -> list[Output]:
        """Bytes of a stream that no message can be cut from; the connection closes after the answer."""
        self._begin(now)
        self.refusals.malformed(error, b"", flow)
        return self._end()

    def handle_timer(self, now: Now) -> list[Output]:
        """Run whatever is due. A bug that one machine meets costs the others nothing: they are due again."""
        self._begin(now)
        due = self.egress.wheel.due(now.monotonic)
        due.reverse()
        try:
            while due:
                self._wake(due.pop(), now)
        finally:
            for machine in due:
                self.egress.wheel.arm(machine, now.monotonic)
        return self._end()

    def _wake(self, machine: Machine, now: Now) -> None:
        if isinstance(machine, Alarm):
            if (call := machine.call) is not None:
                calls.handle_timer(call, self.egress, now)
                self.egress.arm(call)
        elif isinstance(machine, Unanswered):
            self.egress.located(machine.lookup, NOTHING)
        elif isinstance(machine, Watch):
            self.egress.ask(machine.sought)
        elif isinstance(machine, GiveUp):
            self._give_up(machine.tx)
        elif isinstance(machine, Tick):
            self.prober.handle_tick(machine, now)
        elif isinstance(machine, Beat):
            self.keeper.handle_beat(machine, now)
        elif isinstance(machine, Registration):
            self.registrations.handle_timer(machine, now)
        elif isinstance(machine, Stranded):
            self._move_on()
        elif isinstance(machine, Waiting):
            self._go_on(self.inquiries.go_on(machine))
        elif isinstance(machine, Held):
            self._look_again(machine)
        elif isinstance(machine, Evacuation | Relocation):
            machine.handle_timer()
        elif isinstance(
            machine, InviteClientTransaction | ClientTransaction | InviteServerTransaction | ServerTransaction
        ):
            self.egress.run(machine, machine.handle_timer(now.monotonic))
            out = machine.user
            if isinstance(out, Outgoing) and out.hop is not None and not out.provisional:
                self.prober.hurry(out.hop, now)  # it had to be sent again
            self._settle()

    def _give_up(self, tx: InviteClientTransaction) -> None:
        out = tx.user
        self.egress.run(tx, tx.abandon(self.egress.now.monotonic))
        if isinstance(out, Outgoing):
            self.egress.failed.append(out)

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None, now: Now) -> list[Output]:
        """The media engine's reply to a `MediaCommand`; None where it said nothing."""
        self._begin(now)
        waiting, inquiry = self.egress.waiting, self.egress.inquiries.pop(command_id, None)
        if inquiry is not None:
            inquiry(reply)
            return self._end()
        if command_id not in waiting:
            if reply is not None:
                self.refusals.drop(DropReason.LATE_REPLY, Flow(0, "UDP", "", 0))
            return self._end()
        self._hear(command_id, reply)
        return self._end()

    def _hear(self, command_id: int, reply: rtpengine.Reply | None) -> None:
        call = self.egress.waiting.pop(command_id, None)
        if call is not None and call.serial == command_id:
            self._take_media(call, reply, self.egress.now)
            self.egress.arm(call)

    def _take_media(self, call: Call, reply: rtpengine.Reply | None, now: Now) -> None:
        """To the call, or on to the next engine where this one is silent or full and the session is new."""
        placement, media = self.egress.placement, call.media
        placement.note(media, reply, now.monotonic)
        former = media.engine if media is not None else 0
        again = placement.move(call, reply, now.monotonic)
        if again is None:
            calls.receive_media(call, reply, self.egress, now)
            return
        if reply is None:
            self.egress.forget_media(again.call_id, former)
        self.egress.media(call, again)

    def lookup_answer(self, lookup_id: int, located: Located, now: Now) -> list[Output]:
        """What a `Lookup` gave."""
        self._begin(now)
        if not self.egress.located(lookup_id, located):
            self.refusals.drop(DropReason.LATE_ANSWER, Flow(0, "UDP", "", 0))
        return self._end()

    def send_failed(self, flow: Flow, now: Now) -> list[Output]:
        """The transport could not deliver to `flow` (refused, unreachable, lost): transactions toward it fail."""
        self._begin(now)
        egress = self.egress
        self.keeper.lose(flow)
        egress.aliases.lose(flow)
        if flow.transport == "TCP":
            egress.detours.shut(flow, now.monotonic)
        if flow.is_reliable:
            again = egress.detours.take_ack(flow)
            if again is not None:
                egress.transmit(again)
        for tx in egress.transactions.clients_toward(flow):
            if egress.divert(tx):
                continue
            out = tx.user
            egress.run(tx, tx.abandon(now.monotonic))
            if isinstance(out, Outgoing):
                egress.failed.append(out)
        return self._end()

    # Commands

    def adopt(self, kept: Journal, now: Now) -> list[Output]:
        """Go on with a call of a process that is gone; one that cannot be gone on with is reported as ended."""
        self._begin(now)
        self.adopter.adopt(kept)
        return self._end()

    def take_over(
        self, call: str, record: bytes, data: bytes, flow: Flow, now: Now, *, is_back: bool = False
    ) -> list[Output]:
        """A call that another worker gives us, or one of ours that had no room there, and the message it went for."""
        self._begin(now)
        is_ours = self.moves.take_over(call, record)
        outputs = self._end()
        if is_ours:
            self.moves.expect_message(Coming.BACK if is_back else Coming.WITH_CALL)
            outputs += self.receive(data, flow, now)
            self.moves.expect_message(Coming.FROM_PEER)
        return outputs

    def inherit(self, call: str, record: bytes, now: Now) -> list[Output]:
        """A call that the process before us gives us, or one of ours that the next one had no room for."""
        self._begin(now)
        self.relief.inherit(call, record)
        return self._end()

    def read_notes(self, notes: bytes, now: Now) -> list[Output]:
        """What the process before us knows beside calls, as its `relief.notes` wrote it."""
        self._begin(now)
        self.relief.read(notes)
        return self._end()

    def give(self, most: int, now: Now) -> list[Output]:
        """While we leave: calls that rest go to the next process, so many at most."""
        self._begin(now)
        self.relief.give(most)
        return self._end()

    def unregister(self, now: Now) -> list[Output]:
        """The next process registers at trunks: our bindings are given back."""
        self._begin(now)
        self.registrations.leave(now)
        return self._end()

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks for by an `Inquiry`: those that we have, each with how the viewer has it."""
        return self.inquiries.answer(sender, viewer, questions)

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]], now: Now) -> list[Output]:
        """What an `Inquiry` gave."""
        self._begin(now)
        self._go_on(self.inquiries.take(number, told))
        return self._end()

    def _go_on(self, waiting: Waiting | None) -> None:
        """Take a message again that has waited for what others know."""
        if waiting is None:
            return
        self.egress.told, self.egress.is_told = waiting.told, True
        try:
            self._receive_request(waiting.request, waiting.data, waiting.flow)
        finally:
            self.egress.told, self.egress.is_told = {}, False

    def hangup(self, call: str, now: Now) -> list[Output]:
        """End a call on both legs; an unknown id does nothing."""
        self._begin(now)
        if (found := self.egress.calls.get(call)) is not None:
            calls.hang_up(found, self.egress, now, "operator")
            self.egress.arm(found)
        return self._end()

    def measure(self, delay: float, now: Now) -> list[Output]:
        """A message waits `delay` seconds for its turn now, as far as the worker can tell."""
        self._begin(now)
        self.admission.measure(delay)
        return self._end()

    def media_health(self, engine: int, is_alive: bool, now: Now) -> list[Output]:
        """A media engine answered a ping, or did not."""
        self._begin(now)
        self.evacuation.hear(engine, is_alive)
        return self._end()

    def media_lost(self, engine: int, silent: float, now: Now) -> list[Output]:
        """A media engine is gone, with it all its sessions, and for `silent` seconds already: its calls move."""
        self._begin(now)
        self.evacuation.lose(engine, silent)
        return self._end()

    def media_known(
        self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities, now: Now
    ) -> list[Output]:
        """A media engine's interfaces and abilities."""
        self._begin(now)
        self.egress.placement.know(engine, interfaces, capabilities)
        return self._end()

    def media_listed(
        self, engine: int, listed: frozenset[str], uptime: float, is_complete: bool, now: Now
    ) -> list[Output]:
        """The sessions that a media engine holds, all of them or some, and the seconds for which it has run."""
        self._begin(now)
        self.reconciler.compare(engine, listed, uptime, is_complete=is_complete)
        return self._end()

    def media_timed_out(self, session: str, now: Now) -> list[Output]:
        """A media engine has given up a session for want of packets: its call ends."""
        self._begin(now)
        self.reconciler.time_out(session)
        return self._end()

    def key_heard(self, session: str, tag: str, key: str, duration: int, now: Now) -> list[Output]:
        """A media engine has heard a party press a key, for so many milliseconds."""
        self._begin(now)
        for call in list(self.egress.calls.values()):
            if call.media is not None and call.media.call_id == session:
                calls.say(call, tag, key, duration, self.egress, now)
                self.egress.arm(call)
                break
        return self._end()

    def media_engines(self, now: Now) -> list[dict[str, object]]:
        """The pool, one row an engine."""
        return media_rows(self.egress.placement, list(self.egress.calls.values()), now.monotonic)

    def switch_media(self, engine: str, is_enabled: bool, now: Now) -> list[Output]:
        """Give an engine no new sessions, or give it some again."""
        self._begin(now)
        self.egress.placement.pool.switch(engine, is_enabled)
        return self._end()

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool, now: Now) -> list[Output]:
        """Take a trunk, or the target of it with this URI, out of service or back into it."""
        self._begin(now)
        self.prober.switch(trunk, target, is_enabled, now)
        return self._end()

    def probe_trunk(self, trunk: str, target: str, now: Now) -> list[Output]:
        """Ask the targets of a trunk, or one of them, whether they live."""
        self._begin(now)
        self.prober.probe(trunk, target, now)
        return self._end()

    def probe_heard(self, key: Key, fault: str, answer: str, now: Now) -> list[Output]:
        """What another worker has found of a target; an empty `fault` is a sign of life."""
        self._begin(now)
        self.prober.hear(key, fault, answer)
        return self._end()

    def drain(self, now: Now) -> list[Output]:
        """Refuse new calls with 503; calls that are up go on."""
        self._begin(now)
        self.admission.draining = True
        self.registrations.leave(now)
        return self._end()

    def swap(self, config: Config, now: Now) -> list[Output]:
        """New calls get `config`; live ones keep theirs. Its listeners must be those of the old one, in their order."""
        self._begin(now)
        trunks, before = self.egress.trunks, self.config.listeners
        self.egress.snapshot = Snapshot(config, trunks.health, now.monotonic)
        self.relocation.move(before, config.listeners)
        trunks.retain(config)
        self.egress.users.follow(config)
        self.registrations.follow(now)
        self.prober.follow(now)
        self._limits = config.limits
        self.egress.follow_names()
        return self._end()

    def status(self, now: Now) -> dict[str, object]:
        """What `sbc status` shows."""
        return status_of(self.admission, self.started, now) | {"media": self.reconciler.status()}

    def trunks(self, now: Now) -> list[dict[str, object]]:
        """One row a trunk with its targets, in the order of the configuration."""
        rows = self.egress.trunks.rows(self.config, now)
        self.registrations.show(rows, now)
        return rows

    def calls(self, now: Now, most: int | None = None) -> list[dict[str, object]]:
        """One row a call, oldest first, so many at the most."""
        return [call_row(call, now) for call in islice(self.egress.calls.values(), most)]

    def call(self, id_: str, now: Now) -> dict[str, object] | None:
        """One call in full; None where it is not known."""
        if (call := self.egress.calls.get(id_)) is None:
            return None
        row = call_row(call, now)
        row["legs"] = [leg_row(leg, now) for leg in (call.a, call.b) if leg is not None]
        row["explain"] = explained(call, self.egress.placement)
        return row

    def session(self, id_: str) -> LiveSession | None:
        """Where a live call has its media, for whoever wants to ask that engine; None where it has none."""
        call = self.egress.calls.get(id_)
        return None if call is None else live_session(call)

    # Around every input

    def _begin(self, now: Now) -> None:
        self.egress.now = now
        self.egress.outputs = []

    def _end(self) -> list[Output]:
        egress = self.egress
        while egress.registered:
            binding = egress.registered.pop()
            self.keeper.note(binding.flow, egress.now, binding.expires)
        while egress.has_more:
            if egress.referrals:
                self.transfers.place(egress.referrals.pop(0))
            elif egress.places_changed:
                egress.places_changed = False
                self.prober.follow(egress.now)
            elif egress.resumed:
                call = egress.resumed.pop(0)
                calls.resume(call, egress, egress.now)
                egress.arm(call)
            elif egress.homeless:
                self.evacuation.add(egress.homeless.pop())
            elif egress.unheard:
                self._hear(egress.unheard.pop(0), None)
            elif egress.looped:
                self._unsent(egress.looped.pop(0), 482, "leads back to this node")
            elif egress.failed:
                self._unsent(egress.failed.pop(0), 408, "cannot be reached")
            else:
                hop, is_down = egress.suspects.pop(0)
                self.prober.hurry(hop, egress.now)
                if is_down:
                    self.stranded.add(waiting_at(hop, egress.calls.values()), egress.now.monotonic)
                    egress.wheel.arm(self.stranded, egress.now.monotonic)
            self._settle()
        return egress.outputs

    def _move_on(self) -> None:
        """Some of the calls that wait for a target which is down go on; a few at a time: others want to be heard."""
        egress = self.egress
        for out in self.stranded.some(egress.now.monotonic):
            calls.give_up(out, egress, egress.now)
            egress.arm(out.leg.call)
            self._settle()
        if self.stranded.next_timer is not None:
            egress.wheel.arm(self.stranded, self.stranded.next_timer)
