"""When the journal must hear of a call: whenever what another process would need has changed."""

from __future__ import annotations

from typing import Final

from sbc.adoption.take import take
from sbc.call import Call, CallState
from sbc.outputs import ACKED, KEPT, Journal
from sbc.wire import Now

_NUMBERS: Final = 50
"""Requests of ours after which a call is recorded anew for its CSeq alone; an adopter leaves a gap of more."""


def keep(call: Call, engines: list[str], now: Now) -> Journal | None:
    """The record of a call after an input has touched it, None where the journal knows all of it.

    `engines` are the names of the media engines.
    A call is kept from our 2xx to its caller on; one whose offer came late, once the caller has answered it. An empty
    record is that of a call which nobody can adopt any more.
    """
    a, b = call.a, call.b
    if call.is_parted and call.kept:
        # About to end, and one of its dialogs is another call's now: whoever adopts that must not meet it twice.
        call.kept = ()
        return Journal(call.id, KEPT, now.wall, b"")
    if call.is_parted:
        return None  # about to end
    talks = call.state is CallState.TALKING
    if not talks and (call.state is not CallState.ANSWERED or call.late_offer):
        return None
    if a is None or b is None or a.dialog is None or b.dialog is None or (call.late_offer and call.step is not None):
        return None
    to_caller, to_callee = a.dialog, b.dialog
    if call.join is not None and to_caller.state is to_callee.state:
        return None  # about to be another one; where one peer has left meanwhile, an adopter has to end it
    state: tuple[object, ...] = (
        a.answer,
        a.contact,
        b.contact,
        a.said,
        b.said,
        a.sdp.version,
        b.sdp.version,
        a.timer,
        b.timer,
        to_caller.remote_target,
        to_callee.remote_target,
        (to_caller.local_cseq + to_callee.local_cseq) // _NUMBERS,
        call.modify is None,
        call.mode,
        a.referred,
        b.referred,
        to_caller.state is to_callee.state,
    )
    before = call.kept
    if state == before:
        return None
    call.kept = state
    if before and before[0] is not None and state[0] is None and state[1:] == before[1:] and talks:
        return Journal(call.id, ACKED, now.wall, b"")
    place = call.media.engine if call.media is not None else -1
    engine = engines[place] if 0 <= place < len(engines) else ""
    return Journal(call.id, KEPT, now.wall, take(call, engine, now))
