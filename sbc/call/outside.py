"""Requests outside dialogs that go through us: MESSAGE, PUBLISH, and REGISTER with its Contacts exchanged for ours.

One request, one final response, no dialog (RFC 3261 section 8). The same two legs as a call, for as long as that takes.
A subscription begins here too, and goes on in `subscribe`.
"""

from __future__ import annotations

from typing import Final

from sbc.call.bindings import Binding, Bindings, propose
from sbc.call.call import Call, CallState
from sbc.call.etags import EntityTag, EntityTags
from sbc.call.exit import Exit
from sbc.call.parts import Kind, Leg, Outgoing
from sbc.call.relay import RELAY_SECONDS
from sbc.call.setup import LATE, be_patient, has_other, next_hop
from sbc.routing import NextHop
from sbc.sip import Fields, ParseError, Request, Response, parse_number
from sbc.topology import ACCEPT, PACKAGES
from sbc.wire import Now

RELAYED_OUTSIDE: Final[frozenset[str]] = frozenset({"MESSAGE", "PUBLISH", "REGISTER", "SUBSCRIBE"})
"""Methods that go on to where a policy routes them."""
TO_REGISTERED: Final[frozenset[str]] = frozenset({"NOTIFY", "OPTIONS"})
"""Methods that go on only to a Contact that is registered through us: what a registrar says to its phones unasked."""
MAX_CONTACTS: Final = 10
"""Contacts one REGISTER may carry; more get 513, since each costs memory for as long as it lasts."""
MAX_LENGTH: Final = 4096
"""Bytes of To and Contact together; more get 513 too."""
DEFAULT_EXPIRES: Final = 3600
PUBLISH_GRACE: Final = 32.0
"""Seconds an entity tag is known beyond its expiry, for a refresh that is on its way."""
MAX_EXPIRES: Final = 86400
"""Seconds a binding is kept at most without being refreshed; the registrar may say less."""


def begin(call: Call, request: Request, exit_: Exit, now: Now) -> None:
    """Send the request on to the first target that can be reached."""
    incoming = call.invite_in
    assert incoming is not None
    is_register = request.method == "REGISTER"
    if request.body and is_register:
        exit_.respond(incoming, 415, extra=[("Accept", ACCEPT)])
        return
    send_next(call, exit_, now)


def send_next(call: Call, exit_: Exit, now: Now, challenged: int = 0) -> None:
    """To the next target or place, once its name is located; without one the asker gets 503."""
    incoming = call.invite_in
    assert incoming is not None
    request = incoming.request
    if request is None or not incoming.is_open:
        return
    leg, hop = reach(call, exit_)
    if hop is not None and not hop.is_address:
        return  # until its name is located
    if leg is None:
        exit_.respond(incoming, 503, extra=[("Retry-After", "30")])
        return
    call.b = leg
    call.patience = 0.0
    found = exit_.body(leg, request) if request.body else (b"", "")
    if found is None:
        exit_.respond(incoming, 415, extra=[("Accept", ACCEPT)])
        return
    body, kind = found
    out = Outgoing(Kind.RELAY, leg, request.method)
    out.incoming, out.hop, out.challenged = incoming, hop, challenged
    out.deadline = call.start.monotonic + RELAY_SECONDS
    if request.method == "REGISTER" and not _register(call, leg, out, request, exit_, now):
        return
    if request.method == "PUBLISH" and not _publish(call, out, request, exit_, now):
        return
    call.relays.append(out)
    be_patient(call, out, exit_, now)
    forwards = request.max_forwards
    left = 70 if forwards is None else forwards - 1
    if not exit_.request(out, request, body, kind, left):
        call.relays.remove(out)
        exit_.respond(incoming, 500)
        return
    exit_.respond(incoming, 100)  # held by the transaction until 3.5 s (RFC 4320 section 4.1): the asker then rests


def moves_on(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit, now: Now) -> bool:
    """Whether the request goes to the next place or target instead of failing, as a call would; it is sent then."""
    if call.state is not CallState.OUTSIDE or out.dialog is not None or out.hop is None:
        return False
    if out not in call.relays:
        return False
    if response is not None and status in (401, 407) and exit_.answers_challenge(out, response):
        out.done = True
        call.relays.remove(out)
        call.hop_index -= 1  # there once more
        send_next(call, exit_, now, out.challenged + 1)
        return True
    if not has_other(call, out, status, response):
        return False
    out.done = True
    call.relays.remove(out)
    exit_.health(out.hop, status not in (408, 503))
    send_next(call, exit_, now)
    return True


def stays_patient(call: Call, exit_: Exit, now: Now) -> bool:
    """The next hop has said nothing for so long that it counts as silent, unless its answer may lie unread here."""
    call.patience = now.monotonic + max(0.5, 4 * exit_.lag) if exit_.lag > LATE else 0.0
    return call.patience > 0.0


