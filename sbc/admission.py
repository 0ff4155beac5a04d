"""Requests outside dialogs: sanity, policy, limits, routing, and the call that comes of it (design 3a, admission)."""

from __future__ import annotations

from typing import Final

import policies
from sbc import call as calls
from sbc.call import Call, CallState, Incoming, Leg, note_session_id
from sbc.dialog import record_routes, without_tag
from sbc.egress import Egress
from sbc.firewall import SHEDDABLE, Overload, is_emergency, sanity
from sbc.media import Side
from sbc.moving import Moves
from sbc.outputs import CallStarted, DropReason, LoadChanged
from sbc.refusals import RETRY_AFTER, Refusals
from sbc.routing import NextHop, Source
from sbc.sip import ParseError, Request, Response
from sbc.snapshot import registered_hop
from sbc.transaction import InviteServerTransaction
from sbc.views import facts_of, unproved, user_of
from sbc.wire import Flow

_CAPABLE: Final = [("Accept", "application/sdp"), ("Allow-Events", calls.ALLOW_EVENTS)]
_NO_SIPS: Final = [("Warning", '380 sbc "SIPS Not Allowed"')]


_INSIDE_ONLY: Final[frozenset[str]] = frozenset({"BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"})
"""Methods that mean nothing without a dialog (RFC 3261 section 15.1.2, RFC 3262, 3311, 6086)."""


STRANGERS_REPEATS: Final = 3
"""How often a stranger's call is told by itself that it failed: its source address may be somebody else's, who would
get eleven packets for one. A caller that misses all of them sends CANCEL in the end."""


