"""INVITE with Replaces (RFC 3891) or Join (RFC 3911): somebody takes the place of a peer in a call, up or ringing.

The dialog that is named must be ours with a peer of the same realm and trunk, whom the new call counts for; of a peer
without a trunk, its own host, or a phone that is registered through us, may name it (ADR 8). It is named from our side
(`to-tag` is ours: the sender calls us in the place of that peer) or from the peer's (`to-tag` is the peer's: the sender
calls that peer, and takes the place of who talks to it).

| found | answer |
| --- | --- |
| the sender's profile says `replaces = "refuse"` | 403, or 420 where it is required |
| no such dialog | 481 |
| it is about to end | 603 |
| it is up, and `early-only` was asked for | 486 |
| it is early, and the peer called us | 481 (section 3: not initiated by us) |
| it is early, and the callee is to make the offer | 481: the caller's ACK cannot answer two |
| it is early, the new one brings no offer, and its media are encrypted | 488: the caller's has no answer then |
| it is early (section 7.1) | 200, as below: the caller is answered with the new one's offer, the callee gets CANCEL |
| it is early, and the new one brings no offer | as before, but the caller hears nothing until they are joined |
| another exchange has it | 491 |
| it is up | 200, once who is kept has agreed to the new media (`join`); the replaced peer gets a BYE |
| Join, and the dialog is there | 488: there is no mixer here |
"""

from __future__ import annotations

from sbc.call import reliable, session, setup
from sbc.call.body import session_of
from sbc.call.call import Call, CallState
from sbc.call.description import silent
from sbc.call.end import break_off, finish
from sbc.call.exchange import abort_attempt, ask
from sbc.call.exit import Exit
from sbc.call.join import begin as begin_join
from sbc.call.join import joint_media
from sbc.call.joint import Join
from sbc.call.parts import Fork, Leg, Step, StepKind
from sbc.call.security import leg_terms
from sbc.config import Profile
from sbc.dialog import Dialog, DialogState
from sbc.media import Side
from sbc.sip import ParseError, Request, Response, parse_join
from sbc.wire import Flow, Now


class Refusal:
    """Why somebody cannot take a place in a call."""

    __slots__ = ("status", "why")

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        self.why = why


def find_place(request: Request, trunk: str, flow: Flow, profile: Profile, exit_: Exit) -> Leg | Refusal:
    """Whose place the sender of an INVITE wants to take; `trunk`, `flow` and `profile` are the sender's."""
    if profile.replaces == "refuse":
        return Refusal(420 if "replaces" in request.tokens("Require") else 403, "profile: replaces is refused")
    if request.get("Join") is not None:
        return _refuse_join(request, trunk, flow, exit_)
    named = request.replaces
    assert named is not None
    place = exit_.named(named.call_id, named.to_tag, named.from_tag, trunk, flow)
    if place is None:
        addressed = exit_.named(named.call_id, named.from_tag, named.to_tag, trunk, flow)
        place = addressed.other if addressed is not None else None
    if place is None:
        return Refusal(481, "Replaces names no dialog of that trunk")
    call = place.call
    if call.state is CallState.INVITING and not call.is_over:
        return _refuse_early(place, request) or place
    if call.is_over or call.is_parted or not _is_up(place):
        return Refusal(491 if call.state is CallState.ANSWERING else 603, "Replaces names a dialog that is not up")
    if named.early_only:
        return Refusal(486, "Replaces is for an early dialog only")
    if call.join is not None or call.referral is not None or call.behalf is not None:
        return Refusal(491, "Replaces names a dialog that is changing")
    return place


def _refuse_early(place: Leg, request: Request) -> Refusal | None:
    """Why the early dialog of this leg cannot be replaced now, None where it can."""
    call = place.call
    if place is not call.b:
        return Refusal(481, "Replaces names an early dialog that its peer began")
    if call.late_offer or call.inserted:
        return Refusal(481, "Replaces names an early dialog without an offer of the caller's")
    if call.behalf is not None or call.join is not None or call.is_waiting or call.early_fork is not None:
        return Refusal(491, "Replaces names a dialog that is changing")
    if not session_of(request) and leg_terms(place).is_secure:
        return Refusal(488, "Replaces of an early dialog without an offer")
    return None


