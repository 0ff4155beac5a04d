"""Two legs that were never one call are joined: re-INVITEs until each has the other's media (RFC 3725 in spirit).

`new` takes the place of a leg in a call and meets the one that is kept there. Each round offers one peer what the other
one last said, holds taken out, and takes its answer; the first round asks `new`. Rounds go on, in turn, until the one
who was not asked has been shown all that the answer says.

| state | input | next | done |
| --- | --- | --- | --- |
| waiting | both legs are free | offering | the media engine is asked about the offer |
| waiting | neither for 64*T1 | broken | undone |
| offering | the engine's description | asking | re-INVITE; where `new` is a caller without an offer, 200 with ours |
| asking | 2xx, or the caller's ACK | answering | ACK; the engine is asked about the answer |
| asking | 491, or 500 with Retry-After | waiting | again after the pause of RFC 3261 section 14.1 |
| asking | 422 | asking | once more, with the interval wanted |
| asking | any other refusal, or silence | broken | undone |
| answering | the offerer knows all of it | joined | the two legs change places; whoever waits for 200 gets it |
| answering | it does not | waiting | the other way round |
| any | the engine refuses | broken | undone |
| any | `new` or `kept` hangs up | broken | undone, as far as something is left |
| any | who leaves hangs up | the same | its dialog is over; it is missing if the join breaks |

A move (`reanchor`) goes the same way with the two peers of one call; one that fails ends its call.

Undone: both are offered what they had, the media engine has the former session, no call has ended but what cannot stand
by itself.
"""

from __future__ import annotations

from typing import Final

from sbc.call import interval
from sbc.call.body import SDP_TYPE, session_of, shown_sdp
from sbc.call.call import Call, CallState
from sbc.call.description import fits, resumed
from sbc.call.dtmf import needs_pressing
from sbc.call.end import ENGINE_LOST, break_off, finish, hang_up, lose, say_bye
from sbc.call.exchange import ask, take_provisional
from sbc.call.exit import Exit
from sbc.call.joint import Join, discard, drop_media, settle
from sbc.call.parts import Kind, Leg, Outgoing, Step, StepKind
from sbc.call.referral import tell
from sbc.call.security import leg_codecs, leg_terms
from sbc.call.session import granted
from sbc.dialog import Answer, DialogState
from sbc.media import MediaSession, Side
from sbc.sip import Request, Response
from sbc.wire import Now

GRACE: Final = 4.0
"""Seconds that who asked for the transfer has for its own BYE; then it gets ours."""
_PAUSE: Final = 0.5
"""A leg where another exchange is under way is looked at again after this."""
_ROUNDS: Final = 4
"""Offers at most; peers that change their answers each time keep what they have then."""
_TRIES: Final = 4
"""Re-INVITEs that may meet another one of the peer's."""


def joint_media(call: Call, place: Leg, new: Leg) -> MediaSession:
    """A fresh media session for `new` and who is kept, with the sides that the call has."""
    kept = call.b if place is call.a else call.a
    assert kept is not None
    a, b = (new, kept) if place.side is Side.A else (kept, new)
    mint = call.mint
    interfaces = (a.realm.media_interface, b.realm.media_interface)
    terms = (leg_terms(a), leg_terms(b))
    media = MediaSession(call.mode, mint.session(), (mint.tag(), mint.tag()), interfaces, terms)
    media.codecs = (leg_codecs(a), leg_codecs(b))
    media.marks = (a.realm.dscp_rtp, b.realm.dscp_rtp)
    media.heed(call.config.media)
    if call.media is not None:
        view = call.media.views[kept.side.value]  # who is kept sees one stream go on
        media.views = (media.tags[0], view) if place.side is Side.A else (view, media.tags[1])
    media.presses = needs_pressing((a.profile.dtmf, b.profile.dtmf))
    media.succeed(None, (a.said, b.said))
    return media


def begin(join: Join, exit_: Exit, now: Now) -> None:
    """The two legs are confirmed, but for a caller whose INVITE waits (`join.incoming`)."""
    join.call.join = join.new.call.join = join
    join.end_at = now.monotonic + 64 * join.call.config.timers.t1
    if join.incoming is not None and join.new.said:
        join.offerer, join.asked = join.new, join.kept
    proceed(join, exit_, now)
    exit_.arm(join.new.call)


def proceed(join: Join, exit_: Exit, now: Now) -> None:
    """Offer what one has said to the other, once neither has an exchange of its own under way."""
    call, offerer = join.call, join.offerer
    if not _is_free(join):
        if now.monotonic >= join.end_at:
            _fail(join, 491, exit_, now)
        else:
            join.next_timer = now.monotonic + _PAUSE
            exit_.arm(call)
        return
    join.next_timer = 0.0
    if not join.has_begun:
        join.begin()
    is_new = offerer is join.new and join.incoming is not None
    is_old = not join.rounds and join.former is not None and not is_new and not join.is_move
    sdp = resumed(offerer.said) if is_old else offerer.said
    if not sdp:
        _fail(join, 488, exit_, now)
        return
    ask(call, join.media.offer(join.side_of(offerer), sdp), Step(StepKind.JOIN_OFFER), exit_)


