"""The call that a transfer asks for: placed here in the name of who is transferred, then joined to that peer.

It is a call like others (`setup` carries it through targets, forks, 422 and reliable responses) but for its A leg: a
stand-in that no message leaves by. What a caller would hear goes to whoever asked for the transfer, as `referral` says;
with the answer, who is transferred takes the stand-in's place, as `join` says.
"""

from __future__ import annotations

from sbc.call.body import session_of
from sbc.call.call import Call, CallState
from sbc.call.description import resumed
from sbc.call.end import break_off
from sbc.call.exchange import ask
from sbc.call.exit import Exit
from sbc.call.forks import spend
from sbc.call.join import begin as begin_join
from sbc.call.join import joint_media
from sbc.call.joint import Join
from sbc.call.parts import Fork, Incoming, Leg, Step, StepKind
from sbc.call.referral import Referral, tell
from sbc.call.security import media_session
from sbc.media import Side
from sbc.outputs import CallAnswered
from sbc.sip import Fields, Response, parse_address
from sbc.topology import hide_identity
from sbc.wire import Now


def begin(call: Call, referral: Referral, exit_: Exit, now: Now) -> None:
    """The new call is admitted and routed: its A leg is the stand-in, `call.invite_in` the INVITE that nobody sent."""
    leg, transferred = call.caller_leg, transferred_leg(referral)
    call.behalf, referral.placed = referral, call
    if transferred is None or not transferred.said:
        break_off(referral, None, 488, exit_, now)
        return
    leg.said = resumed(transferred.said)
    realm = call.config.realms[call.hops[call.hop_index].realm]
    call.media = media_session(call, (leg.realm.media_interface, realm.media_interface))
    ask(call, call.media.offer(Side.A, leg.said), Step(StepKind.OFFER), exit_)


def transferred_leg(referral: Referral) -> Leg | None:
    """Whose peer is transferred: the one that the asker talked to."""
    call = referral.call
    return call.b if referral.leg is call.a else call.a


def fields_of(call: Call, leg: Leg) -> Fields:
    """What the INVITE of a transfer says beside an ordinary one: Referred-By, as its receiver may see it (RFC 3892).

    The asker is named as the dialog with it has it, not as it calls itself.
    """
    referral = call.behalf
    if referral is None or not referral.referred_by:
        return []
    return [("Referred-By", hide_identity(parse_address(referral.leg.remote_uri), leg.realm.domain))]


def progress(call: Call, status: int, exit_: Exit) -> None:
    """The new callee said something provisional."""
    if call.behalf is not None:
        tell(call.behalf, status, exit_)


def answered(call: Call, response: Response, fork: Fork, exit_: Exit, now: Now) -> None:
    """The new callee said 2xx, which has its ACK: who is transferred is joined to it."""
    referral, out = call.behalf, call.attempt
    assert referral is not None and out is not None
    transferred, shadow = transferred_leg(referral), call.caller_leg
    exit_.forget(fork.a_dialog)
    shadow.dialog = None
    spend(out)
    out.forks.clear()
    call.state = CallState.ANSWERED
    call.status, call.answer_wall = 200, now.wall
    call.deadline = now.monotonic + call.longest
    call.offer = b""
    exit_.report(CallAnswered(call.id, now.wall))
    if transferred is None or call.media is None or not out.leg.said:
        break_off(referral, None, 488, exit_, now)
        return
    media = joint_media(call, shadow, transferred) if referral.is_adopted else call.media
    join = Join(call, shadow, transferred, media)
    join.referral = referral
    begin_join(join, exit_, now)


def adopt(call: Call, referral: Referral, exit_: Exit, now: Now) -> None:
    """The asker's own call, which still rings, becomes the call of the transfer: the asker's INVITE gets 487."""
    incoming, out, leg = call.invite_in, call.attempt, call.caller_leg
    transferred = transferred_leg(referral)
    assert incoming is not None and out is not None and transferred is not None
    call.behalf, referral.placed, referral.is_adopted = referral, call, True
    call.unacknowledged = None
    exit_.respond(incoming, 487)
    for fork in out.forks.values():
        exit_.forget(fork.a_dialog)
    if leg.dialog is not None:
        exit_.forget(leg.dialog)
        leg.dialog = None
    shadow = exit_.stand_in(call, transferred)
    shadow.said = leg.said or session_of(referral.invite)
    call.a = shadow
    call.invite_in = Incoming(referral.invite, [], incoming.reply_flow, shadow.local_tag)
    call.invite_in.leg = shadow
    tell(referral, 180 if out.provisional else 100, exit_)
