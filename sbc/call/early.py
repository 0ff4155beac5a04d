"""Offers before the call is answered: UPDATE (RFC 3311) and PRACK (RFC 3262 section 5) in early dialogs.

An offer crosses, as UPDATE, where both legs have their first answer reliably; `modify` carries it like one of a call
that is up. Where the caller has had no reliable answer, an offer of the callee is a better answer to the caller's own:
it is answered here and the caller sees what it says.
"""

from __future__ import annotations

from typing import Final

from sbc.call.body import SDP_TYPE, is_unchanged, session_of, shown_sdp
from sbc.call.call import Call
from sbc.call.exchange import ask
from sbc.call.exit import Exit
from sbc.call.forks import find_fork
from sbc.call.modify import ANSWER_SECONDS, Modify
from sbc.call.parts import Fork, Incoming, Leg, Step, StepKind
from sbc.media import Side
from sbc.sip import Request
from sbc.wire import Now

_RETRY_LATER: Final = [("Retry-After", "10")]


def receive_update(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """An UPDATE in an early dialog; without SDP it concerns this leg alone (RFC 3311 section 5.2)."""
    request = incoming.request
    fork = find_fork(call, leg, request) if request is not None else None
    if fork is None or request is None:
        exit_.respond(incoming, 481)
        return
    leg.note(request)
    sdp = session_of(request)
    said, has_answer = (leg.said, fork.is_shown) if leg.side is Side.A else (fork.answer, bool(fork.answer))
    if not sdp:
        _accept(leg, fork, incoming, request, b"", exit_)
    elif leg.side is Side.A and not has_answer:
        # We owe the answer to its first offer still (section 5.2).
        exit_.respond(incoming, 500, extra=_RETRY_LATER)
    elif call.is_waiting or not has_answer:
        exit_.respond(incoming, 491)
    elif leg.shown and is_unchanged(said, sdp):
        _accept(leg, fork, incoming, request, leg.shown, exit_)
    elif may_relay(leg, fork):
        relay(call, leg, incoming, fork, sdp, exit_, now)
    elif fork.is_shown or call.early_fork is not None or call.media is None:
        exit_.respond(incoming, 500, extra=_RETRY_LATER)
    else:
        call.modify = Modify(incoming, leg, sdp, fork)
        ask(call, call.media.answer(Side.B, sdp), Step(StepKind.EARLY_UPDATE, None, fork), exit_)


def may_relay(leg: Leg, fork: Fork) -> bool:
    """Whether an offer of the peer of `leg` can cross: both legs have an answer, and the other one takes UPDATE.

    Not while the callee owes an answer to our PRACK: it may be lost, and comes too late then for its number.
    """
    if leg.side is Side.A and fork.prack is not None and not fork.prack.done:
        return False
    return fork.is_shown and bool(fork.answer) and leg.other is not None and leg.other.allows_update


def relay(call: Call, leg: Leg, incoming: Incoming, fork: Fork, sdp: bytes, exit_: Exit, now: Now) -> None:
    """Take an offer of one leg's peer to the other's, as UPDATE."""
    assert call.media is not None
    call.early_fork = fork
    call.modify = Modify(incoming, leg, sdp, fork, now.monotonic + ANSWER_SECONDS)
    ask(call, call.media.offer(leg.side, sdp), Step(StepKind.MODIFY_OFFER), exit_)


def show_update(call: Call, fork: Fork, raw: bytes, exit_: Exit) -> None:
    """The callee's new description stands in the place of its answer; the caller sees it in a 183 and in the 2xx."""
    modify = call.modify
    if modify is None or modify.incoming.request is None:
        return
    call.modify = None
    fork.sdp = fork.answer = modify.offer
    fork.raw = raw
    _accept(modify.leg, fork, modify.incoming, modify.incoming.request, modify.leg.shown, exit_)
    incoming, caller = call.invite_in, call.caller_leg
    before = caller.shown
    # To a caller who has made no offer it would be one (RFC 3261 section 13.2.1).
    may_show = incoming is not None and caller.profile.early_media == "pass" and not call.inserted
    if may_show and incoming is not None and incoming.is_open and shown_sdp(caller, raw) != before:
        incoming.local_tag = fork.a_dialog.local_tag
        exit_.respond(incoming, 183, None, caller.shown, SDP_TYPE if caller.shown else "")


def provisional_for(call: Call, status: int, has_sdp: bool) -> tuple[int, bool]:
    """How a provisional response is shown to the caller: its status, 0 for not at all, and whether with its session."""
    profile = call.caller_leg.profile
    if has_sdp and profile.early_media == "ignore":
        return 0, False
    if has_sdp and profile.early_media == "ringing":
        status, has_sdp = 180, False
    if profile.provisionals == "first":
        if call.rung > has_sdp:
            return 0, False
        call.rung = 2 if has_sdp else 1
    return status, has_sdp


def _accept(leg: Leg, fork: Fork, incoming: Incoming, request: Request, body: bytes, exit_: Exit) -> None:
    dialog = fork.a_dialog if leg.side is Side.A else fork.dialog
    dialog.refresh_target(request)
    exit_.respond(incoming, 200, None, body, SDP_TYPE if body else "")
    incoming.request = None
