"""Transfers at work: the call that a REFER asks for goes through policy, limits and routing like one that came."""

from __future__ import annotations

from typing import Final

import policies
from sbc import call as calls
from sbc.admission import Admission
from sbc.call import Call, Incoming, Referral
from sbc.egress import Egress
from sbc.firewall import is_emergency
from sbc.outputs import CallStarted, Refused
from sbc.routing import NextHop, Source
from sbc.snapshot import registered_hop
from sbc.views import facts_of, user_of
from sbc.wire import Flow


class Transfers:
    """Places the calls of transfers. Whoever asked is the source: its trunk's policy and limits hold."""

    def __init__(self, egress: Egress, admission: Admission) -> None:
        self.egress: Final = egress
        self.admission: Final = admission

    def place(self, referral: Referral) -> None:
        """Place the call, or say why not to who asked for it."""
        egress, now = self.egress, self.egress.now
        if referral.call.referral is not referral:
            return
        leg = referral.leg
        flow = leg.flow if leg.dialog is None else leg.dialog.flow
        source = Source(leg.realm.name, leg.trunk, flow.host, flow.port)
        decision = policies.evaluate(egress.snapshot.config.policy, facts_of(referral.invite, source, flow), now.wall)
        status, why = self._objection(referral, decision)
        hops: list[NextHop] = []
        if not status:
            hops = self._hops(referral, decision)
            status, why = (0, "") if hops else (503, f"rule {decision.rule}: no target")
        if status:
            egress.report(Refused(status, "REFER", flow, why))
            calls.refuse_transfer(referral, status, egress, now)
        else:
            self._begin(referral, decision, hops, flow)
        egress.arm(referral.call)

    def _objection(self, referral: Referral, decision: policies.Decision) -> tuple[int, str]:
        egress = self.egress
        if self.admission.draining:
            return 503, "draining"
        if decision.drop or decision.reject:
            return decision.reject or 403, f"rule {decision.rule}"
        if is_emergency(referral.invite):
            return 0, ""
        if len(egress.calls) >= egress.snapshot.config.bounds.calls:
            return 503, "limits.calls"
        trunk = egress.snapshot.config.trunks.get(referral.leg.trunk)
        full = egress.trunks.refusal(trunk, egress.now.monotonic)
        return (503, full) if full else (0, "")

    def _hops(self, referral: Referral, decision: policies.Decision) -> list[NextHop]:
        egress, now = self.egress, self.egress.now.monotonic
        binding = egress.bindings.find(referral.invite.uri.user, now)
        if binding is not None:
            return [registered_hop(binding)]
        hops = egress.snapshot.router.select(decision.route, self._draw, now)
        if referral.invite.uri.scheme == "sips":
            hops = [hop for hop in hops if hop.transport == "TLS"]
        return hops

    def _begin(self, referral: Referral, decision: policies.Decision, hops: list[NextHop], flow: Flow) -> None:
        egress, now = self.egress, self.egress.now
        config = egress.snapshot.config
        transferred = referral.leg.other
        assert transferred is not None
        call = Call(egress.mint.token(), config, egress.mint, now)
        leg = call.a = egress.stand_in(call, transferred)
        call.invite_in = Incoming(referral.invite, [], flow, leg.local_tag)
        call.invite_in.leg = leg
        call.hops = hops
        binding = egress.bindings.find(referral.invite.uri.user, now.monotonic)
        call.contact = binding.uri if binding is not None else ""
        call.caller = user_of(referral.invite.from_address.uri)
        call.called = decision.called or user_of(referral.invite.uri)
        call.rule = decision.rule
        call.mode = decision.media or referral.call.mode
        call.transfers = referral.call.transfers
        egress.calls[call.id] = call
        egress.trunks.enter(call, config.trunks.get(referral.leg.trunk), now.monotonic)
        egress.report(
            CallStarted(call.id, now.wall, call.caller, call.called, leg.realm.name, hops[0].realm, decision.rule)
        )
        calls.begin_transfer(call, referral, egress, now)
        egress.arm(call)

    def _draw(self, bound: int) -> int:
        return self.egress.mint.number(62) % bound
