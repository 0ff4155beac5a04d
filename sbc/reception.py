"""What comes in by SIP: each request and response to the transaction, dialog and call that it belongs to."""

from __future__ import annotations

from typing import Final

from sbc import call as calls
from sbc.admission import Admission, learn
from sbc.adopter import Adopter
from sbc.build import marked_vias, reply_flow
from sbc.call import Incoming, Leg, Outgoing
from sbc.config import Config
from sbc.dialog import Dialog, DialogState
from sbc.egress import Egress
from sbc.evacuation import Evacuation
from sbc.firewall import sanity
from sbc.inquiries import Inquiries
from sbc.keepalive import Keeper
from sbc.lingering import Remains, release
from sbc.mint import Mint, is_minted
from sbc.moving import Held, Moves
from sbc.outputs import DropReason
from sbc.probes import SILENCE, Prober, Question, fault_of
from sbc.reach import is_known, may_speak, note_seen
from sbc.reconciler import Reconciler
from sbc.refusals import Refusals
from sbc.registrations import Registering, Registrations
from sbc.relief import Relief
from sbc.relocation import Relocation
from sbc.sip import Request, Response
from sbc.snapshot import Snapshot
from sbc.transaction import (
    AckNeeded,
    AckReceived,
    ResponseReceived,
    TimedOut,
    TransactionState,
    server_key,
)
from sbc.transfers import Transfers
from sbc.trunks import Stranded
from sbc.wire import Flow, Now

NEVER: Final = 100
"""Challenges to one request that are too many for any of us to answer."""
RECORDED: Final = 4000
"""Messages kept for `sbc trace`."""


