"""The whole SBC without I/O: datagrams, timers, media replies, look-ups and commands in; outputs out.

The law: one input at a time; act on everything in the list it returns before the next input; read `next_timer`
again after each.
The path of one datagram is `receive` and what it names.
"""

from __future__ import annotations

from typing import Final

import policies
import rtpengine
from sbc import call as calls
from sbc.build import build_response, marked_vias, reply_flow
from sbc.call import Alarm, Call, CallState, Incoming, Leg, Outgoing
from sbc.config import Config
from sbc.dialog import record_routes, without_tag
from sbc.egress import NONE, Egress, GiveUp
from sbc.firewall import Verdict, is_emergency, sanity
from sbc.media import Side
from sbc.mint import Mint, is_minted
from sbc.outputs import CallStarted, Dropped, DropReason, Output, Refused
from sbc.probes import Prober, Question, Tick, fault_of
from sbc.routing import NextHop, Source
from sbc.sip import Fields, ParseError, Request, Response, parse_message
from sbc.snapshot import Snapshot, registered_hop
from sbc.transaction import (
    AckNeeded,
    AckReceived,
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ResponseReceived,
    ServerTransaction,
    TimedOut,
    TransactionState,
    server_key,
)
from sbc.trunks import waiting_at
from sbc.views import call_row, facts_of, leg_row, user_of
from sbc.wire import Flow, Now

RECORDED: Final = 4000
"""Messages kept for `sbc trace`."""
_RETRY_AFTER: Final[Fields] = [("Retry-After", "30")]


