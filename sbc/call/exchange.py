"""Waiting for media: a call has at most one step under way, and what it brings is taken up by `dispatch`."""

from __future__ import annotations

from dataclasses import replace

import rtpengine
from sbc.call.call import Call
from sbc.call.parts import Exit, Step
from sbc.media import Objection


def ask(call: Call, ready: rtpengine.Command | bytes | Objection, step: Step, exit_: Exit) -> None:
    """Go on with SDP that is ready (media bypassed), or ask the engine and go on with its reply, or refuse."""
    call.step = step
    if isinstance(ready, bytes):
        call.ready = ready
    elif isinstance(ready, Objection):
        call.objection = ready.reason
    else:
        exit_.media(call, _with_source(call, ready))


def _with_source(call: Call, command: rtpengine.Command) -> rtpengine.Command:
    """Tell the engine where the describing peer's signalling comes from: its media are likely to come from there."""
    media = call.media
    if media is None or not isinstance(command, rtpengine.Offer | rtpengine.Answer):
        return command
    tag = command.from_tag if isinstance(command, rtpengine.Offer) else command.to_tag
    leg = call.a if tag == media.tags[0] else call.b
    if leg is None:
        return command
    flow = leg.flow if leg.dialog is None else leg.dialog.flow
    return replace(command, options=replace(command.options, received_from=flow.host))
