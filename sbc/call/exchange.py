"""Waiting for media: a call has at most one step under way, and what it brings is taken up by `dispatch`."""

from __future__ import annotations

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
        exit_.media(call, ready)
