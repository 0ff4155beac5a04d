"""From the caller's INVITE to its ACK: offer, attempts on one target after the other, early dialogs, the answer."""

from __future__ import annotations

from typing import Final

from sbc.call import early, insert, modify, redirect, reliable, session, transfer
from sbc.call.abilities import supported_of
from sbc.call.body import dressed, is_unsupported, locations, session_of, shown_sdp
from sbc.call.call import Call, CallState
from sbc.call.end import finish, hang_up
from sbc.call.exchange import abort_attempt, ask, take_provisional
from sbc.call.exit import Exit
from sbc.call.forks import MAX_FORKS, end_fork, fork_of, is_late, is_shown_as_one, late_media, spend, tell_ends
from sbc.call.parts import Fork, Kind, Outgoing, Reliability, Step, StepKind
from sbc.call.security import media_session, takes_offer
from sbc.dialog import Answer, Dialog, DialogState
from sbc.media import Side
from sbc.outputs import CallAnswered
from sbc.routing import NextHop
from sbc.sip import Request, Response
from sbc.wire import Now

NO_OFFER: Final = b"-"
"""Stands in the place of an offer where the callee is to make it."""
LATE: Final = 0.1
"""Seconds of delay here beyond which nobody else is called silent."""
_RETRY_LATER: Final = [("Retry-After", "5")]

# A challenge means nothing on the other leg, where the realm it names must not show; a redirection would show inner
# hosts and cannot be followed past us.
_MAPPED: Final[dict[int, int]] = {401: 403, 407: 403, 305: 480, 380: 480, 422: 500, 494: 403}


def begin(call: Call, request: Request, exit_: Exit, now: Now) -> None:
    """The call is admitted and routed: ask for media, then invite the first target."""
    leg = call.caller_leg
    leg.note(request)
    leg.reliability = reliable.reliability_of(leg, request)
    too_small = session.refusal(leg, request)
    if too_small and call.invite_in is not None:
        exit_.respond(call.invite_in, 422, extra=too_small)
        finish(call, exit_, now, status=422, released_by="sbc", cause="session interval too small")
        return
    leg.said = sdp = session_of(request)
    if not sdp:
        call.inserted = sdp = insert.offer_for(call)
    call.late_offer = not sdp
    if call.late_offer:
        call.step, call.ready = Step(StepKind.OFFER), NO_OFFER
        return
    call.media = media_session(call, _interfaces(call))
    ready = call.media.offer(Side.A, sdp)
    ask(call, ready, Step(StepKind.OFFER), exit_)


def _interfaces(call: Call) -> tuple[str, str]:
    egress = call.config.realms[call.hops[call.hop_index].realm]
    return (call.caller_leg.realm.media_interface, egress.media_interface)


def invite_next(call: Call, exit_: Exit, now: Now) -> None:
    """Try the next target; without one, the caller gets 503."""
    incoming = call.invite_in
    assert incoming is not None and incoming.request is not None
    while (hop := next_hop(call, exit_)) is not None:
        if not hop.is_address:
            call.attempt = None
            return  # until its name is located
        leg = exit_.callee_leg(call, hop)
        call.hop_index += 1
        if leg is not None and takes_offer(call, leg):
            out = Outgoing(Kind.INVITE, leg, "INVITE")
            out.hop = hop
            _invite(call, out, incoming.request, exit_, now)
            return
    exit_.respond(incoming, 503, extra=_RETRY_LATER)
    finish(call, exit_, now, status=503, released_by="sbc", cause="no target left")


def next_hop(call: Call, exit_: Exit) -> NextHop | None:
    """The next place to try; None where none is left; a hop without an address where its name is asked for first."""
    while call.hop_index < len(call.hops):
        hop = call.hops[call.hop_index]
        if hop.is_address:
            return hop
        places = exit_.places(call, hop)
        if places is None:
            return hop
        call.hops[call.hop_index : call.hop_index + 1] = places
        if call.redirection is not None:
            call.redirection.spread(hop, places)
    return None


