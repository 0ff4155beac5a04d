"""The one exit: every message of ours is built here from the allow-list, formatted, audited, handed to its transaction.

`Egress` is the `Exit` that calls speak to, and the engine's own way out for what concerns no call.
"""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc import call as calls
from sbc.adoption import keep
from sbc.aliases import Aliases
from sbc.build import build_follower, build_request, has_tag, own_via
from sbc.call import Call, CallState, Kind, Leg, Outgoing, Referral, Sending
from sbc.config import Listener
from sbc.contents import shown_body
from sbc.credentials import Users
from sbc.detours import LARGE, Detours
from sbc.dialog import Dialog, DialogTable
from sbc.firewall import is_emergency
from sbc.lingering import release
from sbc.locating import LateAck, listener_to, sought_on
from sbc.media import Side
from sbc.mint import Mint
from sbc.naming import Naming
from sbc.outputs import Event, MediaCommand, TargetChanged, Transmit
from sbc.placement import Placement
from sbc.reach import bound_flow, fit_places, past_flow
from sbc.redirects import Redirects
from sbc.replies import sendable
from sbc.routing import NextHop, Place, TargetState, default_port
from sbc.sip import Address, Fields, Message, Response, Uri, format_message, parse_uri
from sbc.snapshot import Snapshot, listener_for, wanted_names
from sbc.topology import Challenges, emergency_service
from sbc.transaction import (
    AckNeeded,
    ClientTransaction,
    InviteClientTransaction,
)
from sbc.trunks import Trunks, longest
from sbc.waiting import GiveUp
from sbc.wire import Flow, Now

NONE: Final[Fields] = []
_MINIMAL: Final[frozenset[str]] = frozenset({"ACK", "BYE", "CANCEL"})
SUSPECT: Final = 0.8
"""Seconds for which a next hop that failed last time is waited for while there is another."""
MEDIA_SECONDS: Final = 8.0
"""A media command that brought no reply by then has failed, whatever its client says."""


