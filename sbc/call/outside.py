"""Requests outside dialogs that go through us: MESSAGE, and REGISTER with its Contacts exchanged for ours.

One request, one final response, no dialog (RFC 3261 section 8). The same two legs as a call, for as long as that takes.
"""

from __future__ import annotations

from typing import Final

from sbc.call.bindings import Binding, Bindings, propose
from sbc.call.body import PLAIN_BODIES
from sbc.call.call import Call
from sbc.call.parts import Exit, Kind, Leg, Outgoing
from sbc.call.relay import RELAY_SECONDS
from sbc.sip import Fields, ParseError, Request, Response, parse_number
from sbc.wire import Now

RELAYED_OUTSIDE: Final[frozenset[str]] = frozenset({"MESSAGE", "REGISTER"})
MAX_CONTACTS: Final = 10
"""Contacts one REGISTER may carry; more get 513, since each costs memory for as long as it lasts."""
MAX_LENGTH: Final = 4096
"""Bytes of To and Contact together; more get 513 too."""
DEFAULT_EXPIRES: Final = 3600
MAX_EXPIRES: Final = 86400
"""Seconds a binding is kept at most without being refreshed; the registrar may say less."""


def begin(call: Call, request: Request, exit_: Exit, now: Now) -> None:
    """Send the request on to the first target that can be reached."""
    incoming = call.invite_in
    assert incoming is not None
    is_register = request.method == "REGISTER"
    if request.body and (is_register or request.content_type not in PLAIN_BODIES):
        exit_.respond(incoming, 415, extra=[("Accept", ", ".join(sorted(PLAIN_BODIES)))])
        return
    leg, hop = None, None
    while leg is None and call.hop_index < len(call.hops):
        hop = call.hops[call.hop_index]
        leg = exit_.callee_leg(call, hop)
        call.hop_index += 1
    if leg is None:
        exit_.respond(incoming, 503, extra=[("Retry-After", "30")])
        return
    call.b = leg
    out = Outgoing(Kind.RELAY, leg, request.method)
    out.incoming, out.hop = incoming, hop
    out.deadline = now.monotonic + RELAY_SECONDS
    if is_register and not _register(call, leg, out, request, exit_, now):
        return
    call.relays.append(out)
    forwards = request.max_forwards
    left = 70 if forwards is None else forwards - 1
    if not exit_.request(out, request, request.body, request.content_type, left):
        call.relays.remove(out)
        exit_.respond(incoming, 500)
        return
    exit_.respond(incoming, 100)  # held by the transaction until 3.5 s (RFC 4320 section 4.1): the asker then rests


def _register(call: Call, leg: Leg, out: Outgoing, request: Request, exit_: Exit, now: Now) -> bool:
    """Dress a REGISTER for the registrar: its domain, our Contacts, and a Call-ID that is the same for each refresh.

    RFC 3261 section 10.2.4: a UA keeps its Call-ID and counts CSeq up, so ours must follow the peer's.
    """
    incoming = call.invite_in
    assert incoming is not None
    if not request.is_contact_star and len(request.contacts) > MAX_CONTACTS:
        exit_.respond(incoming, 513)
        return False
    if len(request.require("To")) + sum([len(value) for value in request.get_all("Contact")]) > MAX_LENGTH:
        exit_.respond(incoming, 513)
        return False
    host = leg.target.partition("@")[2] or leg.target.partition(":")[2]
    user = request.to_address.uri.user
    leg.target = f"sip:{host}"
    leg.local_uri = leg.remote_uri = f"<sip:{user}@{host}>" if user else f"<sip:{host}>"
    realm = call.caller_leg.realm.name
    seed = f"{realm}\n{leg.realm.name}\n{request.call_id}\n{request.to_address.uri}"
    leg.call_id = call.mint.keyed(seed.encode("utf-8", "surrogateescape"))
    leg.cseq = request.cseq.number - 1
    out.fields = _contacts_outward(call, leg, out, request, now)
    return True


def _contacts_outward(call: Call, leg: Leg, out: Outgoing, request: Request, now: Now) -> Fields:
    if request.is_contact_star:
        return [("Contact", "*")]
    fields: Fields = []
    proposed: list[Binding] = []
    record = str(request.to_address.uri)
    for contact in request.contacts:
        seconds = _seconds(contact.param("expires") or request.get("Expires"))
        until = now.monotonic + min(seconds, MAX_EXPIRES)
        a_leg = call.caller_leg
        binding = propose(a_leg.realm.name, record, contact.uri, a_leg.flow, until, call.mint)
        proposed.append(binding)
        expires = f";expires={seconds}" if contact.param("expires") is not None else ""
        transport = "" if leg.listener.transport == "UDP" else f";transport={leg.listener.transport.lower()}"
        fields.append(("Contact", f"<sip:{binding.token}@{leg.listener.shown}{transport}>{expires}"))
    out.bindings = tuple(proposed)
    return fields


def contacts_inward(out: Outgoing, response: Response, bindings: Bindings, now: Now) -> Fields:
    """The Contacts of a registrar's 2xx that are ours, turned back into the peer's own; others stay hidden.

    Only now are those of the request kept, and only those of the asker's realm are shown to it.
    """
    for binding in out.bindings:
        bindings.confirm(binding, now.monotonic)
    fields: Fields = []
    if response.is_contact_star:
        return fields
    realm = out.leg.call.caller_leg.realm.name
    for contact in response.contacts:
        known = bindings.find(contact.uri.user, now.monotonic)
        if known is None or known.realm != realm:
            continue
        expires = contact.param("expires")
        tail = ""
        if expires is not None:
            seconds = _seconds(expires)
            known.expires = now.monotonic + min(seconds, MAX_EXPIRES)
            tail = f";expires={seconds}"
        fields.append(("Contact", f"<{known.uri}>{tail}"))
    return fields


def _seconds(value: str | None) -> int:
    """An expiry in seconds; RFC 3261 section 20.19: what cannot be read counts as 3600."""
    if value is None:
        return DEFAULT_EXPIRES
    try:
        return parse_number(value, "Expires")
    except ParseError:
        return DEFAULT_EXPIRES