def _invite(call: Call, out: Outgoing, request: Request, exit_: Exit, now: Now) -> None:
    leg = out.leg
    body = b""
    if not call.late_offer:
        body = shown_sdp(leg, call.offer)
        if not body:
            finish(call, exit_, now, status=488, released_by="sbc", cause="offer not acceptable")
            return
    # An offer in a reliable response needs a caller who answers it there, and who is told forks from each other.
    has_prack = call.caller_leg.reliability is not Reliability.NONE and not is_shown_as_one(call)
    may_be_reliable = not call.late_offer or has_prack
    out.fields = session.asked(leg, supported_of(leg, may_be_reliable))
    if may_be_reliable and leg.profile.reliable == "require":
        out.fields = [*out.fields, ("Require", "100rel")]
    if call.behalf is not None:
        out.fields = [*out.fields, *transfer.fields_of(call, leg)]
    call.b, call.attempt = leg, out
    be_patient(call, out, exit_, now)
    call.state = CallState.INVITING
    forwards = request.max_forwards
    left = 70 if forwards is None else forwards - 1
    trunk = call.config.trunks.get(leg.trunk)
    if is_unsupported(request, trunk.bodies if trunk is not None else frozenset()):
        finish(call, exit_, now, status=415, released_by="sbc", cause="body not for this trunk")
        return
    out.fields = [*out.fields, *locations(leg, request)]
    body, kind = dressed(leg, request, body)
    if not exit_.request(out, request, body, kind, left):
        finish(call, exit_, now, status=500, released_by="sbc", cause="egress audit")


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to one of our INVITEs that set calls up."""
    status = response.status
    if status < 200:
        receive_provisional(call, out, response, exit_, now)
    elif status < 300:
        out.done = True
        if out.hop is not None:
            exit_.health(out.hop, True)
        _receive_answer(call, out, response, exit_, now)
    else:
        out.done = True
        if out.hop is not None:
            exit_.health(out.hop, status != 503)  # who says 408 lives, and speaks of somebody behind it
        fail(call, out, status, response, exit_, now)


def receive_provisional(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    take_provisional(out, exit_)
    if out.cancel_wanted:
        return
    if response.status == 100 or call.attempt is not out or call.state is not CallState.INVITING:
        return
    if response.get("RSeq") is not None and not reliable.admit(call, out, response, exit_):
        return
    out.leg.note(response)
    if response.status == 199:
        _end_early(call, out, response, exit_)
    elif not call.is_waiting:
        _take_provisional(call, out, response, exit_, now)
    elif len(call.backlog) < MAX_BACKLOG:
        call.backlog.append((out, response))


def _end_early(call: Call, out: Outgoing, response: Response, exit_: Exit) -> None:
    """RFC 6228 section 4: one early dialog of several is over, the INVITE goes on."""
    fork = out.forks.get(response.to_tag)
    if fork is None or fork is call.late_fork or (call.step is not None and call.step.fork is fork):
        return  # never heard of, or its media are being asked about: the final response will tell
    if call.modify is not None and call.modify.fork is fork:
        modify.refuse(call, 481, None, exit_)
    call.backlog = [one for one in call.backlog if one[1].to_tag != response.to_tag]
    end_fork(call, out, fork, exit_)


def _take_provisional(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    fork = fork_of(call, out, response, exit_)
    if fork is None:
        return
    sdp = session_of(response)
    if sdp and fork is call.late_fork and not fork.sdp:
        fork.sdp = out.leg.said = sdp
        ask(call, late_media(call, exit_).offer(Side.B, sdp), Step(StepKind.EARLY_OFFER, response, fork), exit_)
        return
    if fork.answer:
        sdp = sdp and fork.answer
    if not sdp or is_late(call, fork) or call.media is None:
        # RFC 3261 section 13.2.1: an offer cannot stand in an unreliable provisional response.
        show_provisional(call, response, fork, b"", exit_, now)
    elif call.early_fork is not None:
        show_provisional(call, response, fork, b"", exit_, now)
    elif sdp == fork.sdp and fork.raw:
        show_provisional(call, response, fork, fork.raw, exit_, now)
    else:
        fork.sdp = sdp
        ask(call, call.media.answer(Side.B, sdp), Step(StepKind.PROVISIONAL, response, fork), exit_)


MAX_BACKLOG: Final = 32
"""Provisional responses that may wait; the callee repeats what matters."""


def show_provisional(
    call: Call, response: Response, fork: Fork, raw: bytes, exit_: Exit, now: Now, *, is_offer: bool = False
) -> None:
    incoming = call.invite_in
    if incoming is None or not incoming.is_open:
        return
    if call.behalf is not None:
        transfer.progress(call, response.status, exit_)
        return
    leg, status = call.caller_leg, response.status
    wanted = bool(raw) and not fork.is_shown and not call.inserted  # an offer cannot stand in a 18x (13.2.1)
    if not is_offer:
        status, wanted = early.provisional_for(call, status, wanted)
        if not status:
            return
    is_reliable = leg.reliability is not Reliability.NONE
    if wanted and is_reliable and is_shown_as_one(call):
        # As a preview, which is never reliable; who insists on that gets the session with the answer alone.
        is_reliable = leg.reliability is Reliability.REQUIRED
        wanted = not is_reliable
    body = shown_sdp(leg, raw) if wanted else b""
    incoming.local_tag = fork.a_dialog.local_tag
    if is_reliable and (body or leg.reliability is Reliability.REQUIRED):
        reliable.send(call, incoming, response, status, fork, body, is_offer, exit_, now)
    else:
        body, kind = dressed(leg, response, body)
        exit_.respond(incoming, status, response, body, kind)


def _receive_answer(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    tag = response.to_tag
    if tag in out.acks:
        exit_.repeat_ack(out, tag)
        return
    if call.attempt is not out or call.state is not CallState.INVITING:
        dialog = out.leg.dialog
        if call.attempt is out and not call.is_over and dialog is not None and dialog.remote_tag == tag:
            return  # a copy; its ACK waits for the caller's answer
        _refuse_answer(call, out, response, exit_)
        return
    fork = fork_of(call, out, response, exit_)
    if fork is None:
        _refuse_answer(call, out, response, exit_)
        finish(call, exit_, now, status=502, released_by="sbc", cause="answer without a dialog")
        return
    fork.dialog.confirm(response)
    if not tag:
        exit_.track(fork.dialog, out.leg)  # a peer of RFC 2543: it is found by our tag alone
    leg, a_leg = out.leg, call.caller_leg
    leg.note(response)
    session.learn(leg, response, now)
    leg.dialog, a_leg.dialog = fork.dialog, fork.a_dialog
    for other in out.forks.values():
        if other is not fork:
            exit_.forget(other.dialog)
            exit_.forget(other.a_dialog)
    if call.unacknowledged is not None and call.unacknowledged.fork is not fork:
        call.unacknowledged = None
    if call.modify is not None and call.modify.fork is not fork:
        modify.refuse(call, 481, None, exit_)
    call.state = CallState.ANSWERING
    if not is_late(call, fork):
        exit_.acknowledge(out, fork.dialog)
    if call.is_waiting:
        call.backlog.append((out, response))
    else:
        answer_caller(call, out, response, fork, exit_, now)


def answer_caller(call: Call, out: Outgoing, response: Response, fork: Fork, exit_: Exit, now: Now) -> None:
    sdp = session_of(response)
    if is_late(call, fork):
        if not sdp:
            hang_up(call, exit_, now, "no offer in the answer", status=502)
            return
        out.leg.said = sdp
        ask(call, late_media(call, exit_).offer(Side.B, sdp), Step(StepKind.ANSWER, response, fork), exit_)
        return
    if response.to_tag not in out.acks:
        exit_.acknowledge(out, fork.dialog)
    # RFC 3261 section 13.2.1: after a reliable answer no other description counts.
    out.leg.said = sdp = fork.answer or sdp or fork.sdp
    incoming = call.invite_in
    if sdp and call.early_fork is not None and call.early_fork is not fork and call.media is not None:
        assert incoming is not None and incoming.request is not None
        call.early_fork = None
        fork.raw = b""
        offer = call.media.offer(Side.A, session_of(incoming.request) or call.inserted)
        ask(call, offer, Step(StepKind.REOFFER, response, fork), exit_)
    elif not sdp or (sdp == fork.sdp and (fork.raw or call.early_fork is fork)):
        show_answer(call, response, fork, fork.raw, exit_, now)  # the session may be that of an offer since
    else:
        fork.sdp = sdp
        assert call.media is not None
        ask(call, call.media.answer(Side.B, sdp), Step(StepKind.ANSWER, response, fork), exit_)


def show_answer(call: Call, response: Response, fork: Fork, raw: bytes, exit_: Exit, now: Now) -> None:
    """Pass the 2xx on; it is repeated until the caller's ACK (RFC 3261 section 13.3.1.4)."""
    incoming = call.invite_in
    assert incoming is not None and call.attempt is not None
    if call.behalf is not None:
        transfer.answered(call, response, fork, exit_, now)
        return
    is_wanted = bool(raw) and not fork.is_shown
    body = shown_sdp(call.caller_leg, raw) if is_wanted else b""
    if is_wanted and not body:
        hang_up(call, exit_, now, "answer not acceptable", status=502)
        return
    incoming.local_tag = fork.a_dialog.local_tag
    leg = call.caller_leg
    assert incoming.request is not None
    extra = session.granted(leg, incoming.request, now)
    body, kind = dressed(leg, response, body)
    wire = exit_.respond(incoming, 200, response, body, kind, extra)
    if not wire:
        hang_up(call, exit_, now, "egress audit", status=500)
        return
    fork.a_dialog.state = DialogState.CONFIRMED
    timers = call.config.timers
    cseq = incoming.request.cseq.number
    leg.answer = Answer(wire, incoming.reply_flow, cseq, timers.t1, timers.t2, now.monotonic)
    incoming.request = None
    call.offer = b""
    call.late_offer = is_late(call, fork)
    spend(call.attempt)
    call.attempt.forks.clear()
    call.state = CallState.ANSWERED
    call.status = 200
    call.answer_wall = now.wall
    call.deadline = now.monotonic + call.longest
    leg.heard = call.attempt.leg.heard = now.monotonic
    exit_.report(CallAnswered(call.id, now.wall))


