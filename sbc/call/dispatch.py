"""What may happen to a call, and which verb takes it up: the room's inputs."""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc.call import (
    bridge,
    early,
    end,
    insert,
    join,
    modify,
    outside,
    reanchor,
    refer,
    referral,
    relay,
    reliable,
    replace,
    restore,
    session,
    setup,
    subscribe,
    transfer,
)
from sbc.call.body import is_unsupported, shown_sdp
from sbc.call.call import Call, CallState
from sbc.call.exit import Exit
from sbc.call.forks import heard_last
from sbc.call.parts import Incoming, Kind, Leg, Outgoing, Step, StepKind
from sbc.call.usage import ends_call
from sbc.dialog import AnswerUnacknowledged, DialogState
from sbc.media import NONE_LEFT
from sbc.sip import Request, Response
from sbc.wire import Now

NO_SUITE: Final = "No usable crypto suite"
"""The embedded engine's word for it."""
_UNFIT: Final[frozenset[str]] = frozenset(
    {"Failed to parse SDP", "Incomplete SDP specification", "Error rewriting SDP", "No SDP body in message"}
)
"""What a media engine says of a description it cannot use: the offerer's fault, not the engine's."""
RELAYED: Final[frozenset[str]] = frozenset({"INFO", "OPTIONS", "MESSAGE"})


def begin(call: Call, request: Request, exit_: Exit, now: Now) -> None:
    """The call is admitted and routed (`call.hops`), its A leg and `call.invite_in` are set."""
    setup.begin(call, request, exit_, now)
    _run(call, exit_, now)


def begin_transfer(call: Call, asked: referral.Referral, exit_: Exit, now: Now) -> None:
    """The call that a transfer asks for is admitted and routed; A leg and `call.invite_in` stand in for a caller."""
    transfer.begin(call, asked, exit_, now)
    _run(call, exit_, now)


def begin_replacement(call: Call, place: Leg, request: Request, exit_: Exit, now: Now) -> None:
    """Somebody was admitted who takes a place in another call; its A leg and `call.invite_in` are set."""
    replace.begin(call, place, request, exit_, now)
    _run_join(place.call, exit_, now)


