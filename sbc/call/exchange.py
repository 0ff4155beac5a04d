"""Waiting for media: a call has at most one step under way, and what it brings is taken up by `dispatch`."""

from __future__ import annotations

import rtpengine
from sbc.call.call import Call
from sbc.call.exit import Exit
from sbc.call.parts import Leg, Outgoing, Step
from sbc.media import Objection


def ask(
    call: Call, ready: rtpengine.Command | bytes | Objection, step: Step, exit_: Exit, source: Leg | None = None
) -> None:
    """Go on with SDP that is ready (media bypassed), or ask the engine and go on with its reply, or refuse.

    `source` is whose description it is, where that is nobody of the call's.
    """
    call.step = step
    if isinstance(ready, bytes):
        call.ready = ready
    elif isinstance(ready, Objection):
        call.objection = ready.reason
    else:
        _name_source(call, ready, source)
        exit_.media(call, ready)


def _name_source(call: Call, command: rtpengine.Command, source: Leg | None) -> None:
    """Tell the engine where the describing peer's signalling comes from: its media are likely to come from there."""
    media = call.media
    if media is None or not isinstance(command, rtpengine.Offer | rtpengine.Answer):
        return
    tag = command.from_tag if isinstance(command, rtpengine.Offer) else command.to_tag
    leg = call.a if tag == media.tags[0] else call.b
    join = call.join
    if join is not None and leg is join.place and media is join.media:
        leg = join.new
    leg = source or leg
    if leg is not None:
        flow = leg.flow if leg.dialog is None else leg.dialog.flow
        command.received_from = flow.host


def abort_attempt(out: Outgoing, exit_: Exit) -> None:
    """Take back an INVITE: CANCEL now, or as soon as a provisional response allows it (RFC 3261 section 9.1)."""
    if out.done or out.cancel_wanted:
        return
    out.cancel_wanted = True
    if out.provisional:
        out.cancelled = True
        exit_.cancel(out)


def take_provisional(out: Outgoing, exit_: Exit) -> None:
    """The first sign of life: a CANCEL that has waited for one leaves now (RFC 3261 section 9.1)."""
    out.provisional = True
    if out.cancel_wanted and not out.cancelled:
        out.cancelled = True
        exit_.cancel(out)