def _refuse_answer(call: Call, out: Outgoing, response: Response, exit_: Exit) -> None:
    """A 2xx nobody waits for any more, after CANCEL or from another fork: ACK, then BYE (RFC 3261 section 13.2.2.4)."""
    if out.flow is None or len(out.acks) >= MAX_FORKS:
        return
    leg = out.leg
    dialog = Dialog.uac(leg.call_id, leg.local_tag, leg.local_uri, leg.remote_uri, out.cseq, response, out.flow)
    spend(out)
    dialog.local_cseq = max(out.cseq, out.spent)
    exit_.acknowledge(out, dialog)
    exit_.track(dialog, leg)
    exit_.request(Outgoing(Kind.BYE, leg, "BYE", dialog))


def fail(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit, now: Now) -> None:
    """An attempt ended without an answer: the next target, or the caller hears of it."""
    out.done = True
    ended = list(out.forks.values())
    for fork in ended:
        exit_.forget(fork.dialog)
        exit_.forget(fork.a_dialog)
    out.forks.clear()
    if call.attempt is not out or call.state is not CallState.INVITING:
        return
    call.backlog.clear()
    call.unacknowledged = call.late_fork = None
    if call.modify is not None:
        modify.refuse(call, 481, None, exit_)
    out.leg.dialog = None
    call.caller_leg.dialog = None
    incoming = call.invite_in
    if incoming is not None and incoming.request is not None and response is not None:
        is_challenge = status in (401, 407) and exit_.answers_challenge(out, response)
        if is_challenge or session.may_retry(out, response):
            again = Outgoing(Kind.INVITE, out.leg, "INVITE")
            again.hop, again.is_retry = out.hop, out.is_retry or not is_challenge
            again.challenged = out.challenged + 1 if is_challenge else out.challenged
            _invite(call, again, incoming.request, exit_, now)
            return
    if response is not None and status < 400 and redirect.follow(call, out, response, exit_):
        tell_ends(call, ended, exit_)
        invite_next(call, exit_, now)
        return
    if redirect.is_next(call, status) or has_other(call, out, status, response):
        tell_ends(call, ended, exit_)
        invite_next(call, exit_, now)
        return
    shown = _MAPPED.get(status, 480 if status < 400 else status)
    if incoming is not None and incoming.is_open:
        extra = exit_.returned(out, response) if status in (401, 407) else []
        if response is not None and status < 400:
            extra = redirect.shown(call, out, response)
        if extra:
            shown = status
        elif shown == 503:
            extra = _RETRY_LATER
        exit_.respond(incoming, shown, response, extra=extra)
    cause = f"callee answered {status}" if response is not None else "callee did not answer"
    if status == 482 and response is None:
        cause = "the next hop is this node"
    finish(call, exit_, now, status=shown, released_by="callee" if response is not None else "sbc", cause=cause)