def _owes_ack(call: Call) -> bool:
    """Whether the callee has made its offer in its 2xx, and waits for an answer in our ACK."""
    invite, leg = call.attempt, call.b
    if invite is None or leg is None or leg.dialog is None or not invite.done:
        return False
    return leg.dialog.remote_tag not in invite.acks


def _is_free(join: Join) -> bool:
    for call in (join.call, join.new.call):
        if call.modify is not None or call.step is not None or call.refresh is not None or call.restoring:
            return False
        if any(leg is not None and leg.answer is not None for leg in (call.a, call.b)):
            return False
        if _owes_ack(call):
            return False
    return True


def look_again(join: Join, exit_: Exit, now: Now) -> None:
    """Something that was waited for has come: the two may be free before the next look is due."""
    if join.next_timer and not join.is_broken and _is_free(join):
        proceed(join, exit_, now)


def handle_timer(join: Join, exit_: Exit, now: Now) -> None:
    """Look again whether the two are free."""
    if join.next_timer and join.next_timer <= now.monotonic and not join.is_broken:
        proceed(join, exit_, now)


def advance(call: Call, step: Step, raw: bytes, exit_: Exit, now: Now) -> None:
    """The media engine's description is there."""
    join = call.join
    if join is None or join.is_broken:
        settle_media(call, exit_)
    elif step.kind is StepKind.JOIN_OFFER:
        _ask_peer(join, raw, exit_, now)
    else:
        _compare(join, raw, exit_, now)


def media_failed(call: Call, status: int, exit_: Exit, now: Now) -> None:
    """The media engine refused, or said nothing."""
    join = call.join
    if join is None or join.is_broken:
        settle_media(call, exit_)
    else:
        _fail(join, status, exit_, now)


def settle_media(call: Call, exit_: Exit) -> None:
    """The reply that a broken join waited for is there, or will not come: what it had at the engine goes."""
    join = call.join
    if join is not None:
        drop_media(join, exit_)
        if join.out is None or join.out.done or join.out.leg.call is not call:
            call.join = None


def _ask_peer(join: Join, raw: bytes, exit_: Exit, now: Now) -> None:
    asked = join.asked
    body = shown_sdp(asked, raw)
    if not body:
        _fail(join, 488, exit_, now)
    elif join.incoming is not None and asked is join.new:
        join.awaits_ack = True
        _answer_caller(join, body, exit_, now)
    else:
        _send(join, body, exit_, now)


def _send(join: Join, body: bytes, exit_: Exit, now: Now, *, is_retry: bool = False) -> None:
    asked = join.asked
    out = Outgoing(Kind.JOIN, asked, "INVITE", asked.dialog)
    out.fields = interval.asked(asked)
    out.is_retry = is_retry
    join.out = out
    if not exit_.request(out, None, body, SDP_TYPE):
        out.done = True
        _fail(join, 500, exit_, now)


