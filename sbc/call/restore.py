"""The way back: a peer is offered once more what it had before an exchange that went wrong.

Until it has answered no other offer goes to it, and none of its own is taken (RFC 3261 section 14.1): the call is busy.

| answer | what follows |
| --- | --- |
| 2xx | ACK |
| 491 | once more, after the pause that this calls for |
| 408, 481, or none | the dialog is gone there, and with it the call |
| any other | the peer keeps what it has |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sbc.call.body import SDP_TYPE, shown_sdp
from sbc.call.exit import Exit
from sbc.call.interval import asked, glare_pause, learn
from sbc.call.parts import Kind, Leg, Outgoing
from sbc.call.usage import ends_call
from sbc.sip import Response
from sbc.wire import Now

if TYPE_CHECKING:
    from sbc.call.call import Call

_TRIES: Final = 4
"""Offers that may meet another one of the peer's."""


class Restoring:
    """What `leg` is offered once more: by `out`, or by the next one at `next_timer`, 0 while an answer is awaited."""

    __slots__ = ("former", "leg", "next_timer", "out", "tries")

    def __init__(self, leg: Leg, former: bytes) -> None:
        self.leg: Final = leg
        self.former: Final = former
        self.out: Outgoing | None = None
        self.next_timer = 0.0
        self.tries = 0


def restore(leg: Leg, former: bytes, exit_: Exit) -> None:
    """Offer `leg` once more what it had before an exchange that went wrong half-way."""
    _offer(Restoring(leg, former), exit_)


def _offer(restoring: Restoring, exit_: Exit) -> None:
    leg = restoring.leg
    dialog = leg.dialog
    body = shown_sdp(leg, restoring.former) if restoring.former else b""
    if dialog is None or not body:
        return
    out = Outgoing(Kind.RESTORE, leg, "INVITE", dialog)
    out.fields = asked(leg)
    if exit_.request(out, None, body, SDP_TYPE):
        restoring.out = out
        leg.call.restoring.append(restoring)


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> str:
    """A response to such an offer; why the call is to be ended, empty where it is not."""
    status = response.status
    if status < 200:
        return ""
    if status < 300 and out.dialog is not None:
        if response.to_tag in out.acks:
            exit_.repeat_ack(out, response.to_tag)
            return ""
        exit_.acknowledge(out, out.dialog)
        out.dialog.refresh_target(response)
        learn(out.leg, response, now)
    out.done = True
    found = [one for one in call.restoring if one.out is out]
    call.restoring = [one for one in call.restoring if one.out is not out]
    if call.is_over or not found:
        return ""
    if status == 491 and found[0].tries < _TRIES:
        found[0].tries += 1
        found[0].out, found[0].next_timer = None, now.monotonic + glare_pause(out.leg)
        call.restoring.append(found[0])
    return "lost" if status >= 300 and ends_call("INVITE", status) else ""


def handle_timer(call: Call, exit_: Exit, now: Now) -> None:
    """Those whose pause is over."""
    for one in call.restoring:
        if one.next_timer and one.next_timer <= now.monotonic:
            call.restoring = [other for other in call.restoring if other is not one]
            one.next_timer = 0.0
            _offer(one, exit_)
