"""Messages of ours as values: what is written by us, then what may cross; nothing is copied because it was there."""

from __future__ import annotations

from typing import Final

from sbc.call import Incoming, Leg, Outgoing, allow_of, session_id_of, supported_of
from sbc.config import Config, Listener
from sbc.routing import is_far, plain_host
from sbc.sip import Fields, ParseError, Request, Response, Via, get_param, reason_phrase, tag_of
from sbc.wire import Flow

_WITH_CONTACT: Final[frozenset[str]] = frozenset({"INVITE", "NOTIFY", "REFER", "SUBSCRIBE", "UPDATE"})


def contact_of(leg: Leg) -> str:
    """Our Contact on a leg."""
    return contact_value(leg.contact, leg.listener, leg.dialog is not None and leg.dialog.secure)


def contact_value(user: str, listener: Listener, is_secure: bool) -> str:
    """A Contact of ours with this user part; sips where the peer's Request-URI was (RFC 3261 section 12.1.1)."""
    if is_secure and listener.transport == "TLS":
        return f"<sips:{user}@{listener.shown}>"
    if listener.transport == "UDP":
        return f"<sip:{user}@{listener.shown}>"
    return f"<sip:{user}@{listener.shown};transport={listener.transport.lower()}>"


def build_request(
    out: Outgoing, listener: Listener, crossing: Fields, body: bytes, content_type: str, max_forwards: int
) -> Request:
    """A request on a leg: `out` has Request-URI, Via, From, To, routes and CSeq already."""
    leg, method = out.leg, out.method
    fields: Fields = [
        ("Via", out.via),
        ("Max-Forwards", str(max_forwards)),
        ("From", out.from_),
        ("To", out.to),
        ("Call-ID", leg.call_id),
        ("CSeq", f"{out.cseq} {method}"),
    ]
    for route in out.routes:
        fields.append(("Route", route))
    if method in _WITH_CONTACT:
        fields.append(("Contact", contact_value(leg.contact, listener, out.request_uri.startswith("sips:"))))
        fields.append(("Allow", allow_of(leg)))
    fields += out.fields
    fields += crossing
    _correlate(fields, leg)
    if body:
        fields.append(("Content-Type", content_type))
    return Request(method, out.request_uri, fields, body)


def build_follower(out: Outgoing, method: str, to: str) -> Request:
    """The ACK to a failure or the CANCEL of an INVITE of ours: by value from that INVITE (RFC 3261 9.1, 17.1.1.3)."""
    fields: Fields = [
        ("Via", out.via),
        ("Max-Forwards", "70"),
        ("From", out.from_),
        ("To", to),
        ("Call-ID", out.leg.call_id),
        ("CSeq", f"{out.cseq} {method}"),
    ]
    for route in out.routes:
        fields.append(("Route", route))
    _correlate(fields, out.leg)
    return Request(method, out.request_uri, fields)


def _correlate(fields: Fields, leg: Leg) -> None:
    """Session-ID, where somebody on this call has one (RFC 7989)."""
    other = leg.other
    if leg.session_id or (other is not None and other.session_id):
        value = session_id_of(leg)
        if value:
            fields.append(("Session-ID", value))


def build_response(
    incoming: Incoming, status: int, crossing: Fields, extra: Fields, body: bytes, content_type: str
) -> Response:
    """A response: Vias, From, To, Call-ID and CSeq are the peer's own, the rest ours (RFC 3261 section 8.2.6.2)."""
    fields: Fields = [("Via", via) for via in incoming.vias]
    to = incoming.to
    if status != 100 and incoming.local_tag and not has_tag(to):
        to = f"{to};tag={incoming.local_tag}"
    if incoming.from_:
        fields.append(("From", incoming.from_))
    if to:
        fields.append(("To", to))
    if incoming.call_id:
        fields.append(("Call-ID", incoming.call_id))
    if incoming.cseq:
        fields.append(("CSeq", incoming.cseq))
    leg = incoming.leg
    if leg is not None and 100 < status < 300 and incoming.method in _WITH_CONTACT:
        for route in incoming.record_routes:
            fields.append(("Record-Route", route))
        fields.append(("Contact", contact_of(leg)))
    if status == 405 or (200 <= status < 300 and incoming.method in ("INVITE", "OPTIONS", "UPDATE")):
        fields.append(("Allow", allow_of(leg)))
    if 200 <= status < 300 and incoming.method in ("INVITE", "OPTIONS", "UPDATE"):
        supported = supported_of(leg)
        if supported:
            fields.append(("Supported", supported))
    fields += extra
    fields += crossing
    if leg is not None:
        _correlate(fields, leg)
    if body:
        fields.append(("Content-Type", content_type))
    return Response(status, reason_phrase(status), fields, body)


def has_tag(value: str) -> bool:
    """True where a From or To value bears a tag parameter."""
    try:
        return tag_of(value) != ""
    except ParseError:
        return ";tag=" in value.lower()


def own_via(listener: Listener, branch: str) -> str:
    """Our Via: the listener as it is shown, our branch, and `rport` on UDP (RFC 3581 section 3)."""
    transport = listener.transport
    tail = ";rport" if transport == "UDP" else ""
    return f"SIP/2.0/{transport} {listener.shown};branch={branch}{tail}"


def marked_vias(request: Request, flow: Flow) -> list[str]:
    """The request's Vias as a response must carry them: `received`, `rport` filled in (RFC 3261 18.2.1, RFC 3581)."""
    vias = request.vias
    via = request.top_via
    rport = via.param("rport")
    bare = via.host[1:-1] if via.host.startswith("[") else via.host
    if bare == flow.host and rport is None:
        return vias
    params = [(name, value) for name, value in via.params if name not in ("received", "rport")]
    if bare != flow.host or rport is not None:
        params.append(("received", flow.host))
    if rport is not None:
        params.append(("rport", str(flow.port)))
    vias[0] = str(Via(via.transport, via.host, via.port, tuple(params)))
    return vias


def reply_flow(request: Request, flow: Flow, config: Config) -> Flow:
    """Where responses go (RFC 3261 section 18.2.2, RFC 3581 section 4): the connection, the port the request came from
    where `rport` asks for it or the sender is behind a NAT, else the source address at the port of the Via. `maddr` is
    ignored: it is a way to aim us at a third party.

    Should the connection be gone by then, a new one is opened to the port of the Via, of a peer that is where it says;
    by TLS, of one that has proved its name."""
    via = request.top_via
    if flow.is_reliable:
        port = via.port or (5061 if flow.transport == "TLS" else 5060)
        if port == flow.port or plain_host(via.host) != flow.host or (flow.transport == "TLS" and not flow.names):
            return flow
        return Flow(flow.listener, flow.transport, flow.host, flow.port, flow.connection, flow.names, port)
    if get_param(via.params, "rport") is not None:
        return flow
    port = via.port or 5060
    if port == flow.port:
        return flow
    realm = config.realms[config.listeners[flow.listener].realm]
    if is_far(realm, plain_host(via.host), flow.host):
        return flow
    return Flow(flow.listener, flow.transport, flow.host, port)