def receive_response(out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to a re-INVITE of a join, which may have been undone meanwhile."""
    leg, dialog, join, status = out.leg, out.dialog, out.leg.call.join, response.status
    assert dialog is not None
    if status < 200:
        take_provisional(out, exit_)
        return
    if status >= 300:
        fail(out, status, response, exit_, now)
        return
    if response.to_tag in out.acks:
        exit_.repeat_ack(out, response.to_tag)
        return
    exit_.acknowledge(out, dialog)
    if out.done:
        return
    out.done = True
    dialog.refresh_target(response)
    leg.note(response)
    interval.learn(leg, response, now)
    if join is None or join.out is not out:
        return
    if join.is_broken:
        settle(join, leg, True, exit_)
        return
    sdp = session_of(response)
    if not sdp:
        _fail(join, 488, exit_, now)
        return
    leg.said = sdp
    join.changed.append(leg)
    ask(join.call, join.media.answer(join.side_of(leg), sdp), Step(StepKind.JOIN_ANSWER), exit_)


def fail(out: Outgoing, status: int, response: Response | None, exit_: Exit, now: Now) -> None:
    """A re-INVITE of a join was refused, or nobody answered it."""
    leg, join = out.leg, out.leg.call.join
    if out.done:
        return
    out.done = True
    if join is None or join.out is not out:
        return
    call = leg.call
    if join.is_broken:
        settle(join, leg, False, exit_)
        if status in (408, 481) and not call.is_over:
            lose(call, leg, exit_, now)
    elif _is_glare(status, response) and join.tries < _TRIES:
        join.tries += 1
        join.next_timer = now.monotonic + interval.glare_pause(leg)
        exit_.arm(join.call)
    elif interval.may_retry(out, response):
        _send(join, leg.shown, exit_, now, is_retry=True)
    else:
        _fail(join, status, exit_, now, leg)
        if status in (408, 481) and not call.is_over:
            lose(call, leg, exit_, now)


def _is_glare(status: int, response: Response | None) -> bool:
    """RFC 3261 section 14.2: 491 where the peer has one of its own under way, 500 where one of ours still is for it."""
    return status == 491 or (status == 500 and response is not None and response.get("Retry-After") is not None)


def receive_ack(join: Join, ack: Request, exit_: Exit, now: Now) -> None:
    """The caller's answer to the offer in our 200."""
    join.awaits_ack = False
    sdp = session_of(ack)
    if not sdp:
        _fail(join, 488, exit_, now)
        return
    join.new.said = sdp
    ask(join.call, join.media.answer(join.side_of(join.new), sdp), Step(StepKind.JOIN_ANSWER), exit_)


def _compare(join: Join, raw: bytes, exit_: Exit, now: Now) -> None:
    offerer = join.offerer
    before = offerer.shown
    body = shown_sdp(offerer, raw)
    if not body:
        _fail(join, 488, exit_, now)
    elif join.incoming is not None and offerer is join.new:
        _answer_caller(join, body, exit_, now)
        if not join.is_broken:
            _complete(join, exit_, now)
    elif fits(before, body, offerer.said) or join.rounds >= _ROUNDS:
        offerer.shown = before
        _complete(join, exit_, now)
    else:
        offerer.shown = before
        join.rounds += 1
        join.offerer, join.asked = join.asked, offerer
        proceed(join, exit_, now)


def _answer_caller(join: Join, body: bytes, exit_: Exit, now: Now) -> None:
    incoming, leg = join.incoming, join.new
    assert incoming is not None and incoming.request is not None and leg.dialog is not None
    request = incoming.request
    wire = exit_.respond(incoming, 200, None, body, SDP_TYPE, granted(leg, request, now))
    if not wire:
        _fail(join, 500, exit_, now)
        return
    leg.dialog.state = DialogState.CONFIRMED
    timers = leg.call.config.timers
    leg.answer = Answer(wire, incoming.reply_flow, request.cseq.number, timers.t1, timers.t2, now.monotonic)
    leg.heard = now.monotonic
    leg.call.answer_wall, leg.call.status = now.wall, 200
    incoming.request = None
    join.incoming = None
    exit_.arm(leg.call)


def _complete(join: Join, exit_: Exit, now: Now) -> None:
    if join.is_move:
        _complete_move(join, exit_)
        return
    call, place, new, kept, referral = join.call, join.place, join.new, join.kept, join.referral
    left = new.call
    call.join = left.join = None
    new.partner = kept.partner = None
    _exchange_places(call, place, left, new)
    exit_.joined(new, place)
    if join.former is not None:
        discard(call, join.former, exit_)
    if left.media is not None:
        discard(left, left.media, exit_)
        left.media = None
    call.behalf = left.referral = None
    left.attempt = None
    if join.former is not None:
        call.attempt = None  # it was for who has left
    call.backlog.clear()
    call.state = CallState.TALKING
    call.transfers = left.transfers + 1
    call.deadline = max(call.deadline, now.monotonic + 1.0)
    left.is_parted = True
    for leg in (new, kept, place):
        leg.heard = now.monotonic
    place.timer = None
    _dismiss(place, exit_)
    if referral is not None:
        tell(referral, 200, exit_)
    rest = left.a if left.a is not place else left.b
    if referral is None or rest is None or rest.dialog is None or rest.dialog.state is DialogState.TERMINATED:
        finish(left, exit_, now, status=left.status or 200, released_by="sbc", cause="transferred")
    else:
        left.deadline = min(left.deadline, now.monotonic + GRACE)
    exit_.arm(left)
    exit_.arm(call)


def _complete_move(join: Join, exit_: Exit) -> None:
    call, former = join.call, join.former
    call.join = join.new.partner = join.kept.partner = None
    if former is not None:
        exit_.reanchored(call, former)
        discard(call, former, exit_)
    exit_.arm(call)


def _exchange_places(call: Call, place: Leg, left: Call, new: Leg) -> None:
    place.call, new.call = left, call
    place.side, new.side = new.side, place.side
    for leg in (place, new):
        if leg.side is Side.A:
            leg.call.a = leg
        else:
            leg.call.b = leg
    if left.invite_in is not None and left.invite_in.leg is new:
        left.invite_in = None


def _dismiss(place: Leg, exit_: Exit) -> None:
    """RFC 3891 section 3: the dialog that was replaced gets a BYE; one that a call without a peer had is forgotten."""
    dialog = place.dialog
    if dialog is None:
        return
    if dialog.state is DialogState.CONFIRMED and place.answer is None:
        say_bye(place, exit_)
    elif dialog.state is DialogState.CONFIRMED:
        place.bye_wanted = True
    else:
        exit_.forget(dialog)


def _fail(join: Join, status: int, exit_: Exit, now: Now, refuser: Leg | None = None) -> None:
    if join.is_move:
        who = "" if refuser is None else f", {'caller' if refuser.side is Side.A else 'callee'} said {status}"
        hang_up(join.call, exit_, now, f"{ENGINE_LOST}{who}")
    else:
        break_off(join.referral, join, status, exit_, now)