class Engine:
    """One SBC. `mint_key` is entropy (32 bytes); `slots` are the token slots this worker owns (design 3a, Mint)."""

    def __init__(self, config: Config, mint_key: bytes, now: Now, slots: bytes = b"\x00") -> None:
        self.mint: Final = Mint(mint_key, slots)
        self.egress: Final = Egress(Snapshot(config), self.mint, now, RECORDED)
        self.prober: Final = Prober(self.egress)
        self.counters: Final[dict[str, int]] = {}
        self.started: Final = now
        self.draining = False
        self._limits = config.limits

    @property
    def config(self) -> Config:
        """The configuration that new calls get."""
        return self.egress.snapshot.config

    @property
    def active_calls(self) -> int:
        """Calls that have not ended."""
        return len(self.egress.calls)

    @property
    def recorder(self) -> object:
        """The last messages: (wall time, call id or empty, `in` or `out`, flow, bytes)."""
        return self.egress.recorder

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called (monotonic seconds)."""
        return self.egress.wheel.next_timer

    # Inputs

    def start(self, now: Now) -> list[Output]:
        """Before the first datagram: ask for the addresses of the trunks that are written as names."""
        self._begin(now)
        self.egress.ask_names(self.egress.snapshot.router.names)
        self.prober.follow(now)
        return self._end()

    def receive(self, data: bytes, flow: Flow, now: Now) -> list[Output]:
        """One datagram, or one message cut from a stream."""
        self._begin(now)
        if len(data) < 8 and not data.strip(b"\r\n\0 "):
            self._drop(DropReason.KEEPALIVE, flow)
            return self._end()
        try:
            message = parse_message(data, self._limits)
        except ParseError as error:
            self._malformed(error, data, flow)
            return self._end()
        if isinstance(message, Response):
            self._receive_response(message, data, flow)
        else:
            self._receive_request(message, data, flow)
        return self._end()

    def receive_fault(self, error: ParseError, flow: Flow, now: Now) -> list[Output]:
        """Bytes of a stream that no message can be cut from; the connection closes after the answer."""
        self._begin(now)
        self._malformed(error, b"", flow)
        return self._end()

    def handle_timer(self, now: Now) -> list[Output]:
        """Run whatever is due."""
        self._begin(now)
        for machine in self.egress.wheel.due(now.monotonic):
            if isinstance(machine, Alarm):
                if machine.call is not None:
                    calls.handle_timer(machine.call, self.egress, now)
                    self._arm(machine.call)
            elif isinstance(machine, GiveUp):
                self._give_up(machine.tx)
            elif isinstance(machine, Tick):
                self.prober.handle_tick(machine, now)
            elif isinstance(
                machine, InviteClientTransaction | ClientTransaction | InviteServerTransaction | ServerTransaction
            ):
                self.egress.run(machine, machine.handle_timer(now.monotonic))
                self._settle()
        return self._end()

    def _give_up(self, tx: InviteClientTransaction) -> None:
        out = tx.user
        self.egress.run(tx, tx.abandon(self.egress.now.monotonic))
        if isinstance(out, Outgoing):
            self.egress.failed.append(out)

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None, now: Now) -> list[Output]:
        """The media engine's reply to a `MediaCommand`; None where it said nothing."""
        self._begin(now)
        waiting = self.egress.waiting
        if command_id not in waiting:
            self._drop(DropReason.LATE_REPLY, Flow(0, "UDP", "", 0))
            return self._end()
        call = waiting.pop(command_id)
        if call is not None and call.serial == command_id:
            calls.receive_media(call, reply, self.egress, now)
            self._arm(call)
        return self._end()

    def lookup_answer(self, lookup_id: int, addresses: tuple[str, ...], now: Now) -> list[Output]:
        """What a `Lookup` gave; empty where the name has no address."""
        self._begin(now)
        if not self.egress.unpark(lookup_id, addresses):
            self._drop(DropReason.LATE_ANSWER, Flow(0, "UDP", "", 0))
        return self._end()

    def send_failed(self, flow: Flow, now: Now) -> list[Output]:
        """The transport could not deliver to `flow` (refused, unreachable, lost): transactions toward it fail."""
        self._begin(now)
        for tx in self.egress.transactions.clients_toward(flow):
            out = tx.user
            self.egress.run(tx, tx.abandon(now.monotonic))
            if isinstance(out, Outgoing):
                self.egress.failed.append(out)
        return self._end()

    # Requests

    def _receive_request(self, request: Request, data: bytes, flow: Flow) -> None:
        egress = self.egress
        tx = egress.transactions.match_request(request, flow)
        method = request.method
        if tx is not None and method != "CANCEL":
            egress.record("", "in", flow, data)
            egress.run(tx, tx.receive(request, egress.now.monotonic))
            self._settle()
            return
        if method == "ACK":
            self._receive_ack(request, data, flow)
            return
        if tx is not None:
            egress.run(tx, tx.receive(request, egress.now.monotonic))
            return
        back = reply_flow(request, flow)
        incoming = Incoming(request, marked_vias(request, flow), back, self.mint.tag())
        merged = egress.transactions.merged(request, flow)
        incoming.tx = egress.new_transaction(request, server_key(request, flow), back)
        incoming.tx.user = incoming
        if merged:
            self._refuse(incoming, 482, flow, "merged request")
        elif method == "CANCEL":
            self._receive_cancel(incoming, data, flow)
        elif request.to_tag and (method != "INVITE" or is_minted(request.to_tag)):
            self._receive_in_dialog(incoming, data, flow)
        else:
            self._receive_outside(incoming, data, flow)

    def _receive_ack(self, ack: Request, data: bytes, flow: Flow) -> None:
        found = self.egress.dialogs.find(ack.call_id, ack.to_tag, ack.from_tag)
        if found is None:
            self._drop(DropReason.STRAY_ACK, flow)
            return
        leg = found[1]
        assert isinstance(leg, Leg)
        if data:
            self.egress.record(leg.call.id, "in", flow, data)
        if ack.body:
            leg.learned.learn_sdp(ack.body)
        calls.receive_ack(leg.call, leg, ack, self.egress, self.egress.now)
        self._arm(leg.call)

    def _receive_cancel(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        assert incoming.request is not None
        invite = self.egress.transactions.find_invite(incoming.request, flow)
        if invite is None:
            self._refuse(incoming, 481, flow, "CANCEL of nothing")
            return
        target = invite.user
        if isinstance(target, Incoming):
            incoming.local_tag = target.local_tag
        self.egress.respond(incoming, 200)
        if isinstance(target, Incoming) and target.leg is not None:
            call = target.leg.call
            self.egress.record(call.id, "in", flow, data)
            calls.receive_cancel(call, target, self.egress, self.egress.now)
            self._arm(call)

    def _receive_in_dialog(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        request = incoming.request
        assert request is not None
        found = self.egress.dialogs.find(request.call_id, request.to_tag, request.from_tag)
        if found is None:
            self._refuse(incoming, 481, flow, "no such dialog")
            return
        dialog, leg = found
        assert isinstance(leg, Leg)
        call = leg.call
        incoming.leg = leg
        self.egress.record(call.id, "in", flow, data)
        verdict = sanity(request)
        if not dialog.accepts(request):
            self.egress.respond(incoming, 500, extra=[("Retry-After", "1")])
        elif verdict is not None:
            self._answer_verdict(incoming, verdict)
        else:
            if request.method != "BYE":
                _learn(leg, request)
            calls.receive_request(call, leg, incoming, self.egress, self.egress.now)
        self._arm(call)

    def _receive_outside(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        request = incoming.request
        assert request is not None
        verdict = sanity(request)
        method = request.method
        if verdict is not None:
            self.egress.record("", "in", flow, data)
            self._answer_verdict(incoming, verdict)
            self._report_refused(verdict.status, method, flow, verdict.reason.value)
        elif method == "INVITE":
            self._invite(incoming, data, flow)
        elif method == "OPTIONS":
            self.egress.record("", "in", flow, data)
            if self._decide(incoming, flow)[1] is not None:
                self.egress.respond(incoming, 200, extra=[("Accept", "application/sdp")])
        elif method in calls.RELAYED_OUTSIDE:
            self._relay_outside(incoming, data, flow)
        else:
            self.egress.record("", "in", flow, data)
            self._refuse(incoming, 405, flow, "method outside a dialog")

    def _relay_outside(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """One request through policy and routing, without a call."""
        self.egress.record("", "in", flow, data)
        request = incoming.request
        assert request is not None
        source, decision = self._decide(incoming, flow)
        if decision is None:
            return
        hops = self._hops(incoming, decision, flow)
        if not hops:
            return
        call = self._open(incoming, source, flow, decision)
        call.state = CallState.OUTSIDE
        call.hops = hops
        calls.begin_outside(call, request, self.egress.bindings, self.egress, self.egress.now)
        self._arm(call)

    def _invite(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """A new call: policy, routing, admission (design 3a, order of admission)."""
        egress, now = self.egress, self.egress.now
        request = incoming.request
        assert request is not None
        if not _is_well_routed(request):
            self._refuse(incoming, 400, flow, "malformed Record-Route")
            return
        if calls.is_unsupported(request):
            self._refuse(incoming, 415, flow, "body type", [("Accept", "application/sdp")])
            return
        source, decision = self._decide(incoming, flow)
        if decision is None:
            return
        trunk = self.config.trunks.get(source.trunk)
        full = "" if is_emergency(request) else egress.trunks.refusal(trunk, now.monotonic)
        if full:
            self._refuse(incoming, 503, flow, full, _RETRY_AFTER)
            return
        binding = egress.bindings.find(request.uri.user, now.monotonic)
        hops = [registered_hop(binding)] if binding is not None else self._hops(incoming, decision, flow)
        if not hops:
            return
        call = self._open(incoming, source, flow, decision)
        call.hops = hops
        call.contact = binding.uri if binding is not None else ""
        egress.calls[call.id] = call
        egress.trunks.enter(call, trunk, now.monotonic)
        egress.record(call.id, "in", flow, data)
        egress.respond(incoming, 100)
        egress.report(
            CallStarted(call.id, now.wall, call.caller, call.called, source.realm, hops[0].realm, decision.rule)
        )
        calls.begin(call, request, egress, now)
        self._arm(call)

    def _decide(self, incoming: Incoming, flow: Flow) -> tuple[Source, policies.Decision | None]:
        """Who asks, and what the policy says; None where that was a no, which is answered then."""
        egress, now = self.egress, self.egress.now
        request = incoming.request
        assert request is not None
        snapshot = egress.snapshot
        source = snapshot.router.identify(snapshot.config.listeners[flow.listener], flow.host, flow.port)
        if self.draining:
            self._refuse(incoming, 503, flow, "draining", _RETRY_AFTER)
            return source, None
        decision = policies.evaluate(snapshot.config.policy, facts_of(request, source, flow), now.wall)
        if decision.drop:
            assert incoming.tx is not None
            egress.run(incoming.tx, incoming.tx.abandon(now.monotonic))
            self._drop(DropReason.POLICY, flow, f"{decision.rule}: {decision.drop}")
            return source, None
        if decision.reject:
            self._refuse(incoming, decision.reject, flow, f"rule {decision.rule}")
            return source, None
        return source, decision

    def _hops(self, incoming: Incoming, decision: policies.Decision, flow: Flow) -> list[NextHop]:
        hops = self.egress.snapshot.router.select(decision.route, self._draw, self.egress.now.monotonic)
        if not hops:
            self._refuse(incoming, 503, flow, f"rule {decision.rule}: no target", _RETRY_AFTER)
        return hops

    def _open(self, incoming: Incoming, source: Source, flow: Flow, decision: policies.Decision) -> Call:
        egress = self.egress
        config = egress.snapshot.config
        request = incoming.request
        assert request is not None
        call = Call(self.mint.token(), config, self.mint, egress.now)
        listener = config.listeners[flow.listener]
        realm = config.realms[source.realm]
        passage = egress.snapshot.passages.between(source.realm, source.realm, source.trunk)
        leg = Leg(call, Side.A, realm, listener, incoming.reply_flow, passage, egress.learned())
        leg.trunk = source.trunk
        leg.call_id = request.call_id
        leg.local_uri, leg.remote_uri = without_tag(incoming.to), without_tag(incoming.from_)
        if request.to_tag:
            # RFC 3261 section 12.2.2: a tag that was never ours, so no dialog of ours was lost; the tag stays.
            leg.local_tag = request.to_tag
        leg.learned.learn_own(leg.local_tag, leg.contact)
        _learn(leg, request)
        call.a = leg
        call.invite_in = incoming
        incoming.leg = leg
        incoming.local_tag = leg.local_tag
        call.caller = user_of(request.from_address.uri)
        call.called = decision.called or user_of(request.uri)
        call.rule = decision.rule
        if decision.media:
            call.mode = decision.media
        return call

    def _draw(self, bound: int) -> int:
        return self.mint.number(62) % bound

    # Responses

    def _receive_response(self, response: Response, data: bytes, flow: Flow) -> None:
        tx = self.egress.transactions.match_response(response)
        if tx is None:
            self._drop(DropReason.STRAY_RESPONSE, flow, f"{response.status} {response.cseq.method[:20]}")
            return
        out = tx.user
        if isinstance(out, Outgoing):
            self.egress.record(out.leg.call.id, "in", flow, data)
            if response.status != 100 and out.method != "BYE":
                _learn(out.leg, response)
        self.egress.run(tx, tx.receive(response, self.egress.now.monotonic))
        self._settle()

    def _settle(self) -> None:
        """Act on what transactions told, until nothing is left; calls may start new ones meanwhile."""
        egress = self.egress
        while egress.pending:
            output = egress.pending.pop(0)
            if isinstance(output, AckNeeded):
                egress.acknowledge_failure(output)
            elif isinstance(output, AckReceived):
                if output.tx.state is TransactionState.ACCEPTED:
                    self._receive_ack(output.ack, b"", output.tx.flow)
            elif isinstance(output, ResponseReceived):
                out = output.tx.user
                if isinstance(out, Question):
                    if output.response.status >= 200:
                        self.prober.answered(out, fault_of(output.response.status), egress.now)
                elif isinstance(out, Outgoing):
                    calls.receive_response(out, output.response, egress, egress.now)
                    self._arm(out.leg.call)
            elif isinstance(output, TimedOut):
                out = output.tx.user
                output.tx.user = None
                if isinstance(out, Outgoing):
                    self._unsent(out, 408, "no answer to a probe")

    # Refusals

    def _malformed(self, error: ParseError, data: bytes, flow: Flow) -> None:
        message = error.message
        detail = f"{error.fault.value}: {error}"[:200]
        if isinstance(message, Response) or data.lstrip()[:4].upper() == b"SIP/":
            self._drop(DropReason.MALFORMED_RESPONSE, flow, detail)
            return
        if not isinstance(message, Request) or message.method == "ACK":
            self._drop(DropReason.MALFORMED, flow, detail)
            return
        incoming = _answerable(message, flow)
        if incoming is None:
            self._drop(DropReason.NO_VIA, flow, detail)
            return
        response = build_response(incoming, error.status, NONE, NONE, b"", "")
        self.egress.respond_statelessly(response, message, incoming.reply_flow)
        self._report_refused(error.status, message.method, flow, detail)

    def _refuse(self, incoming: Incoming, status: int, flow: Flow, detail: str, extra: Fields = NONE) -> None:
        self.egress.respond(incoming, status, extra=extra)
        self._report_refused(status, incoming.method, flow, detail)

    def _answer_verdict(self, incoming: Incoming, verdict: Verdict) -> None:
        extra: Fields = []
        if verdict.status == 420:
            extra.append(("Unsupported", ", ".join(verdict.unsupported)))
        elif verdict.status == 415:
            extra.append(("Accept-Encoding", "identity"))
        self.egress.respond(incoming, verdict.status, extra=extra)

    def _report_refused(self, status: int, method: str, flow: Flow, detail: str) -> None:
        self._count(f"refused.{status}")
        self.egress.report(Refused(status, method[:32], flow, detail))

    def _drop(self, reason: DropReason, flow: Flow, detail: str = "") -> None:
        self._count(f"dropped.{reason.value}")
        self.egress.report(Dropped(reason, flow, detail))

    def _count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1

    # Commands

    def hangup(self, call: str, now: Now) -> list[Output]:
        """End a call on both legs; an unknown id does nothing."""
        self._begin(now)
        found = self.egress.calls.get(call)
        if found is not None:
            calls.hang_up(found, self.egress, now, "operator")
            self._arm(found)
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

    def drain(self, now: Now) -> list[Output]:
        """Refuse new calls with 503; calls that are up go on."""
        self._begin(now)
        self.draining = True
        return self._end()

    def swap(self, config: Config, now: Now) -> list[Output]:
        """New calls get `config`; live ones keep theirs. Its listeners must be those of the old one, in their order."""
        self._begin(now)
        trunks = self.egress.trunks
        self.egress.snapshot = Snapshot(config, trunks.health, now.monotonic)
        trunks.retain(config)
        self.prober.follow(now)
        self._limits = config.limits
        self.egress.ask_names(self.egress.snapshot.router.names)
        return self._end()

    def status(self, now: Now) -> dict[str, object]:
        """What `sbc status` shows."""
        egress = self.egress
        return {
            "node": self.config.name,
            "state": "draining" if self.draining else "running",
            "uptime": round(now.monotonic - self.started.monotonic, 3),
            "version": self.config.version,
            "calls": len(egress.calls),
            "dialogs": len(egress.dialogs),
            "transactions": len(egress.transactions),
            "media_commands": len(egress.waiting),
            "counters": dict(sorted(self.counters.items())),
        }

    def trunks(self, now: Now) -> list[dict[str, object]]:
        """One row a trunk with its targets, in the order of the configuration."""
        return self.egress.trunks.rows(self.config, now)

    def calls(self, now: Now) -> list[dict[str, object]]:
        """One row a call, oldest first."""
        return [call_row(call, now) for call in self.egress.calls.values()]

    def call(self, id_: str, now: Now) -> dict[str, object] | None:
        """One call in full; None where it is not known."""
        call = self.egress.calls.get(id_)
        if call is None:
            return None
        row = call_row(call, now)
        row["legs"] = [leg_row(leg, now) for leg in (call.a, call.b) if leg is not None]
        return row

    # Around every input

    def _begin(self, now: Now) -> None:
        self.egress.now = now
        self.egress.outputs = []

    def _end(self) -> list[Output]:
        egress = self.egress
        while egress.failed or egress.looped or egress.suspects:
            if egress.looped:
                self._unsent(egress.looped.pop(0), 482, "leads back to this node")
            elif egress.failed:
                self._unsent(egress.failed.pop(0), 408, "cannot be reached")
            else:
                hop, is_down = egress.suspects.pop(0)
                self.prober.hurry(hop, egress.now)
                for out in waiting_at(hop, egress.calls.values()) if is_down else ():
                    calls.give_up(out, egress, egress.now)
                    self._arm(out.leg.call)
            self._settle()
        return egress.outputs

    def _unsent(self, out: Outgoing, status: int, why: str) -> None:
        if isinstance(out, Question):
            self.prober.answered(out, why, self.egress.now)
        else:
            calls.receive_timeout(out, self.egress, self.egress.now, status)
            self._arm(out.leg.call)

    def _arm(self, call: Call) -> None:
        """Keep the call's alarm in the wheel no later than its deadline; let a call go that has none."""
        alarm = call.alarm
        deadline = call.next_timer
        if deadline is None:
            alarm.call = None
        elif alarm.deadline <= self.egress.now.monotonic or deadline < alarm.deadline:
            alarm.call = call
            alarm.deadline = deadline
            self.egress.wheel.arm(alarm, deadline)


def _learn(leg: Leg, message: Request | Response) -> None:
    leg.learned.learn_message(message)
    if message.body:
        leg.learned.learn_sdp(message.body)


def _is_well_routed(request: Request) -> bool:
    if request.get("Record-Route") is None:
        return True
    try:
        record_routes(request)
    except ParseError:
        return False
    return True


def _answerable(request: Request, flow: Flow) -> Incoming | None:
    """A faulty request as far as it can be answered: to where it came from, with the Vias and tags it brought."""
    try:
        vias, back = marked_vias(request, flow), reply_flow(request, flow)
    except ParseError:
        vias, back = request.get_all("Via"), flow
    if not vias:
        return None
    return Incoming(request, vias, back, "")