def receive_refer(leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A REFER outside dialogs that names the dialog of this leg."""
    refer.receive_outside(leg, incoming, exit_, now)
    _run_join(leg.call, exit_, now)


def refuse_transfer(asked: referral.Referral, status: int, exit_: Exit, now: Now) -> None:
    """The call that a transfer asks for is not to be placed."""
    end.break_off(asked, None, status, exit_, now)


def receive_request(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A request in one of the call's dialogs, its CSeq order checked; ACK and CANCEL have their own ways in."""
    leg.heard = now.monotonic
    method = incoming.method
    if method == "BYE" and call.subscription is None:
        end.receive_bye(call, leg, incoming, exit_, now)
        return
    request = incoming.request
    assert request is not None
    if call.subscription is not None:
        subscribe.receive_request(call, leg, incoming, exit_, now)
    elif call.is_over or call.is_parted:
        exit_.respond(incoming, 481)
    elif is_unsupported(request) and method in ("INVITE", "UPDATE", "PRACK"):
        exit_.respond(incoming, 415, extra=[("Accept", "application/sdp")])
    elif method == "UPDATE" and call.state is CallState.INVITING and call.modify is None:
        early.receive_update(call, leg, incoming, exit_, now)
        _run(call, exit_, now)
    elif method in ("INVITE", "UPDATE"):
        modify.receive_request(call, leg, incoming, exit_, now)
        _run(call, exit_, now)
    elif method == "PRACK":
        reliable.receive_prack(call, leg, incoming, exit_, now)
        _run(call, exit_, now)
    elif method in RELAYED:
        relay.receive_request(call, leg, incoming, exit_, now)
    elif method == "NOTIFY":
        bridge.receive_notify(call, leg, incoming, exit_)
    elif method == "SUBSCRIBE":
        referral.resubscribed(leg, incoming, exit_)
    elif method == "REFER":
        refer.receive_request(call, leg, incoming, exit_, now)
        _run_join(call, exit_, now)
    else:
        exit_.respond(incoming, 405)


def receive_ack(call: Call, leg: Leg, ack: Request, exit_: Exit, now: Now) -> None:
    """An ACK to one of our 2xx, the first one's or a re-INVITE's."""
    answer = leg.answer
    if answer is None or answer.cseq != ack.cseq.number:
        return
    leg.answer = None
    leg.heard = now.monotonic
    if leg.bye_wanted:
        end.say_bye(leg, exit_)
    elif call.modify is not None:
        modify.receive_ack(call, leg, ack, exit_, now)
        _run(call, exit_, now)
    elif call.join is not None and call.join.new is leg and call.join.awaits_ack:
        join.receive_ack(call.join, ack, exit_, now)
        _run_join(call, exit_, now)
    elif not call.is_over:
        setup.receive_ack(call, ack, exit_, now)
        if call.join is not None:
            join.look_again(call.join, exit_, now)
        _run(call, exit_, now)


def receive_cancel(call: Call, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A CANCEL that names `incoming`, already answered with 200."""
    if incoming is call.invite_in:
        end.receive_cancel(call, incoming, exit_, now)
    else:
        modify.receive_cancel(call, incoming, exit_)


def receive_response(out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to a request of ours."""
    leg = out.leg
    call = leg.call
    leg.heard = now.monotonic
    kind = out.kind
    if kind is Kind.INVITE:
        setup.receive_response(call, out, response, exit_, now)
        _run(call, exit_, now)
    elif kind is Kind.MODIFY:
        modify.receive_response(call, out, response, exit_, now)
        _run(call, exit_, now)
    elif kind is Kind.RELAY:
        if call.state is CallState.OUTSIDE and out not in call.relays:
            return  # too late: another next hop was asked since, or the asker has its answer
        if response.status < 200 and call.state is CallState.OUTSIDE:
            call.patience = 0.0
        if response.status < 300 or not outside.moves_on(call, out, response.status, response, exit_, now):
            relay.receive_response(call, out, response, exit_, now)
    elif kind is Kind.EVENT:
        if out.dialog is None:
            call.patience = 0.0
        subscribe.receive_response(call, out, response, exit_, now)
    elif kind is Kind.REFRESH:
        session.receive_response(call, out, response, exit_, now)
    elif kind is Kind.JOIN:
        join.receive_response(out, response, exit_, now)
        _run_join(call, exit_, now)
    elif kind is Kind.NOTIFY:
        if response.status >= 200:
            referral.notified(out, response.status, exit_)
    elif kind is Kind.PRACK:
        if response.status >= 200:
            out.done = True
            reliable.receive_response(call, response, exit_, now)
    elif response.status >= 200:
        out.done = True
        if kind is Kind.BYE:
            _forget(out, exit_)
        elif kind is Kind.RESTORE:
            if restore.receive_response(call, out, response, exit_, now):
                end.lose(call, leg, exit_, now)
        elif response.status in (408, 481) and not call.is_over:
            end.lose(call, leg, exit_, now)


def resume(call: Call, exit_: Exit, now: Now) -> None:
    """The name of the next target is located, or is known to lead nowhere."""
    request = call.invite_in.request if call.invite_in is not None else None
    if call.state is CallState.OUTSIDE and request is not None and request.method == "SUBSCRIBE":
        if not subscribe.begin(call, request, exit_, now):
            exit_.ended(call)
    elif call.state is CallState.OUTSIDE:
        outside.send_next(call, exit_, now)
    elif not call.is_over:
        setup.invite_next(call, exit_, now)
        _run(call, exit_, now)


def displace(call: Call, exit_: Exit, now: Now) -> bool:
    """The call's media engine may be lost: take it to another one. False: not now, ask again."""
    is_done = reanchor.reanchor(call, exit_, now)
    _run_join(call, exit_, now)
    return is_done


def give_up(out: Outgoing, exit_: Exit, now: Now) -> None:
    """The target of an INVITE is known to be down by now: its call goes on to the next one."""
    setup.give_up(out, exit_, now)
    _run(out.leg.call, exit_, now)


def receive_timeout(out: Outgoing, exit_: Exit, now: Now, status: int = 408) -> None:
    """Timer B or F: as if 408 had come (RFC 3261 section 8.1.3.1); also where a request could not be sent at all.

    Another `status` is our own reason not to send it: the target has nothing to do with it.
    """
    leg = out.leg
    call = leg.call
    kind = out.kind
    if kind is Kind.EVENT:
        subscribe.receive_timeout(call, out, status, exit_, now)
        return
    if kind is Kind.JOIN:
        join.fail(out, status, None, exit_, now)
        _run_join(call, exit_, now)
        return
    out.done = True
    if kind is Kind.INVITE:
        if out.hop is not None and status == 408 and not out.cancel_wanted:
            exit_.health(out.hop, False)
        setup.fail(call, out, status, None, exit_, now)
    elif kind is Kind.MODIFY:
        modify.fail(call, out, 408, None, exit_, now)
    elif kind is Kind.RELAY:
        if outside.moves_on(call, out, status, None, exit_, now):
            return
        relay.settle(call, out, status, None, exit_)
        if not call.is_over and ends_call(out.method, 408):
            end.lose(call, leg, exit_, now)
    elif kind is Kind.BYE:
        _forget(out, exit_)
    elif kind is Kind.NOTIFY:
        referral.notified(out, status, exit_)
    elif kind is Kind.PRACK:
        reliable.receive_response(call, None, exit_, now)
    elif not call.is_over:
        end.lose(call, leg, exit_, now)


def receive_media(call: Call, reply: rtpengine.Reply | None, exit_: Exit, now: Now) -> None:
    """The media engine's reply to `call.step`; None where it said nothing in time."""
    step = call.step
    if step is None:
        return
    if call.delete_wanted or call.is_over:
        call.step = None
        if call.join is not None and call.join.call is call:
            join.settle_media(call, exit_)
        end.release_media(call, exit_)
        return
    media = call.media
    assert media is not None
    raw = b""
    if reply is not None:
        try:
            raw = media.reply(reply)
        except rtpengine.Refused as refusal:
            if reply.error_reason == NO_SUITE:
                call.objection = "SRTP without a usable key"
            elif refusal.reason == NONE_LEFT:
                call.objection = NONE_LEFT
            elif step.kind is StepKind.OFFER and not refusal.is_limit and reply.error_reason in _UNFIT:
                call.objection = "offer cannot be anchored"
    else:
        media.lose_reply()
    if raw:
        call.ready = raw
    elif reply is None and step.kind is StepKind.ANSWER and reanchor.repeat_answer(call, step, exit_, now):
        pass  # with another engine
    elif not call.objection:
        call.step = None
        _media_failed(call, step, exit_, now)
    _run(call, exit_, now)


def _run(call: Call, exit_: Exit, now: Now) -> None:
    """Take up the SDP that is ready, then the responses that came meanwhile, until something must be waited for."""
    while True:
        if call.is_over:
            call.ready = b""
            return
        if call.objection:
            step, reason = call.step, call.objection
            call.step, call.objection = None, ""
            if step is not None:
                _media_failed(call, step, exit_, now, reason, 488)
        elif call.ready:
            step, raw = call.step, call.ready
            call.step, call.ready = None, b""
            if step is not None:
                _advance(call, step, raw, exit_, now)
        elif call.backlog and not call.is_waiting:
            out, response = call.backlog.pop(0)
            setup.resume(call, out, response, exit_, now)
        else:
            return


def _run_join(call: Call, exit_: Exit, now: Now) -> None:
    """The same for the call in which two legs are being joined, which need not be the one that has just heard."""
    owner = call.join.call if call.join is not None else call
    _run(owner, exit_, now)
    exit_.arm(owner)


def _advance(call: Call, step: Step, raw: bytes, exit_: Exit, now: Now) -> None:
    """The SDP for `step` is there: send the message that carries it."""
    kind = step.kind
    if kind is StepKind.OFFER:
        call.offer = raw
        setup.invite_next(call, exit_, now)
    elif kind is StepKind.PROVISIONAL:
        assert step.response is not None and step.fork is not None
        step.fork.raw = raw
        heard_last(call, step.fork)
        setup.show_provisional(call, step.response, step.fork, raw, exit_, now)
    elif kind is StepKind.EARLY_OFFER:
        assert step.response is not None and step.fork is not None
        step.fork.raw = raw
        setup.show_provisional(call, step.response, step.fork, raw, exit_, now, is_offer=True)
    elif kind is StepKind.EARLY_UPDATE:
        assert step.fork is not None
        early.show_update(call, step.fork, raw, exit_)
    elif kind is StepKind.REOFFER:
        assert step.response is not None and step.fork is not None and call.attempt is not None
        if call.join is not None and call.join.incoming is not None:
            call.offer = raw
            replace.answer_with(call.join, step.fork, exit_)
        else:
            setup.answer_caller(call, call.attempt, step.response, step.fork, exit_, now)
    elif kind is StepKind.PRACK:
        assert step.fork is not None
        reliable.answer_offer(call, step.fork, shown_sdp(call.b, raw) if call.b is not None else b"", exit_, now)
    elif kind is StepKind.ANSWER:
        assert step.response is not None and step.fork is not None
        if call.join is not None and call.join.incoming is not None:
            replace.answer_caller(call.join, step, raw, exit_, now)
        else:
            setup.show_answer(call, step.response, step.fork, raw, exit_, now)
    elif kind in (StepKind.SETTLE_OFFER, StepKind.SETTLE_OFFER_B, StepKind.SETTLE_ANSWER):
        insert.advance(call, step, exit_)
    elif kind is StepKind.ACK:
        setup.show_late_answer(call, raw, exit_, now)
    elif kind is StepKind.REPEATED_OFFER:
        call.offer = raw
    elif kind in (StepKind.JOIN_OFFER, StepKind.JOIN_ANSWER):
        join.advance(call, step, raw, exit_, now)
    elif kind is not StepKind.NOTHING:
        modify.advance(call, step, raw, exit_, now)


def _media_failed(
    call: Call, step: Step, exit_: Exit, now: Now, reason: str = "media engine refused or silent", status: int = 503
) -> None:
    if step.kind in (StepKind.MODIFY_OFFER, StepKind.MODIFY_ANSWER, StepKind.MODIFY_ACK, StepKind.EARLY_UPDATE):
        modify.media_failed(call, exit_, now)
    elif _is_pick_up(call, step):
        if call.join is not None:
            replace.fail(call.join, status, exit_, now)
    elif step.kind in (StepKind.JOIN_OFFER, StepKind.JOIN_ANSWER):
        join.media_failed(call, status, exit_, now)
    elif step.kind is StepKind.PROVISIONAL:
        # Early media cannot be had; ringing can.
        assert step.response is not None and step.fork is not None
        step.fork.sdp = b""
        setup.show_provisional(call, step.response, step.fork, b"", exit_, now)
    else:
        is_gone = call.media is not None and call.media.is_gone
        end.hang_up(call, exit_, now, end.ENGINE_LOST if is_gone else reason, status=status)


def _is_pick_up(call: Call, step: Step) -> bool:
    """True where a ringing call's caller was to be answered by who picks up, or would have been."""
    join = call.join
    return step.kind is StepKind.NOTHING or (
        step.kind in (StepKind.ANSWER, StepKind.REOFFER) and join is not None and join.incoming is not None
    )


def handle_timer(call: Call, exit_: Exit, now: Now) -> None:
    """Whatever of `call.next_timer` is due."""
    time = now.monotonic
    for leg in (call.a, call.b):
        if leg is not None and leg.answer is not None:
            _repeat_answer(call, leg, exit_, now)
        if leg is not None and leg.timer is not None and leg.timer.next_timer <= time:
            session.handle_timer(call, leg, exit_, now)
    if call.unacknowledged is not None:
        reliable.handle_timer(call, exit_, now)
    if call.join is not None and call.join.call is call:
        join.handle_timer(call.join, exit_, now)
        _run(call, exit_, now)
    if call.restoring:
        restore.handle_timer(call, exit_, now)
    if call.modify is not None and call.modify.deadline and call.modify.deadline <= time:
        modify.expire(call, exit_, now)
        _run(call, exit_, now)
    if call.patience and call.patience <= time:
        if call.state is CallState.OUTSIDE:
            if not outside.stays_patient(call, exit_, now):
                for out in list(call.relays):
                    moves_on = subscribe.moves_on if out.kind is Kind.EVENT else outside.moves_on
                    moves_on(call, out, 408, None, exit_, now)
        else:
            setup.lose_patience(call, exit_, now)
            _run(call, exit_, now)
    for out in list(call.relays):
        if out.deadline <= time:
            relay.settle(call, out, 504, None, exit_)
    if call.step is not None and not call.ready and call.step_deadline <= time:
        receive_media(call, None, exit_, now)
    if call.subscription is not None:
        subscribe.handle_timer(call, exit_, now)
    if call.is_over:
        return
    if call.deadline <= time:
        if call.state is CallState.TALKING or call.state is CallState.ANSWERED:
            end.hang_up(call, exit_, now, "transferred" if call.is_parted else "longest call")
        else:
            end.hang_up(call, exit_, now, "longest ringing", status=408)
        return
    liveness = call.config.timers.liveness
    if call.state is CallState.TALKING and liveness:
        for leg in (call.a, call.b):
            if leg is not None and leg.heard + liveness <= time and leg.dialog is not None:
                leg.heard = time
                if leg.dialog.state is not DialogState.TERMINATED:
                    exit_.request(Outgoing(Kind.LIVENESS, leg, "OPTIONS", leg.dialog))


def _repeat_answer(call: Call, leg: Leg, exit_: Exit, now: Now) -> None:
    answer = leg.answer
    assert answer is not None
    if answer.next_timer is None or answer.next_timer > now.monotonic:
        return
    for output in answer.handle_timer(now.monotonic):
        if isinstance(output, AnswerUnacknowledged):
            # RFC 3261 section 13.3.1.4: no ACK in 64*T1, so BYE.
            leg.answer = None
            if leg.bye_wanted:
                end.say_bye(leg, exit_)
            elif not call.is_over:
                end.hang_up(call, exit_, now, "no ACK")
        else:
            exit_.transmit(output)


def _forget(out: Outgoing, exit_: Exit) -> None:
    if out.dialog is not None:
        out.dialog.state = DialogState.TERMINATED
        exit_.forget(out.dialog)