class Egress(Naming):
    """Holds what sending needs: transactions, dialogs, timers, names; fills `outputs` for the input under way."""

    def __init__(self, snapshot: Snapshot, mint: Mint, now: Now, recorded: int) -> None:
        super().__init__(snapshot, mint, now, recorded)
        self.dialogs: Final = DialogTable()
        self.bindings: Final = calls.Bindings()
        self.challenges: Final = Challenges(mint)
        self.users: Final = Users(snapshot.config, mint)
        self.own_contacts: Final[dict[str, tuple[str, str]]] = {}
        """Trunk and user behind the Contacts that we have registered ourselves."""
        self.redirects: Final = Redirects()
        self.subscriptions: Final = calls.Subscriptions()
        self.entity_tags: Final = calls.EntityTags()
        self.calls: Final[dict[str, Call]] = {}
        self.waiting: Final[dict[int, Call | None]] = {}
        self.detours: Final = Detours()
        self.aliases: Final = Aliases()
        self._serial = 0
        self.trunks: Final = Trunks(snapshot.router.health)
        self.delay = 0.0
        self.is_late = False
        """Messages wait too long for their turn: silence may be ours."""
        self.looped: list[Outgoing] = []
        """Requests that would have come back to this node; as above."""
        self.registered: list[calls.Binding] = []
        """Bindings that a registrar has agreed to by this input; as above."""
        self.placement: Final = Placement(snapshot.config, mint)
        self.is_journalled: Final = snapshot.config.store != "memory"
        self.referrals: list[Referral] = []
        """Transfers whose calls are to be placed; as above."""
        self.suspects: list[tuple[NextHop, bool]] = []
        """Targets that failed by what this input brought, and whether that made them down; as above."""

    @property
    def has_more(self) -> bool:
        """True while the engine has something to tell calls, or to do for them, before this input is dealt with."""
        waiting = self.failed or self.looped or self.suspects or self.resumed or self.referrals
        return bool(waiting) or self.places_changed

    # Exit: requests

    def request(
        self,
        out: Outgoing,
        crossing: Message | None = None,
        body: bytes = b"",
        content_type: str = "",
        max_forwards: int = 70,
    ) -> bool:
        """Build, audit and send a request; False where the audit withheld it."""
        uri = self._address(out)
        hop = out.hop if out.dialog is None else None
        if hop is not None and hop.is_address:
            return self._launch(
                out, crossing, body, content_type, max_forwards, uri, out.leg.listener, hop.host, hop.port
            )
        if out.dialog is not None:
            bound = bound_flow(self.snapshot, out.leg, out.dialog, uri)
            if bound is not None:
                if bound.connection:
                    out.detour = past_flow(self.snapshot, out.leg, self._listener(out.leg, uri, out.dialog), uri, bound)
                return self._to_seen(Sending(out, crossing, body, content_type, max_forwards, uri), bound)
        host = uri.host[1:-1] if uri.host.startswith("[") else uri.host
        if is_address(host):
            listener = self._listener(out.leg, uri, out.dialog)
            port = uri.port or default_port(listener.transport)
            return self._launch(out, crossing, body, content_type, max_forwards, uri, listener, host, port)
        sending = Sending(out, crossing, body, content_type, max_forwards, uri)
        sought = sought_on(out.leg, uri, out.dialog)
        located = self._located(sought)
        if located is None:
            self.locations.wait(sought, sending)
            return True
        return self._set_out(sending, located)

    def _address(self, out: Outgoing) -> Uri:
        """Fill in Request-URI, routes, From, To and CSeq; the URI of the next hop."""
        leg, dialog = out.leg, out.dialog
        out.from_ = f"{leg.local_uri};tag={leg.local_tag if dialog is None else dialog.local_tag}"
        if dialog is None:
            out.request_uri = leg.target
            out.to = leg.remote_uri
            leg.cseq += 1
            out.cseq = leg.cseq
            return out.hop.uri if out.hop is not None else parse_uri(leg.target)
        out.to = f"{leg.remote_uri};tag={dialog.remote_tag}" if dialog.remote_tag else leg.remote_uri
        out.request_uri, out.routes = dialog.request_line_and_routes()
        out.cseq = dialog.next_cseq()
        return dialog.next_hop()

    def _listener(self, leg: Leg, uri: Uri, dialog: Dialog | None) -> Listener:
        """By which to send; never less than TLS for sips, and in a dialog that began so (RFC 3261 section 12.2.1.1)."""
        is_secure = uri.scheme == "sips" or (dialog is not None and dialog.secure)
        transport = "TLS" if is_secure else (uri.param("transport") or "UDP").upper()
        if transport == leg.listener.transport:
            return leg.listener
        host = uri.host[1:-1] if uri.host.startswith("[") else uri.host
        return listener_for(leg.realm, transport, host) or leg.listener

    def _launch(
        self,
        out: Outgoing,
        crossing: Message | None,
        body: bytes,
        content_type: str,
        max_forwards: int,
        uri: Uri,
        listener: Listener,
        host: str,
        port: int,
        bound: Flow | None = None,
    ) -> bool:
        """Build the message for this place, or for a flow, and send it; `uri` is the next hop that led here."""
        leg = out.leg
        if uri.scheme == "sips" and listener.transport != "TLS":
            self.failed.append(out)
            return True
        out.via = own_via(listener, self.mint.branch())
        if listener.transport == "TLS":
            self._offer(out)
        fields, own = NONE, self.users.borne_by(out, body)
        if crossing is not None:
            fields = leg.passage.cross(crossing, out.method)
            if out.kind is Kind.EVENT or out.method == "PUBLISH":
                ours = [name for name, _ in out.fields]
                fields = [field for field in fields if field[0] not in ours]
            out.credentials = own or self.challenges.credentials(crossing, leg.call.config.trunks.get(leg.trunk))
            fields += out.credentials
        elif own:
            out.credentials = fields = own
        message = build_request(out, listener, fields, body, content_type, max_forwards)
        wire = sendable(self._finish(message, leg.realm, leg), listener.transport)
        if not wire and out.method in _MINIMAL:
            minimal = format_message(build_request(out, listener, NONE, b"", "", max_forwards))
            wire = sendable(minimal, listener.transport)
        if not wire:
            return False
        if bound is None:
            name = uri.host[1:-1] if uri.host.startswith("[") else uri.host
            proof = wanted_names(leg.call.config, leg.trunk, listener, name)
            bound = Flow(listener.index, listener.transport, host, port, 0, proof)
        self._send(out, wire, bound)
        return True

    def _send(self, out: Outgoing, wire: bytes, flow: Flow) -> None:
        if out.dialog is None and (flow.transport, flow.host, flow.port) in self.snapshot.own:
            self.looped.append(out)
            return
        dialog = out.dialog
        if dialog is not None and out.detour is None and out.sending is None:
            seen = dialog.flow
            if flow.host != seen.host or flow.port != seen.port:
                out.detour = seen
        if len(wire) > LARGE or flow.transport == "TLS":
            wire, flow = self._best(out, wire, flow)
        out.flow = flow
        branch = _branch(out)
        timers, time = self.snapshot.timers, self.now.monotonic
        tx: InviteClientTransaction | ClientTransaction
        if out.method == "INVITE":
            tx = InviteClientTransaction((branch, "INVITE"), wire, flow, timers, time)
        else:
            tx = ClientTransaction((branch, out.method), wire, flow, timers, time)
        tx.user = out
        out.tx = tx
        self.transactions.add(tx)
        self.record(out.leg.call.id, "out", flow, wire)
        self.run(tx, tx.start())

    def _best(self, out: Outgoing, wire: bytes, flow: Flow) -> tuple[bytes, Flow]:
        """The way that a request takes in the place of its own, which is its detour then."""
        better = None
        if flow.transport == "UDP":
            if len(wire) > LARGE and out.leg.trunk:
                better = self.detours.by_tcp(out.leg, flow, self.now.monotonic)
        elif flow.transport == "TLS":
            better = self.aliases.find(out.leg.realm.name, flow)
        if better is None:
            return wire, flow
        out.detour = flow
        return self._fit(out, wire, flow.listener, better), better

    def divert(self, tx: InviteClientTransaction | ClientTransaction) -> bool:
        """What could not be delivered goes another way, if it has one left."""
        out = tx.user
        if not isinstance(out, Outgoing) or out.detour is None or out.cancel_wanted:
            return False
        detour, out.detour, wire = out.detour, None, tx.wire
        self.run(tx, tx.abandon(self.now.monotonic))
        self._send(out, self._fit(out, wire, tx.flow.listener, detour), detour)
        return True

    def acknowledge(self, out: Outgoing, dialog: Dialog, body: bytes = b"") -> None:
        """Send the ACK to a 2xx and keep it for copies of that 2xx (RFC 3261 section 13.2.2.4)."""
        leg = out.leg
        ack = Outgoing(out.kind, leg, "ACK")
        ack.fields = out.credentials  # RFC 3261 section 22.1: those of its INVITE
        ack.request_uri, ack.routes = dialog.request_line_and_routes()
        ack.from_ = f"{leg.local_uri};tag={dialog.local_tag}"
        ack.to = f"{leg.remote_uri};tag={dialog.remote_tag}" if dialog.remote_tag else leg.remote_uri
        ack.cseq = out.cseq
        uri = dialog.next_hop()
        flow = bound_flow(self.snapshot, leg, dialog, uri)
        if flow is None:
            flow = self._place_of(LateAck(out, dialog, body), uri)
            if flow is None:
                out.acks.setdefault(dialog.remote_tag, Transmit(b"", dialog.flow))  # copies of the 2xx wait for it too
                return
        listener = self.snapshot.config.listeners[flow.listener]
        if uri.scheme == "sips" and listener.transport != "TLS":
            return
        ack.via = own_via(listener, self.mint.branch())
        if listener.transport == "TLS":
            self._offer(ack)
        message = build_request(ack, listener, NONE, body, "application/sdp" if body else "", 70)
        wire = sendable(self._finish(message, leg.realm, leg), listener.transport)
        if not wire:
            wire = format_message(build_request(ack, listener, NONE, b"", "", 70))
        self._post(ack, wire, flow, dialog.remote_tag, out.acks)

    def _place_of(self, late: LateAck, uri: Uri) -> Flow | None:
        """Where the ACK to a 2xx goes; None where that has to be looked up first: it waits for that."""
        leg, dialog = late.out.leg, late.dialog
        host = uri.host[1:-1] if uri.host.startswith("[") else uri.host
        if is_address(host):
            listener = self._listener(leg, uri, dialog)
            place = Place(listener.transport, host, uri.port or default_port(listener.transport))
        else:
            sought = sought_on(leg, uri, dialog)
            located = self._located(sought)
            if located is None:
                self.locations.wait(sought, late)
                return None
            found = self.locations.places(leg, located, dialog, self.draw, self.now.monotonic)
            found = fit_places(self.snapshot, leg, dialog, found)
            if not found:
                return dialog.flow
            place = found[0]
            listener = listener_to(leg, place)
        proof = wanted_names(leg.call.config, leg.trunk, listener, host)
        return Flow(listener.index, listener.transport, place.host, place.port, 0, proof)

    def _post(self, ack: Outgoing, wire: bytes, flow: Flow, tag: str, acks: dict[str, Transmit]) -> None:
        output = Transmit(wire, flow)
        if len(wire) > LARGE or flow.transport == "TLS":
            wire, better = self._best(ack, wire, flow)
            if better is not flow:
                flow = better
                self.detours.keep_ack(flow, output, acks, tag)
                output = Transmit(wire, flow)
        acks[tag] = output
        self.record(ack.leg.call.id, "out", flow, wire)
        self.outputs.append(output)

    def _offer(self, out: Outgoing) -> None:
        """Offer the connection for requests to us, where the trunk has agreed (RFC 5923 section 4)."""
        trunk = out.leg.call.config.trunks.get(out.leg.trunk)
        if trunk is not None and trunk.alias:
            out.via += ";alias"

    def _fit(self, out: Outgoing, wire: bytes, listener: int, flow: Flow) -> bytes:
        """Finished for `listener`, a request leaves by `flow`: its Via has to say so (RFC 3261 section 18.1.1)."""
        if flow.listener == listener:
            return wire
        old = out.via
        out.via = own_via(self.snapshot.config.listeners[flow.listener], _branch(out))
        if flow.transport == "TLS":
            self._offer(out)
        return wire.replace(f"Via: {old}\r\n".encode(), f"Via: {out.via}\r\n".encode(), 1)

    def repeat_ack(self, out: Outgoing, remote_tag: str) -> None:
        """Send the kept ACK once more."""
        kept = out.acks[remote_tag]
        if kept.data:
            self.outputs.append(kept)

    def cancel(self, out: Outgoing) -> None:
        """Send CANCEL for an INVITE that has had a provisional response (section 9.1)."""
        flow = out.flow
        if flow is None:
            return
        wire = self._follower(out, "CANCEL", out.to)
        branch = _branch(out)
        tx = ClientTransaction((branch, "CANCEL"), wire, flow, self.snapshot.timers, self.now.monotonic)
        self.transactions.add(tx)
        self.record(out.leg.call.id, "out", flow, wire)
        self.run(tx, tx.start())
        if isinstance(out.tx, InviteClientTransaction):
            deadline = self.now.monotonic + 64 * self.snapshot.timers.t1
            self.wheel.arm(GiveUp(out.tx, deadline), deadline)

    def acknowledge_failure(self, need: AckNeeded) -> None:
        """Build the ACK to a 3xx to 6xx by value from its INVITE and hand it to the transaction."""
        out = need.tx.user
        if not isinstance(out, Outgoing):
            return
        to = out.to
        tag = need.response.to_tag
        if tag and not has_tag(to):
            to = f"{to};tag={tag}"
        wire = self._follower(out, "ACK", to)
        self.record(out.leg.call.id, "out", need.tx.flow, wire)
        self.run(need.tx, need.tx.acknowledge(wire, self.now.monotonic))

    def _follower(self, out: Outgoing, method: str, to: str) -> bytes:
        message = build_follower(out, method, to)
        # Never withheld: it says nothing its INVITE did not say. The audit reports what it finds.
        return self._finish(message, out.leg.realm, out.leg) or format_message(message)

    # Exit: the rest

    def callee_leg(self, call: Call, hop: NextHop) -> Leg | None:
        """A fresh B leg toward a target; None where no listener of its realm speaks its transport and family."""
        config = call.config
        realm = config.realms[hop.realm]
        listener = listener_for(realm, hop.transport, hop.host)
        incoming, a_leg = call.invite_in, call.caller_leg
        if listener is None or incoming is None or incoming.request is None:
            return None
        is_sos = is_emergency(incoming.request)
        if call.state is not CallState.OUTSIDE:
            if not self.trunks.attempt(call, hop, is_sos, self.now.monotonic):
                return None
            call.longest = longest(call, hop)
        passages = self.snapshot.passages
        into = passages.emergency if is_sos else passages.between
        passage = into(a_leg.realm.name, realm.name, hop.trunk)
        leg = Leg(
            call,
            Side.B,
            realm,
            listener,
            Flow(listener.index, hop.transport, hop.host, hop.port),
            passage,
            self.learned(),
        )
        a_leg.passage = passages.between(realm.name, a_leg.realm.name, a_leg.trunk)
        leg.trunk = hop.trunk
        leg.call_id = self.mint.call_id()
        request = incoming.request
        leg.local_uri = passage.caller(request)
        host = hop.uri.host if not hop.uri.port else f"{hop.uri.host}:{hop.uri.port}"
        user = call.called
        if call.redirection is not None:
            user = call.redirection.user_of(hop) or user
        scheme = "sips" if request.uri.scheme == "sips" else hop.uri.scheme
        leg.target = f"{scheme}:{user}@{host}" if user else f"{scheme}:{host}"
        if call.contact:
            leg.target = call.contact
        elif hop.target_key[3] != "UDP" and scheme == "sip":
            leg.target += f";transport={hop.target_key[3].lower()}"
        leg.remote_uri = f"<{scheme}:{user}@{hop.uri.host}>" if user else f"<{scheme}:{hop.uri.host}>"
        if call.contact:
            leg.remote_uri = f"<{call.contact}>"  # not the token that only the registrar knows
        if is_sos:
            # RFC 6881 section 9: the service URN goes through to who knows the place.
            leg.target = emergency_service(request.uri)
            leg.remote_uri = f"<{leg.target}>"
        leg.learned.learn_own(leg.call_id, leg.local_tag, leg.contact)
        return leg

    def find(self, call_id: str, local_tag: str, remote_tag: str, realm: str) -> Leg | None:
        """The leg of a dialog of ours with a peer in this realm; None where there is none."""
        found = self.dialogs.find(call_id, local_tag, remote_tag)
        if found is None or not isinstance(found[1], Leg):
            return None
        return found[1] if found[1].realm.name == realm else None

    def place(self, referral: Referral) -> None:
        """Place the call that a transfer asks for once this input is dealt with."""
        self.referrals.append(referral)

    def stand_in(self, call: Call, leg: Leg) -> Leg:
        """A leg in the place of one that will come to this call: same realm, listener and peer, no dialog."""
        flow = leg.flow if leg.dialog is None else leg.dialog.flow
        shadow = Leg(call, Side.A, leg.realm, leg.listener, flow, leg.passage, leg.learned)
        shadow.trunk = leg.trunk
        shadow.call_id = self.mint.call_id()
        shadow.local_uri, shadow.remote_uri = leg.local_uri, leg.remote_uri
        return shadow

    def joined(self, new: Leg, place: Leg) -> None:
        """Two legs have exchanged their places: what may cross to them, and whose trunk they count for."""
        other = new.other
        if other is not None:
            passages = self.snapshot.passages
            new.passage = passages.between(other.realm.name, new.realm.name, new.trunk)
            other.passage = passages.between(new.realm.name, other.realm.name, other.trunk)
        self.trunks.exchange((new.call.id, new.side is Side.A), (place.call.id, place.side is Side.A))

    def transmit(self, output: Transmit) -> None:
        """Send finished, audited bytes once more."""
        self.outputs.append(output)

    def media(self, call: Call, command: rtpengine.Command) -> None:
        """Ask the media engine; where `call.step` is set its reply comes back to the call."""
        self._serial += 1
        self.waiting[self._serial] = call if call.step is not None else None
        if call.step is not None:
            call.step_deadline = self.now.monotonic + MEDIA_SECONDS
            call.serial = self._serial
        self.outputs.append(
            MediaCommand(self._serial, command, self.placement.engine_of(call.media, self.now.monotonic))
        )

    def forget_media(self, call_id: str, engine: int) -> None:
        """A silent engine may have made the session that another one has now."""
        self._serial += 1
        self.waiting[self._serial] = None
        self.outputs.append(MediaCommand(self._serial, rtpengine.Delete(call_id), engine))

    def returned(self, out: Outgoing, response: Response | None) -> Fields:
        """What else the asker of a relayed request must be told: challenges, the Contacts of a REGISTER."""
        if response is None:
            return NONE
        trunk = out.leg.call.config.trunks.get(out.leg.trunk)
        if response.status in (401, 407):
            return self.challenges.shown(response, out.method, trunk)
        if response.status >= 300:
            return NONE
        fields = self.challenges.informed(response, trunk)
        if out.method == "PUBLISH":
            fields += calls.published(out, response, self.entity_tags, self.now)
        if out.method == "REGISTER":
            self.registered += [one for one in out.bindings if one.expires > self.now.monotonic]
            fields += calls.contacts_inward(out, response, self.bindings, self.now)
        return fields

    @property
    def withheld(self) -> dict[str, int]:
        """Challenges that were not shown and redirects that were not followed, by reason."""
        return self.challenges.counters | self.redirects.counters

    def redirected(self, call: Call, out: Outgoing, contacts: list[Address]) -> list[NextHop]:
        """The hops behind the Contacts of a 3xx that policy lets this call go to."""
        return self.redirects.hops(call, out, contacts, self.snapshot, self.now)

    def body(self, leg: Leg, message: Message) -> tuple[bytes, str] | None:
        """The body of a message of the other leg, and its type, as this leg may see it; None where it must not."""
        return shown_body(leg, message, self.dialogs, self.bindings, self.now.monotonic)

    def entity_tag(self, token: str, realm: str) -> calls.EntityTag | None:
        """The entity tag behind one that we have shown to this realm; None where there is none."""
        return self.entity_tags.find(token, realm, self.now.monotonic)

    def track(self, dialog: Dialog, leg: Leg) -> None:
        """Let requests in this dialog find the leg."""
        self.dialogs.add(dialog, leg)

    def forget(self, dialog: Dialog) -> None:
        """The dialog is over."""
        self.dialogs.remove(dialog)

    def health(self, hop: NextHop, alive: bool) -> None:
        """A target answered, or failed to."""
        self.note_health(hop, "" if alive else "a call failed")

    def answers_challenge(self, out: Outgoing, response: Response) -> bool:
        """Whether a 401 or 407 is for us to answer, as a user of the trunk."""
        return self.users.answers(out, response)

    def patience(self, hop: NextHop, other: NextHop) -> float:
        """Seconds to wait for any word of it while there is another: few where it alone is suspect."""
        seconds = self.snapshot.config.timers.failover
        is_suspect, is_other_suspect = self._is_suspect(hop), self._is_suspect(other)
        if is_suspect is is_other_suspect:
            return seconds
        return min(seconds, SUSPECT) if is_suspect else 2 * seconds

    def _is_suspect(self, hop: NextHop) -> bool:
        known = self.snapshot.router.health.find(hop)
        if known is None:
            return False
        is_untold = known.probe is None and known.risen > 0  # its penalty is over, and that is all
        return known.failures > 0 or known.state is not TargetState.UP or is_untold

    @property
    def lag(self) -> float:
        """Seconds that messages wait for their turn here: so long silence may be ours."""
        return self.delay

    def note_health(self, hop: NextHop, fault: str, is_probe: bool = False) -> None:
        """What became of a call or a probe; an empty `fault` is an answer. A change of state is reported."""
        router, now = self.snapshot.router, self.now
        if fault:
            changed = router.note_failure(hop, now.monotonic, fault)
            self.suspects.append((hop, changed))
        else:
            changed = router.note_success(hop, now.monotonic, is_probe)
        if changed:
            self.report(TargetChanged(hop.trunk, hop.shown, "down" if fault else "up", fault, now.wall))

    def report(self, event: Event) -> None:
        """Tell the operator."""
        self.outputs.append(event)

    def ended(self, call: Call) -> None:
        """Nothing more will come of this call but late answers to what it sent."""
        self.calls.pop(call.id, None)
        self.subscriptions.remove(call.id)
        self.trunks.leave(call.id)
        if call.attempt is not None:
            release(call.attempt)

    # Shared with the engine

    def arm(self, call: Call) -> None:
        """Once an input has touched a call: a record of what it changed goes ahead of all it sends; keep the call's
        alarm in the wheel no later than its deadline; let a call go that has none.
        """
        if self.is_journalled:
            record = keep(call, self.placement.names, self.now)
            if record is not None:
                self.outputs.insert(0, record)
        alarm = call.alarm
        deadline = call.next_timer
        if deadline is None:
            alarm.call = None
        elif alarm.deadline <= self.now.monotonic or deadline < alarm.deadline:
            alarm.call = call
            alarm.deadline = deadline
            self.wheel.arm(alarm, deadline)


def is_address(host: str) -> bool:
    """True for an IP address (without brackets), False for a name."""
    return ":" in host or host.replace(".", "").isdigit()


def _branch(out: Outgoing) -> str:
    return out.via[out.via.index(";branch=") + 8 :].partition(";")[0]
