"""REFER passed on to the other side, where a profile says `bridge`: a REFER of ours there, NOTIFYs of ours back.

Only for blind transfers: a call that Replaces names is ours too, and `refer` joins the two directly. The Refer-To keeps
its user and gets the domain that the other side knows us by; its headers stay here. Each NOTIFY becomes one of ours
with the status line alone; its event id, which counts requests of another leg, is exchanged.
"""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.exit import Exit
from sbc.call.parts import Incoming, Kind, Leg, Outgoing
from sbc.call.referral import SUBSCRIBED_SECONDS
from sbc.call.relay import MAX_RELAYS, RELAY_SECONDS
from sbc.sip import (
    SIPFRAG_CONTENT_TYPE,
    SIPFRAG_TYPE,
    Address,
    Fields,
    Request,
    Uri,
    fragment_status,
    parse_address,
    status_fragment,
)
from sbc.topology import hide_identity
from sbc.wire import Now

_MAX_BRIDGED: Final = 4
"""Subscriptions of transfers that one call may have open; the oldest gives way."""


def can_pass(call: Call, leg: Leg) -> bool:
    """Whether a REFER of the peer of `leg` is to be passed on, and the other peer takes it."""
    other = leg.other
    return call.config.refer_of(leg.realm.name, leg.trunk) == "bridge" and other is not None and other.allows_refer


def receive_request(call: Call, leg: Leg, incoming: Incoming, target: Uri, exit_: Exit, now: Now) -> None:
    """Pass a REFER on; its response comes back as that of any relayed request."""
    request, other = incoming.request, leg.other
    assert request is not None and other is not None
    if len(call.relays) >= MAX_RELAYS:
        exit_.respond(incoming, 503, extra=[("Retry-After", "1")])
        return
    out = Outgoing(Kind.RELAY, other, "REFER", other.dialog)
    out.incoming = incoming
    out.deadline = now.monotonic + RELAY_SECONDS
    out.fields = _fields(request, leg, other, target)
    call.relays.append(out)
    forwards = request.max_forwards
    if not exit_.request(out, None, b"", "", 70 if forwards is None else forwards - 1):
        call.relays.remove(out)
        exit_.respond(incoming, 500)
        return
    event = f"refer;id={request.cseq.number}" if leg.referred else "refer"
    leg.referred = max(1, request.cseq.number)
    asker = leg.dialog.local_tag if leg.dialog is not None else ""
    other.bridged = (*other.bridged, (out.cseq, event, asker))[-_MAX_BRIDGED:]


def _fields(request: Request, leg: Leg, other: Leg, target: Uri) -> Fields:
    shown = hide_identity(Address("", target), other.realm.domain)
    fields: Fields = [("Refer-To", shown)]
    if request.get("Referred-By") is not None:
        fields.append(("Referred-By", hide_identity(parse_address(leg.remote_uri), other.realm.domain)))
    if (request.get("Refer-Sub") or "").strip().lower() == "false":
        fields.append(("Refer-Sub", "false"))
    return fields


def receive_notify(call: Call, leg: Leg, incoming: Incoming, exit_: Exit) -> None:
    """How a transfer that was passed on is doing; it is answered here, and told to who asked for it."""
    request, asker = incoming.request, leg.other
    event = request.event if request is not None else None
    if request is None or event is None or event.package != "refer":
        exit_.respond(incoming, 489)
        return
    known = [one for one in leg.bridged if not event.id or event.id == str(one[0])]
    if not known or asker is None or asker.dialog is None or asker.dialog.local_tag != known[0][2]:
        exit_.respond(incoming, 481)  # who has taken the asker's place has asked for nothing
        return
    status = fragment_status(request.body)
    if request.content_type != SIPFRAG_TYPE or not status:
        exit_.respond(incoming, 400)
        return
    exit_.respond(incoming, 200)
    incoming.request = None
    is_over = (request.get("Subscription-State") or "").strip().lower().startswith("terminated")
    if is_over:
        leg.bridged = tuple([one for one in leg.bridged if one is not known[0]])
    out = Outgoing(Kind.NOTIFY, asker, "NOTIFY", asker.dialog)
    state = "terminated;reason=noresource" if is_over else f"active;expires={SUBSCRIBED_SECONDS}"
    out.fields = [("Event", known[0][1]), ("Subscription-State", state)]
    exit_.request(out, None, status_fragment(status), SIPFRAG_CONTENT_TYPE)