def has_other(call: Call, out: Outgoing, status: int, response: Response | None = None) -> bool:
    """Whether the next hop is to be tried: another target as the trunk's `crank_back` says, another place of the same
    target after 503 and silence in any case (RFC 3263 section 4.3)."""
    if call.hop_index >= len(call.hops):
        return False
    trunk = call.config.trunks.get(out.leg.trunk)
    if trunk is None or status in trunk.crank_back:
        return True
    is_same = out.hop is not None and out.hop.target_key == call.hops[call.hop_index].target_key
    return is_same and (status == 503 or (status == 408 and response is None))


def be_patient(call: Call, out: Outgoing, exit_: Exit, now: Now) -> None:
    """Do not wait for a next hop for ever where there is another one."""
    call.patience = 0.0
    if out.hop is not None and has_other(call, out, 408):
        seconds = exit_.patience(out.hop, call.hops[call.hop_index])
        call.patience = now.monotonic + seconds if seconds else 0.0


def lose_patience(call: Call, exit_: Exit, now: Now) -> None:
    """The next hop has said nothing for so long that it counts as silent: on to the next."""
    call.patience = 0.0
    if exit_.lag > LATE:
        call.patience = now.monotonic + max(0.5, 4 * exit_.lag)  # its answer may lie unread in our own socket
        return
    out = call.attempt
    if out is None or out.done or out.provisional or out.cancel_wanted or call.state is not CallState.INVITING:
        return
    if out.hop is not None:
        exit_.health(out.hop, False)
    give_up(out, exit_, now)