def _refuse_join(request: Request, trunk: str, flow: Flow, exit_: Exit) -> Refusal:
    if request.get("Replaces") is not None:
        return Refusal(400, "Join and Replaces together")
    try:
        named = parse_join(request.require("Join"))
    except ParseError:
        return Refusal(400, "malformed Join")
    leg = exit_.named(named.call_id, named.to_tag, named.from_tag, trunk, flow)
    if leg is None:
        return Refusal(481, "Join names no dialog of that trunk")
    return Refusal(488, "Join: there is no mixer")


def _is_up(place: Leg) -> bool:
    other = place.other
    legs = (place, other)
    return all(leg is not None and leg.dialog is not None and leg.dialog.state is DialogState.CONFIRMED for leg in legs)


def begin(call: Call, place: Leg, request: Request, exit_: Exit, now: Now) -> None:
    """The new call is admitted; its A leg and `call.invite_in` are set. It will be part of the call of `place`."""
    new, incoming = call.caller_leg, call.invite_in
    assert incoming is not None
    new.note(request)
    new.reliability = reliable.reliability_of(new, request)
    new.said = session_of(request)
    too_small = session.refusal(new, request)
    if too_small:
        exit_.respond(incoming, 422, extra=too_small)
        finish(call, exit_, now, status=422, released_by="sbc", cause="session interval too small")
        return
    new.dialog = Dialog.uas(request, new.local_tag, new.flow)
    exit_.track(new.dialog, new)
    join = Join(place.call, place, new, joint_media(place.call, place, new))
    join.incoming = incoming
    if place.call.state is CallState.INVITING:
        _pick_up(join, exit_)
    else:
        begin_join(join, exit_, now)


def _pick_up(join: Join, exit_: Exit) -> None:
    """The call rings at whom `new` replaces: its caller must be answered before the two can be joined."""
    call, new, attempt = join.call, join.new, join.call.attempt
    assert attempt is not None and call.media is not None and call.invite_in is not None
    call.join = new.call.join = join
    call.state = CallState.ANSWERING
    fork = next(iter(attempt.forks.values()))
    request, leg = call.invite_in.request, call.caller_leg
    if request is not None and not request.to_tag and leg.profile.early_dialogs != "one":
        # As if another fork had answered: what the caller was shown in the others binds nobody (13.2.2.4).
        fork = Fork(fork.dialog, Dialog.uas(request, call.mint.tag(), leg.flow))
    if fork.is_shown:
        call.step, call.ready = Step(StepKind.ANSWER, Response(200, "OK", []), fork), fork.raw
    else:
        answer_with(join, fork, exit_)


def answer_with(join: Join, fork: Fork, exit_: Exit) -> None:
    """Ask the media engine about the answer to the caller, which the new one's offer is for now."""
    call, new = join.call, join.new
    assert call.media is not None
    answer = Step(StepKind.ANSWER, Response(200, "OK", []), fork)
    ask(call, call.media.answer(Side.B, new.said or silent(call.offer)), answer, exit_, new)


def answer_caller(join: Join, step: Step, raw: bytes, exit_: Exit, now: Now) -> None:
    """The caller of a call that rang is answered; then it is joined with who picked up, as any other."""
    call, fork, attempt = join.call, step.fork, join.call.attempt
    assert fork is not None and step.response is not None and attempt is not None
    rang = list(attempt.forks.values())
    call.caller_leg.dialog = fork.a_dialog
    exit_.track(fork.a_dialog, call.caller_leg)
    setup.show_answer(call, step.response, fork, raw, exit_, now)
    for one in rang:
        exit_.forget(one.dialog)
        one.dialog.state = DialogState.TERMINATED
        if one.a_dialog is not fork.a_dialog:
            exit_.forget(one.a_dialog)
    if call.is_over:
        return
    abort_attempt(attempt, exit_)
    call.attempt = None
    begin_join(join, exit_, now)


def fail(join: Join, status: int, exit_: Exit, now: Now) -> None:
    """The caller cannot be answered with what the new one offers: the call rings on, unless its callee has left."""
    break_off(None, join, status, exit_, now, "pick-up failed")
