"""Requests inside a dialog that concern both ends and change nothing here: INFO, OPTIONS, MESSAGE."""

from __future__ import annotations

from typing import Final

from sbc.call.body import DTMF_BODIES
from sbc.call.call import Call, CallState
from sbc.call.dtmf import press
from sbc.call.end import has_left, lose
from sbc.call.exit import Exit
from sbc.call.parts import Incoming, Kind, Leg, Outgoing
from sbc.call.usage import ends_call
from sbc.dialog import DialogState
from sbc.media import Side
from sbc.sip import Response
from sbc.topology import ACCEPT
from sbc.wire import Now

RELAY_SECONDS: Final = 28.0
"""RFC 4320: the asker's Timer F runs 32 s; a failure must reach it before that, and never as 408."""
MAX_RELAYS: Final = 8
"""Requests of one call under way at once; more get 503."""
NOTHING: Final[frozenset[str]] = frozenset()
_MAPPED: Final[dict[int, int]] = {401: 403, 407: 403, 408: 504}


def receive_request(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """Pass a request on to the other leg's peer."""
    request = incoming.request
    other = leg.other
    assert request is not None
    if other is None or other.dialog is None or call.is_over:
        exit_.respond(incoming, 481)
        return
    if other.dialog.state is DialogState.TERMINATED:
        # Who asked for a transfer has left, and this peer waits for what becomes of it: 481 would end its call.
        exit_.respond(incoming, 500, extra=[("Retry-After", "5")])
        return
    if call.state is CallState.INVITING and other.side is Side.B and not other.dialog.remote_tag:
        exit_.respond(incoming, 500, extra=[("Retry-After", "1")])
        return
    refused = DTMF_BODIES if other.profile.dtmf == "events" else NOTHING
    if request.content_type in refused and press(call, leg, incoming, request.body, exit_):
        return
    found = exit_.body(other, request) if request.body else (b"", "")
    if found is None or found[1] in refused:
        taken = ", ".join([kind for kind in ACCEPT.split(", ") if kind not in refused])
        exit_.respond(incoming, 415, extra=[("Accept", taken)])
        return
    body, kind = found
    if len(call.relays) >= MAX_RELAYS:
        exit_.respond(incoming, 503, extra=[("Retry-After", "1")])
        return
    out = Outgoing(Kind.RELAY, other, request.method, other.dialog)
    out.incoming = incoming
    out.deadline = now.monotonic + RELAY_SECONDS
    call.relays.append(out)
    forwards = request.max_forwards
    left = 70 if forwards is None else forwards - 1
    if left < 0:
        call.relays.remove(out)
        exit_.respond(incoming, 483)
    elif not exit_.request(out, request, body, kind, left):
        call.relays.remove(out)
        exit_.respond(incoming, 500)


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """Pass the final response back; some also mean that the other dialog is gone (RFC 5057 section 5.1)."""
    if response.status < 200:
        return
    settle(call, out, response.status, response, exit_)
    if not call.is_over and ends_call(out.method, response.status):
        lose(call, out.leg, exit_, now)


def settle(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit) -> None:
    """Give the asker its final response, once."""
    out.done = True
    if out in call.relays:
        call.relays.remove(out)
    incoming = out.incoming
    if incoming is None or not incoming.is_open:
        return
    if status == 481 and has_left(call, out.leg):
        status, response = 500, None  # it would end the call of the one who asks
    body, kind = b"", ""
    if response is not None and response.body and incoming.leg is not None:
        body, kind = exit_.body(incoming.leg, response) or (b"", "")
    extra = exit_.returned(out, response)
    shown = _MAPPED.get(status, 480 if 300 <= status < 400 else status)
    exit_.respond(incoming, status if shown == 403 and extra else shown, response, body, kind, extra)
    incoming.request = None