def give_up(out: Outgoing, exit_: Exit, now: Now) -> None:
    """The target is known to be down by now: on to the next, as after a timeout.

    The transaction goes on, so that a callee who was only late, or rings on, has its CANCEL, or its ACK and BYE.
    """
    call = out.leg.call
    if out.done or out.cancel_wanted or call.state is not CallState.INVITING or not has_other(call, out, 408):
        return
    abort_attempt(out, exit_)
    fail(call, out, 408, None, exit_, now)


def receive_ack(call: Call, ack: Request, exit_: Exit, now: Now) -> None:
    """The ACK to the 2xx that answered the caller's first INVITE."""
    if call.state is not CallState.ANSWERED:
        return
    call.state = CallState.TALKING
    if call.inserted:
        call.inserted = b""
        insert.settle(call, call.caller_leg, ack, exit_, now)
    elif call.late_offer:
        sdp = session_of(ack)
        if not sdp or call.media is None:
            hang_up(call, exit_, now, "no answer in the ACK")
            return
        call.caller_leg.said = sdp
        ask(call, call.media.answer(Side.A, sdp), Step(StepKind.ACK), exit_)


def show_late_answer(call: Call, raw: bytes, exit_: Exit, now: Now) -> None:
    attempt, leg = call.attempt, call.b
    assert attempt is not None and leg is not None and leg.dialog is not None
    body = shown_sdp(leg, raw)
    if not body:
        hang_up(call, exit_, now, "answer not acceptable")
        return
    exit_.acknowledge(attempt, leg.dialog, body)


def resume(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """Take up a response that came while the media engine was thinking."""
    if response.status < 200:
        if call.state is CallState.INVITING:
            _take_provisional(call, out, response, exit_, now)
        return
    fork = out.forks.get(response.to_tag)
    if fork is not None and call.state is CallState.ANSWERING:
        answer_caller(call, out, response, fork, exit_, now)
