"""INVITE with Replaces (RFC 3891) or Join (RFC 3911): somebody takes the place of a peer in a call that is up.

The dialog that is named must be ours with a peer of the same realm and trunk: those alone may know its tags, and the
new call counts for them. It is named from our side (`to-tag` is ours: the sender calls us in the place of that peer) or
from the peer's (`to-tag` is the peer's: the sender calls that peer, and takes the place of who talks to it).

| found | answer |
| --- | --- |
| no such dialog | 481 |
| it is about to end | 603 |
| it is up, and `early-only` was asked for | 486 |
| it is early | 481: the caller's offer and the new one's cannot answer each other |
| another exchange has it | 491 |
| it is up | 200, once who is kept has agreed to the new media (`join`); the replaced peer gets a BYE |
| Join, and the dialog is there | 488: there is no mixer here |
"""

from __future__ import annotations

from sbc.call import reliable, session
from sbc.call.body import session_of
from sbc.call.call import Call, CallState
from sbc.call.end import finish
from sbc.call.join import begin as begin_join
from sbc.call.join import joint_media
from sbc.call.joint import Join
from sbc.call.parts import Exit, Leg
from sbc.dialog import Dialog, DialogState
from sbc.sip import ParseError, Request, parse_join
from sbc.wire import Now


class Refusal:
    """Why somebody cannot take a place in a call."""

    __slots__ = ("status", "why")

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        self.why = why


def find_place(request: Request, realm: str, trunk: str, exit_: Exit) -> Leg | Refusal:
    """Whose place the sender of an INVITE wants to take; `realm` and `trunk` are the sender's."""
    if request.get("Join") is not None:
        return _refuse_join(request, realm, trunk, exit_)
    named = request.replaces
    assert named is not None
    place = exit_.find(named.call_id, named.to_tag, named.from_tag, realm)
    if place is None:
        addressed = exit_.find(named.call_id, named.from_tag, named.to_tag, realm)
        place = None if addressed is None or addressed.trunk != trunk else addressed.other
    elif place.trunk != trunk:
        place = None
    if place is None:
        return Refusal(481, "Replaces names no dialog of that trunk")
    call = place.call
    if call.is_over or call.is_parted or not _is_up(place):
        is_early = call.state is CallState.INVITING or call.state is CallState.ANSWERING
        return Refusal(481 if is_early else 603, "Replaces names a dialog that is not up")
    if named.early_only:
        return Refusal(486, "Replaces is for an early dialog only")
    if call.join is not None or call.referral is not None or call.behalf is not None:
        return Refusal(491, "Replaces names a dialog that is changing")
    return place


def _refuse_join(request: Request, realm: str, trunk: str, exit_: Exit) -> Refusal:
    if request.get("Replaces") is not None:
        return Refusal(400, "Join and Replaces together")
    try:
        named = parse_join(request.require("Join"))
    except ParseError:
        return Refusal(400, "malformed Join")
    leg = exit_.find(named.call_id, named.to_tag, named.from_tag, realm)
    if leg is None or leg.trunk != trunk:
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
    begin_join(join, exit_, now)