class Reception:
    """The part of the engine that reads messages. `Engine` is this with its inputs and commands."""

    def __init__(
        self,
        config: Config,
        mint_key: bytes,
        now: Now,
        slots: bytes = b"\x00",
        others: frozenset[int] = frozenset(),
        mark: str = "",
    ) -> None:
        self.mint: Final = Mint(mint_key, slots, mark)
        self.egress: Final = Egress(Snapshot(config, None, now.monotonic), self.mint, now, RECORDED)
        self.prober: Final = Prober(self.egress)
        self.keeper: Final = Keeper(self.egress, self.prober)
        self.registrations: Final = Registrations(self.egress)
        self.adopter: Final = Adopter(self.egress)
        self.evacuation: Final = Evacuation(self.egress)
        self.relocation: Final = Relocation(self.egress)
        self.reconciler: Final = Reconciler(self.egress, self.evacuation, mark, slots, others)
        self.stranded: Final = Stranded()
        self.moves: Final = Moves(self.egress, self.adopter, others)
        self.relief: Final = Relief(self.egress, self.adopter, self.moves)
        self.inquiries: Final = Inquiries(self.egress, self.moves)
        self.refusals: Final = Refusals(self.egress)
        self.admission: Final = Admission(self.egress, self.refusals, self.moves)
        self.transfers: Final = Transfers(self.egress, self.admission)
        self.started: Final = now
        self._limits = config.limits

    @property
    def config(self) -> Config:
        """The configuration that new calls get."""
        return self.egress.snapshot.config

    # Requests

    def _receive_request(self, request: Request, data: bytes, flow: Flow) -> None:
        egress = self.egress
        key = server_key(request, flow)
        tx = egress.transactions.match_request(request, flow, key)
        method = request.method
        if tx is not None and method == "ACK" and flow.host != tx.flow.host:
            tx = None  # RFC 3261 section 17.1.1.3: it comes the way of its INVITE, or it has to prove itself
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
        is_new = method != "CANCEL" and not (request.to_tag and (method != "INVITE" or is_minted(request.to_tag)))
        if is_new and self.moves.is_leaving and self.relief.passes_request(request, data, flow):
            return
        if not request.to_tag and method != "CANCEL" and self._is_full and self.refusals.shed(request, flow):
            return
        if flow.names:
            self._note_alias(request, flow)
        back = reply_flow(request, flow, egress.snapshot.config)
        incoming = Incoming(request, marked_vias(request, flow), back)
        incoming.tx = tx = egress.new_transaction(request, key, back)
        tx.user = incoming
        first = egress.transactions.first_way(tx)
        if first is not None and self._is_one_sender(first.flow, flow):
            self.refusals.refuse(incoming, 482, flow, "merged request")
        elif method == "CANCEL":
            self._receive_cancel(incoming, data, flow)
        elif is_new:
            self.admission.receive(incoming, data, flow)
        else:
            self._receive_in_dialog(incoming, data, flow)

    def _is_one_sender(self, one: Flow, other: Flow) -> bool:
        """Whether a request may have come from one sender by both flows. A stranger has its own host only: who has
        read one request knows what the next one will have in common with it, and must not be able to forestall it.
        """
        if one.host == other.host:
            return True
        router, listeners = self.egress.snapshot.router, self.config.listeners
        sources = [router.identify(listeners[way.listener], way.host, way.port, way.names) for way in (one, other)]
        return sources[0].realm == sources[1].realm and not any(source.is_stranger for source in sources)

    @property
    def _is_full(self) -> bool:
        return len(self.egress.transactions) >= self.config.bounds.transactions

    def _note_alias(self, request: Request, flow: Flow) -> None:
        snapshot = self.egress.snapshot
        source = snapshot.router.identify(snapshot.config.listeners[flow.listener], flow.host, flow.port, flow.names)
        self.egress.aliases.note(snapshot.config, source.trunk, request, flow)

    def _receive_ack(self, ack: Request, data: bytes, flow: Flow) -> None:
        found = self._find(ack, flow)
        if found is None:
            if self.refusals.absorbs(ack, flow) or self.moves.passes_on(ack.to_tag, None, data, flow):
                return
            self.refusals.drop(DropReason.STRAY_ACK, flow)
            return
        dialog, leg = found
        if not self._is_peer(leg, dialog, flow):
            self.refusals.drop(DropReason.WRONG_SOURCE, flow, "an ACK from an address that is not the peer's")
            return
        if data:
            self.egress.record(leg.call.id, "in", flow, data)
        if ack.body:
            leg.learned.learn_sdp(ack.body)
        if not leg.trunk:
            self.keeper.note(dialog.flow, self.egress.now, dialog=dialog)
        calls.receive_ack(leg.call, leg, ack, self.egress, self.egress.now)
        self.egress.arm(leg.call)

    def _receive_cancel(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        assert incoming.request is not None
        invite = self.egress.transactions.find_invite(incoming.request, flow)
        if invite is None and self.moves.cancels(incoming.request, incoming, data, flow):
            return
        if invite is None or invite.flow.host != flow.host:  # RFC 3261 section 22.1: from the same hop only
            self.refusals.refuse(incoming, 481, flow, "CANCEL of nothing")
            return
        target = invite.user
        if isinstance(target, Incoming):
            incoming.local_tag = target.local_tag
        self.egress.respond(incoming, 200)
        if isinstance(target, Incoming) and target.leg is not None:
            call = target.leg.call
            self.egress.record(call.id, "in", flow, data)
            calls.receive_cancel(call, target, self.egress, self.egress.now)
            self.egress.arm(call)

    def _find(self, request: Request, flow: Flow) -> tuple[Dialog, Leg] | None:
        """The dialog of a request and its leg; one of another realm is none: its tags must not be known here."""
        found = self.egress.dialogs.find(request.call_id, request.to_tag, request.from_tag)
        if found is None:
            return None
        dialog, leg = found
        assert isinstance(leg, Leg)
        return (dialog, leg) if self.egress.realm_of(flow).name == leg.realm.name else None

    def _notifier(self, request: Request, flow: Flow) -> tuple[Dialog, Leg] | None:
        """The dialog that a NOTIFY makes which is the first word of its notifier (RFC 6665 section 4.4.1)."""
        leg = self.egress.dialogs.owner_of(request.call_id, request.to_tag)
        if not isinstance(leg, Leg) or self.egress.realm_of(flow).name != leg.realm.name:
            return None
        if not is_known(self.egress.snapshot, leg, leg.flow, flow):
            return None  # its Contact, which makes the dialog, is whoever's word
        dialog = calls.notifier(leg.call, leg, request, self.egress, self.egress.now)
        return None if dialog is None else (dialog, leg)

    def _is_peer(self, leg: Leg, dialog: Dialog, flow: Flow) -> bool:
        """Whether this flow may speak in the dialog (ADR 8)."""
        seen = dialog.flow
        if flow.host == seen.host and flow.transport == "UDP" and seen.transport == "UDP":
            return True  # as nearly always
        egress = self.egress
        return may_speak(egress.snapshot, leg, dialog, flow, egress.locations, egress.now.monotonic)

    def _receive_in_dialog(self, incoming: Incoming, data: bytes, flow: Flow) -> None:
        request = incoming.request
        assert request is not None
        found = self._find(request, flow)
        if found is None and request.method == "NOTIFY":
            found = self._notifier(request, flow)
        if found is None:
            if not self.moves.passes_on(request.to_tag, incoming, data, flow):
                self.refusals.refuse(incoming, 481, flow, "no such dialog")
            return
        dialog, leg = found
        if not self._is_peer(leg, dialog, flow):
            self.refusals.count("dialog.wrong-source")
            self.refusals.refuse(incoming, 481, flow, "not from the peer of the dialog")
            return
        if request.method == "NOTIFY" and self.inquiries.holds_back(leg, incoming, data, flow):
            return  # it comes again
        call = leg.call
        incoming.leg = leg
        self.egress.record(call.id, "in", flow, data)
        verdict = sanity(request)
        if not dialog.accepts(request):
            self.egress.respond(incoming, 500, extra=[("Retry-After", "1")])
        elif verdict is not None:
            self.refusals.answer_verdict(incoming, verdict)
        elif call.subscription is None and dialog is not leg.dialog and dialog.state is not DialogState.EARLY:
            # A fork that had its ACK and BYE (RFC 3261 section 13.2.2.4): what it says does not concern the call.
            self.egress.respond(incoming, 200 if request.method == "BYE" else 481)
        else:
            seen, flow = dialog.flow, incoming.reply_flow
            if flow.port != seen.port or flow.host != seen.host or seen.transport != "UDP":
                note_seen(leg, dialog, flow.forth)
            if not leg.trunk:
                self.keeper.note(dialog.flow, self.egress.now, dialog=dialog)
            if request.method != "BYE":
                learn(leg, request)
            if request.method == "REFER" and self.moves.takes(leg, incoming, data, flow):
                return
            calls.receive_request(call, leg, incoming, self.egress, self.egress.now)
        self.egress.arm(call)

    def _look_again(self, held: Held) -> None:
        """A REFER has waited for the exchange of its call."""
        if not self.moves.look_again(held):
            calls.receive_request(held.leg.call, held.leg, held.incoming, self.egress, self.egress.now)
        self.egress.arm(held.leg.call)

    # Responses

    def _receive_response(self, response: Response, data: bytes, flow: Flow) -> None:
        tx = self.egress.transactions.match_response(response)
        if tx is None:
            if self.adopter.acknowledge(response, flow):
                return
            if self.moves.is_leaving:
                self.relief.pass_on(data, flow)
                return
            self.refusals.drop(DropReason.STRAY_RESPONSE, flow, f"{response.status} {response.cseq.method[:20]}")
            return
        if self.egress.realm_of(tx.flow) is not self.egress.realm_of(flow):
            self.refusals.drop(DropReason.WRONG_SOURCE, flow, "a response from another realm than its request went to")
            return
        out = tx.user
        if isinstance(out, Outgoing):
            self.egress.record(out.leg.call.id, "in", flow, data)
            if response.status != 100 and out.method != "BYE":
                learn(out.leg, response)
                if response.status in (401, 407) and flow.host != tx.flow.host:
                    out.challenged = NEVER  # somebody else asks
        elif isinstance(out, Remains):
            self.egress.record(out.call, "in", flow, data)
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
                elif isinstance(out, Registering):
                    self.registrations.answered(out, output.response, "", egress.now)
                elif isinstance(out, Outgoing):
                    if out.sending is not None and output.response.status == 503 and egress.another(out):
                        continue
                    calls.receive_response(out, output.response, egress, egress.now)
                    self.egress.arm(out.leg.call)
                    release(out)
                elif isinstance(out, Remains):
                    self._receive_late(out, output.response)
            elif isinstance(output, TimedOut):
                out = output.tx.user
                output.tx.user = None
                if isinstance(out, Outgoing):
                    self._unsent(out, 408, SILENCE)

    def _receive_late(self, remains: Remains, response: Response) -> None:
        egress = self.egress
        again = remains.repeated(response.to_tag)
        if again is not None:
            egress.transmit(again)
            return
        out = remains.revived(egress.snapshot.config, self.mint, egress.learned(), egress.now)
        if out is not None:
            calls.receive_response(out, response, egress, egress.now)

    def _unsent(self, out: Outgoing, status: int, why: str) -> None:
        if out.sending is not None and self.egress.another(out):
            return
        if isinstance(out, Question):
            self.prober.answered(out, why, self.egress.now)
        elif isinstance(out, Registering):
            self.registrations.answered(out, None, why, self.egress.now)
        else:
            calls.receive_timeout(out, self.egress, self.egress.now, status)
            self.egress.arm(out.leg.call)