class Admission:
    """Lets requests in, or has them refused. `draining` refuses everything that is new."""

    def __init__(self, egress: Egress, refusals: Refusals, moves: Moves) -> None:
        self.egress: Final = egress
        self.refusals: Final = refusals
        self.moves: Final = moves
        self.draining = False
        self.overload: Final = Overload()

    def measure(self, delay: float) -> None:
        """How long a message waits for its turn now: decides how much that is new is let in."""
        egress, overload = self.egress, self.overload
        egress.delay = delay
        if overload.measure(delay, egress.snapshot.config.bounds.delay):
            egress.is_late = overload.share < 1.0
            egress.report(LoadChanged(egress.is_late, delay, egress.now.wall))

    def _shed(self, request: Request) -> str:
        """Why this request must wait; an empty string where it need not. What saves lives never does."""
        if is_emergency(request):
            return ""
        if request.method == "INVITE" and len(self.egress.calls) >= self.egress.snapshot.config.bounds.calls:
            return "limits.calls"
        return "" if self.overload.admit() else "overload"

    def _for_us(self, request: Request, flow: Flow) -> Request:
        """A trunk that we registered at calls the Contact it was told: whom it means is the user we registered."""
        trunk, user = self.egress.own_contacts.get(request.uri.user, ("", ""))
        snapshot = self.egress.snapshot
        listener = snapshot.config.listeners[flow.listener]
        if not trunk or snapshot.router.identify(listener, flow.host, flow.port, flow.names).trunk != trunk:
            return request
        uri = f"{request.uri.scheme}:{user}@{snapshot.config.realms[listener.realm].domain}"
        return Request(request.method, uri, request.fields, request.body)

    def receive(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """A request without a dialog of ours."""
        request = incoming.request
        assert request is not None
        if request.uri.user in self.egress.own_contacts:
            incoming.request = request = self._for_us(request, flow)
        verdict = sanity(request)
        method = request.method
        if verdict is not None:
            self.egress.record("", "in", flow, data)
            self.refusals.answer_verdict(incoming, verdict)
            self.refusals.report(verdict.status, method, flow, verdict.reason.value)
        elif method in SHEDDABLE and (shed := self._shed(request)):
            self.refusals.count(f"shed.{shed}")
            self.refusals.refuse(incoming, 503, flow, shed, [("Retry-After", str(2 + self._draw(5)))])
        elif method == "INVITE":
            self._invite(incoming, data, flow)
        elif method in calls.TO_REGISTERED and self._registered(request) is not None:
            self._relay_outside(incoming, data, flow)
        elif method == "OPTIONS":
            self._options(incoming, data, flow)
        elif method in calls.RELAYED_OUTSIDE:
            self._relay_outside(incoming, data, flow)
        elif method == "REFER":
            self._refer(incoming, data, flow)
        else:
            self.egress.record("", "in", flow, data)
            status = 481 if method in _INSIDE_ONLY else 405
            self.refusals.refuse(incoming, status, flow, "method outside a dialog")

    def _options(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """Answered here (RFC 3261 section 11.2), unless the trunk that asks wants to know of the user behind us."""
        request, snapshot = incoming.request, self.egress.snapshot
        assert request is not None
        source = snapshot.router.identify(snapshot.config.listeners[flow.listener], flow.host, flow.port, flow.names)
        trunk = snapshot.config.trunks.get(source.trunk)
        if trunk is not None and trunk.options == "relay" and user_of(request.uri):
            self._relay_outside(incoming, data, flow)
            return
        self.egress.record("", "in", flow, data)
        if self._decide(incoming, flow)[1] is not None:
            self.egress.respond(incoming, 200, extra=_CAPABLE)

    def _refer(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """A REFER outside dialogs is about one of them by Target-Dialog (RFC 4538), or it is refused."""
        request, egress = incoming.request, self.egress
        assert request is not None
        listener = egress.snapshot.config.listeners[flow.listener]
        source = egress.snapshot.router.identify(listener, flow.host, flow.port, flow.names)
        leg = calls.find_target(request, source.trunk, flow, egress)
        if leg is None and self.moves.follows(request, incoming, data, flow):
            return
        egress.record(leg.call.id if leg is not None else "", "in", flow, data)
        if leg is None:
            self.refusals.refuse(incoming, 403, flow, "REFER outside a dialog, without a Target-Dialog of ours")
            return
        if self.moves.takes(leg, incoming, data, flow):
            return
        calls.receive_refer(leg, incoming, egress, egress.now)
        egress.arm(leg.call)

    def _relay_outside(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """One request through policy and routing, without a call."""
        self.egress.record("", "in", flow, data)
        request = incoming.request
        assert request is not None
        if not _has_breadth(request):
            self.refusals.refuse(incoming, 440, flow, "Max-Breadth 0")
            return
        source, decision = self._decide(incoming, flow)
        if decision is None:
            return
        realm = self.egress.snapshot.config.realms[source.realm]
        is_subscribe = request.method == "SUBSCRIBE"
        if is_subscribe and self.egress.subscriptions.count(realm.name) >= realm.subscriptions:
            self.refusals.refuse(incoming, 503, flow, "realm.limits.subscriptions", RETRY_AFTER)
            return
        hops, contact = self._way(incoming, decision, flow)
        if not hops:
            return
        call = self._open(incoming, source, flow, decision)
        call.state = CallState.OUTSIDE
        call.hops = hops
        call.contact = contact
        if not is_subscribe:
            calls.begin_outside(call, request, self.egress, self.egress.now)
        elif calls.subscribe(call, request, self.egress, self.egress.now):
            self.egress.subscriptions.add(call)
        self.egress.arm(call)

    def _registered(self, request: Request) -> calls.Binding | None:
        """The Contact that a request is for, where its Request-URI is one of ours that stands for a registered one."""
        return self.egress.bindings.find(request.uri.user, self.egress.now.monotonic)

    def _way(self, incoming: Incoming, decision: policies.Decision, flow: Flow) -> tuple[list[NextHop], str]:
        """Where a request goes, nowhere where it is refused by that; and the registered Contact that it is for."""
        assert incoming.request is not None
        binding = self._registered(incoming.request)
        if binding is None:
            return self._hops(incoming, decision, flow), ""
        return self._secured(incoming, [registered_hop(binding)], flow), binding.uri

    def _invite(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        """A new call: policy, routing, admission (design 3a, order of admission)."""
        egress, now = self.egress, self.egress.now
        request = incoming.request
        assert request is not None
        if not _has_breadth(request):
            self.refusals.refuse(incoming, 440, flow, "Max-Breadth 0")
            return
        if not _is_well_routed(request):
            self.refusals.refuse(incoming, 400, flow, "malformed Record-Route")
            return
        if calls.is_unsupported(request, egress.snapshot.bodies):
            self.refusals.refuse(incoming, 415, flow, "body type", [("Accept", "application/sdp")])
            return
        source, decision = self._decide(incoming, flow)
        if decision is None:
            return
        trunk = self.egress.snapshot.config.trunks.get(source.trunk)
        full = "" if is_emergency(request) else egress.trunks.refusal(trunk, now.monotonic)
        if full:
            self.refusals.refuse(incoming, 503, flow, full, RETRY_AFTER)
            return
        if request.get("Replaces") is not None or request.get("Join") is not None:
            self._replace(incoming, data, source, flow, decision)
            return
        hops, contact = self._way(incoming, decision, flow)
        if not hops:
            return
        if source.is_stranger and isinstance(incoming.tx, InviteServerTransaction):
            incoming.tx.repeats = STRANGERS_REPEATS
        call = self._open(incoming, source, flow, decision)
        call.hops = hops
        call.contact = contact
        egress.calls[call.id] = call
        egress.trunks.enter(call, trunk, now.monotonic)
        egress.record(call.id, "in", flow, data)
        egress.respond(incoming, 100)
        egress.report(
            CallStarted(call.id, now.wall, call.caller, call.called, source.realm, hops[0].realm, decision.rule)
        )
        calls.begin(call, request, egress, now)
        self.egress.arm(call)

    def _replace(
        self, incoming: Incoming, data: bytes, source: Source, flow: Flow, decision: policies.Decision
    ) -> None:
        """Somebody who takes the place of a peer in a call that is up (RFC 3891): routing has no say in it."""
        egress, now, request = self.egress, self.egress.now, incoming.request
        assert request is not None
        config = egress.snapshot.config
        profile = config.profile_of(config.realms[source.realm], source.trunk)
        place = calls.find_place(request, source.trunk, flow, profile, egress)
        if isinstance(place, calls.Refusal):
            if place.status == 481 and self.moves.follows(request, incoming, data, flow):
                return
            extra = [("Unsupported", "replaces")] if place.status == 420 else []
            self.refusals.refuse(incoming, place.status, flow, place.why, extra)
            return
        kept = place.other
        call = self._open(incoming, source, flow, decision)
        egress.calls[call.id] = call
        egress.trunks.enter(call, egress.snapshot.config.trunks.get(source.trunk), now.monotonic)
        egress.record(call.id, "in", flow, data)
        egress.respond(incoming, 100)
        realm = kept.realm.name if kept is not None else ""
        egress.report(CallStarted(call.id, now.wall, call.caller, call.called, source.realm, realm, decision.rule))
        calls.begin_replacement(call, place, request, egress, now)
        egress.arm(call)

    def _decide(self, incoming: Incoming, flow: Flow) -> tuple[Source, policies.Decision | None]:
        """Who asks, and what the policy says; None where that was a no, which is answered then.

        A trunk may ask whether we live (OPTIONS) though no rule speaks of it; strangers get the document's default.
        """
        egress, now = self.egress, self.egress.now
        request = incoming.request
        assert request is not None
        snapshot = egress.snapshot
        source = snapshot.router.identify(snapshot.config.listeners[flow.listener], flow.host, flow.port, flow.names)
        if self.draining:
            self.refusals.refuse(incoming, 503, flow, "draining", RETRY_AFTER)
            return source, None
        decision = policies.evaluate(snapshot.config.policy, facts_of(request, source, flow), now.wall)
        if decision.drop:
            assert incoming.tx is not None
            egress.run(incoming.tx, incoming.tx.abandon(now.monotonic))
            self.refusals.drop(DropReason.POLICY, flow, f"{decision.rule}: {decision.drop}")
            return source, None
        is_ping = request.method == "OPTIONS" and not source.is_stranger and decision.rule == policies.DEFAULT_RULE
        if decision.reject and not is_ping:
            self.refusals.refuse(incoming, decision.reject, flow, f"rule {decision.rule}{unproved(source, flow)}")
            return source, None
        return source, decision

    def _hops(self, incoming: Incoming, decision: policies.Decision, flow: Flow) -> list[NextHop]:
        hops = self.egress.snapshot.router.select(decision.route, self._draw, self.egress.now.monotonic)
        if not hops:
            self.refusals.refuse(incoming, 503, flow, f"rule {decision.rule}: no target", RETRY_AFTER)
        return self._secured(incoming, hops, flow)

    def _secured(self, incoming: Incoming, hops: list[NextHop], flow: Flow) -> list[NextHop]:
        """For sips those that are reached by TLS; without one the request is refused (RFC 5630), never downgraded."""
        request = incoming.request
        if request is None or request.uri.scheme != "sips" or not hops:
            return hops
        hops = [hop for hop in hops if hop.transport == "TLS"]
        if not hops:
            self.refusals.refuse(incoming, 480, flow, "sips: no target by TLS", _NO_SIPS)
        return hops

    def _open(self, incoming: Incoming, source: Source, flow: Flow, decision: policies.Decision) -> Call:
        egress = self.egress
        config = egress.snapshot.config
        request = incoming.request
        assert request is not None
        call = Call(self.egress.mint.token(), config, self.egress.mint, egress.now)
        listener = config.listeners[flow.listener]
        realm = config.realms[source.realm]
        passage = egress.snapshot.passages.between(source.realm, source.realm, source.trunk)
        leg = Leg(call, Side.A, realm, listener, incoming.reply_flow.forth, passage, egress.learned())
        leg.trunk = source.trunk
        leg.call_id = request.call_id
        leg.local_uri, leg.remote_uri = without_tag(incoming.to), without_tag(incoming.from_)
        if request.to_tag:
            # RFC 3261 section 12.2.2: a tag that was never ours, so no dialog of ours was lost; the tag stays.
            leg.local_tag = request.to_tag
        leg.learned.learn_own(leg.local_tag, leg.contact)
        call.a = leg
        call.invite_in = incoming
        incoming.leg = leg
        incoming.local_tag = leg.local_tag
        call.caller = user_of(request.from_address.uri)
        call.called = decision.called or user_of(request.uri)
        call.rule = decision.rule
        if decision.media:
            call.mode = decision.media
        learn(leg, request)
        return call

    def _draw(self, bound: int) -> int:
        return self.egress.mint.number(62) % bound


def learn(leg: Leg, message: Request | Response) -> None:
    """Remember what a peer has shown: none of it may be seen on the other side."""
    leg.learned.learn_message(message)
    note_session_id(leg, message)
    if message.body and leg.call.mode != "bypass":
        leg.learned.learn_sdp(message.body)


def _has_breadth(request: Request) -> bool:
    """RFC 5393 section 5.3.3: a request that may branch no further is not sent on."""
    value = request.get("Max-Breadth")
    return value is None or value.strip().lstrip("0") != "" or value.strip() == ""


def _is_well_routed(request: Request) -> bool:
    if request.get("Record-Route") is None:
        return True
    try:
        record_routes(request)
    except ParseError:
        return False
    return True
