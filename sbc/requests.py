"""Requests on their way out: where to, by which listener, built, audited, handed to a client transaction."""

from __future__ import annotations

from typing import Final

from sbc.aliases import Aliases
from sbc.build import build_follower, build_request, has_tag, own_via
from sbc.call import Kind, Leg, Outgoing, Sending
from sbc.config import Listener
from sbc.credentials import Users
from sbc.detours import LARGE, Detours
from sbc.dialog import Dialog
from sbc.locating import LateAck, listener_to, sought_on
from sbc.mint import Mint
from sbc.naming import Naming
from sbc.outputs import Transmit
from sbc.reach import bound_flow, fit_places, is_at_trunk, past_flow
from sbc.replies import sendable
from sbc.routing import Place, default_port
from sbc.sip import Fields, Message, Uri, format_message, parse_uri
from sbc.snapshot import Snapshot, listener_for, wanted_names
from sbc.topology import Challenges
from sbc.transaction import (
    AckNeeded,
    ClientTransaction,
    InviteClientTransaction,
)
from sbc.waiting import GiveUp
from sbc.wire import Flow, Now

NONE: Final[Fields] = []
_MINIMAL: Final[frozenset[str]] = frozenset({"ACK", "BYE", "CANCEL"})


class Requests(Naming):
    """The part of the one exit that sends requests of ours and their ACKs."""

    def __init__(self, snapshot: Snapshot, mint: Mint, now: Now, recorded: int) -> None:
        super().__init__(snapshot, mint, now, recorded)
        self.challenges: Final = Challenges(mint)
        self.users: Final = Users(snapshot.config, mint)
        self.detours: Final = Detours()
        self.aliases: Final = Aliases()
        self.looped: list[Outgoing] = []
        """Requests that would have come back to this node; as `failed`."""

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
        fields = own = NONE
        is_theirs = self._is_theirs(out, host)
        if is_theirs:
            own = self.users.borne_by(out, body)
        if crossing is not None:
            fields = leg.passage.cross(crossing, out.method)
            if out.kind is Kind.EVENT or out.method == "PUBLISH":
                ours = [name for name, _ in out.fields]
                fields = [field for field in fields if field[0] not in ours]
            # A dialog may lead on, to who has not challenged and is not to see what answers it.
            trunk = leg.call.config.trunks.get(leg.trunk) if is_theirs else None
            out.credentials = own or self.challenges.credentials(crossing, trunk)
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

    def _is_theirs(self, out: Outgoing, host: str) -> bool:
        """Whether a request goes to its trunk itself, and nowhere that a dialog or a redirect of its leads."""
        if out.dialog is not None:
            return is_at_trunk(self.snapshot, out.leg, host)
        redirection, hop = out.leg.call.redirection, out.hop
        if redirection is None or hop is None or redirection.user_of(hop) is None:
            return True
        # Or a name that the trunk has among its targets.
        return is_at_trunk(self.snapshot, out.leg, host) or is_at_trunk(self.snapshot, out.leg, hop.uri.host)

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
        """What could not be delivered goes another way, if it has one left.

        Elsewhere than to a host of its trunk it bears no credentials (RFC 3261 section 22.3): the trunk has asked.
        """
        out = tx.user
        if not isinstance(out, Outgoing) or out.detour is None or out.cancel_wanted:
            return False
        detour, out.detour, wire = out.detour, None, tx.wire
        if out.credentials and detour.host != tx.flow.host and not is_at_trunk(self.snapshot, out.leg, detour.host):
            for name, value in out.credentials:
                wire = wire.replace(f"{name}: {value}\r\n".encode("utf-8", "surrogateescape"), b"", 1)
            out.credentials = NONE
        self.run(tx, tx.abandon(self.now.monotonic))
        self._send(out, self._fit(out, wire, tx.flow.listener, detour), detour)
        return True

    def acknowledge(self, out: Outgoing, dialog: Dialog, body: bytes = b"") -> None:
        """Send the ACK to a 2xx and keep it for copies of that 2xx (RFC 3261 section 13.2.2.4)."""
        leg = out.leg
        ack = Outgoing(out.kind, leg, "ACK")
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
        if out.credentials and is_at_trunk(self.snapshot, leg, flow.host):
            ack.fields = out.credentials  # RFC 3261 section 22.1: those of its INVITE, for who has asked for them
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


def is_address(host: str) -> bool:
    """True for an IP address (without brackets), False for a name."""
    return ":" in host or host.replace(".", "").isdigit()


def _branch(out: Outgoing) -> str:
    return out.via[out.via.index(";branch=") + 8 :].partition(";")[0]