def reach(call: Call, exit_: Exit) -> tuple[Leg | None, NextHop | None]:
    """A leg toward the first target of the route that a listener of ours can speak to, None where there is none.

    A hop without an address, and no leg: its name is asked for first.
    """
    while (hop := next_hop(call, exit_)) is not None:
        if not hop.is_address:
            return None, hop
        leg = exit_.callee_leg(call, hop)
        call.hop_index += 1
        if leg is not None:
            return leg, hop
    return None, None


def _publish(call: Call, out: Outgoing, request: Request, exit_: Exit, now: Now) -> bool:
    """RFC 3903: a package we know, an expiry within bounds, the server's own entity tag in the place of ours."""
    incoming = call.invite_in
    assert incoming is not None
    event = request.event
    if event is None or event.package not in PACKAGES:
        exit_.respond(incoming, 489, extra=[("Allow-Events", ", ".join(sorted(PACKAGES)))])
        return False
    seconds = min(seconds_of(request.get("Expires"), DEFAULT_EXPIRES), int(call.config.timers.subscription))
    out.fields = [("Event", event.package), ("Expires", str(seconds))]
    shown = request.get("SIP-If-Match")
    if shown is not None:
        known = exit_.entity_tag(shown.strip(), call.caller_leg.realm.name)
        if known is None:
            exit_.respond(incoming, 412)
            return False
        out.fields.append(("SIP-If-Match", known.tag))
    elif not request.body:
        exit_.respond(incoming, 400)  # section 4.1: an initial publication has a body
        return False
    return True


def published(out: Outgoing, response: Response, tags: EntityTags, now: Now) -> Fields:
    """What the publisher is told of a 2xx: a tag of ours, and for how long."""
    fields: Fields = []
    tag = response.get("SIP-ETag")
    asked = int(dict(out.fields)["Expires"])
    seconds = min(seconds_of(response.get("Expires"), asked), asked)
    incoming = out.incoming
    if incoming is not None and incoming.request is not None:
        tags.forget((incoming.request.get("SIP-If-Match") or "").strip())
    if tag is not None and seconds:
        call = out.leg.call
        until = now.monotonic + seconds + PUBLISH_GRACE
        kept = EntityTag(tag.strip(), call.caller_leg.realm.name, out.leg.trunk, until)
        fields.append(("SIP-ETag", tags.show(kept, call.mint)))
    fields.append(("Expires", str(seconds)))
    return fields


def _register(call: Call, leg: Leg, out: Outgoing, request: Request, exit_: Exit, now: Now) -> bool:
    """Dress a REGISTER for the registrar: its domain, our Contacts, and a Call-ID that is the same for each refresh.

    RFC 3261 section 10.2.4: a UA keeps its Call-ID and counts CSeq up, so ours must follow the peer's.
    """
    incoming = call.invite_in
    assert incoming is not None
    if request.is_contact_star and seconds_of(request.get("Expires")) != 0:
        exit_.respond(incoming, 400)  # section 10.3, step 6: `*` removes, and does nothing else
        return False
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
        seconds = seconds_of(contact.param("expires") or request.get("Expires"))
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

    Only now are those of the request kept, for as long as the registrar says (section 10.2.4: a Contact's `expires`,
    else Expires, else what was asked for), and only those of the asker's realm are shown to it. Where the request was
    for `*`, those of its address of record are over, whichever phone of the realm they are of (section 10.2.2).
    """
    call = out.leg.call
    realm = call.caller_leg.realm.name
    asked = call.invite_in.request if call.invite_in is not None else None
    if asked is not None and asked.is_contact_star:
        bindings.revoke(realm, str(asked.to_address.uri), call.start.monotonic, now.monotonic)
    contacts = [] if response.is_contact_star else response.contacts
    granted = {contact.uri.user: contact.param("expires") for contact in contacts}
    for binding in out.bindings:
        expires = granted.get(binding.token) or response.get("Expires")
        if expires is not None and binding.expires > now.monotonic:
            binding.expires = now.monotonic + min(seconds_of(expires), MAX_EXPIRES)
        bindings.confirm(binding, now.monotonic)
    fields: Fields = []
    for contact in contacts:
        known = bindings.find(contact.uri.user, now.monotonic)
        if known is None or known.realm != realm:
            continue
        expires = contact.param("expires")
        tail = ""
        if expires is not None:
            seconds = seconds_of(expires)
            known.expires = now.monotonic + min(seconds, MAX_EXPIRES)
            tail = f";expires={seconds}"
        fields.append(("Contact", f"<{known.uri}>{tail}"))
    return fields


def seconds_of(value: str | None, default: int = DEFAULT_EXPIRES) -> int:
    """An expiry in seconds; RFC 3261 section 20.19: what is not there or cannot be read counts as the default."""
    if value is None:
        return default
    try:
        return parse_number(value, "Expires")
    except ParseError:
        return default
