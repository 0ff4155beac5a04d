"""re-INVITE and UPDATE inside an established call: relayed with glare, and a failed one leaves the call as it was.

RFC 3261 section 14, RFC 3311, RFC 6141. One exchange at a time in both directions together: whoever comes second
gets 491.
"""

from __future__ import annotations

from typing import Final

from sbc.call import insert, session
from sbc.call.body import SDP_TYPE, is_unchanged, session_of, shown_sdp
from sbc.call.call import Call, CallState
from sbc.call.end import ENGINE_LOST, abort_attempt, hang_up, has_left, lose
from sbc.call.exchange import ask, take_provisional
from sbc.call.exit import Exit
from sbc.call.parts import NO_FIELDS, Fork, Incoming, Kind, Leg, Outgoing, Step, StepKind
from sbc.call.restore import restore
from sbc.call.security import media_session
from sbc.call.usage import ends_call
from sbc.dialog import Answer, DialogState
from sbc.media import Side
from sbc.sip import Fields, Request, Response
from sbc.wire import Now

ANSWER_SECONDS: Final = 28.0
"""RFC 4320: whoever sent an UPDATE or PRACK listens for 32 s; RFC 3311 section 5.2 has 504 for what takes longer."""
TRYING_AFTER: Final = 0.2
"""Seconds in which an answer needs no 100 before it (RFC 3261 section 17.2.1)."""
_RETRY_SOON: Final = [("Retry-After", "3")]


class Modify:
    """One re-INVITE or UPDATE on its way: from whom, whether it carried the offer, and our copy on the other leg."""

    __slots__ = (
        "answer",
        "deadline",
        "fork",
        "former",
        "incoming",
        "is_late",
        "is_made",
        "leg",
        "offer",
        "out",
        "until",
        "withdrawn",
    )

    def __init__(
        self, incoming: Incoming, leg: Leg, offer: bytes, fork: Fork | None = None, deadline: float = 0.0
    ) -> None:
        self.incoming: Final = incoming
        self.leg: Final = leg
        self.fork: Final = fork
        """The early dialogs it is about, None in a call that is up."""
        self.deadline = deadline
        """When the asker must be told, 0 for one who can wait."""
        self.until = 0.0
        """The same, while `deadline` is that of its 100."""
        self.is_late: Final = not offer
        self.is_made = False
        """Its offer is late, and the other side has one of ours meanwhile (`insert`)."""
        self.offer = offer
        """What the asker's side said, in its request or its ACK."""
        self.answer = b""
        """What the other side said."""
        self.former: Final = (leg.shown, leg.other.shown if leg.other is not None else b"")
        """What we had shown to both before, for a refusal that leaves all as it was."""
        self.out: Outgoing | None = None
        self.withdrawn = False


def receive_request(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A re-INVITE or UPDATE from the peer of `leg`."""
    request = incoming.request
    other = leg.other
    assert request is not None
    is_early = call.invite_in is not None and call.invite_in.is_open and leg is call.a and not call.late_offer
    if (call.modify is not None and call.modify.leg is leg) or is_early:
        # RFC 3261 section 14.2, RFC 3311 section 5.2: a second one before the first was answered.
        exit_.respond(incoming, 500, extra=_RETRY_SOON)
        return
    sdp = session_of(request)
    is_bare = request.method == "UPDATE" and not sdp
    is_up = call.state is CallState.TALKING or (is_bare and call.state is CallState.ANSWERED)
    if not is_up or (call.is_busy and not is_bare):
        exit_.respond(incoming, 491)
        return
    if other is None or other.dialog is None or leg.dialog is None:
        exit_.respond(incoming, 481)
        return
    if other.dialog.state is DialogState.TERMINATED and not is_bare:
        exit_.respond(incoming, 491)  # who asked for a transfer has left; this peer waits for what becomes of it
        return
    leg.note(request)
    too_small = session.refusal(leg, request)
    if too_small:
        exit_.respond(incoming, 422, extra=too_small)
        return
    if is_bare or (sdp and leg.shown and is_unchanged(leg.said, sdp)):
        _answer_refresh(call, leg, incoming, request, exit_, now)
        return
    patience = call.config.timers.ringing if request.method == "INVITE" else ANSWER_SECONDS
    deadline = now.monotonic + patience
    call.modify = modify = Modify(incoming, leg, sdp, None, deadline)
    if request.method == "INVITE":
        _say_trying(modify, exit_, now)
    if modify.is_late:
        sdp = insert.offer_again(call, leg, other)
        modify.is_made = bool(sdp)
    if not sdp:
        _ask_other(call, b"", exit_, now)
        return
    if call.media is None:
        call.media = media_session(call)
    ask(call, call.media.offer(leg.side, sdp), Step(StepKind.MODIFY_OFFER), exit_)


def _say_trying(modify: Modify, exit_: Exit, now: Now) -> None:
    """At once only where nothing is lost between us: a peer that has heard nothing asks again, and where this process
    has died meanwhile it asks the next one. Most answers are there before the 100 is due, which is then spared.
    """
    if modify.incoming.reply_flow.is_reliable:
        exit_.respond(modify.incoming, 100)
    else:
        modify.until, modify.deadline = modify.deadline, now.monotonic + TRYING_AFTER


def _answer_refresh(call: Call, leg: Leg, incoming: Incoming, request: Request, exit_: Exit, now: Now) -> None:
    """A refresh of target or session concerns this leg alone (RFC 4028 section 7.4): the last SDP answers it."""
    body = leg.shown if session_of(request) else b""
    extra = session.granted(leg, request, now)
    if leg.dialog is not None:
        leg.dialog.refresh_target(request)
    _accept(call, leg, incoming, None, body, extra, exit_, now)


def _accept(
    call: Call,
    leg: Leg,
    incoming: Incoming,
    response: Response | None,
    body: bytes,
    extra: Fields,
    exit_: Exit,
    now: Now,
) -> None:
    wire = exit_.respond(incoming, 200, response, body, SDP_TYPE if body else "", extra)
    if not wire:
        hang_up(call, exit_, now, "egress audit")
        return
    request = incoming.request
    assert request is not None
    incoming.request = None
    if incoming.method == "INVITE":
        timers = call.config.timers
        leg.answer = Answer(wire, incoming.reply_flow, request.cseq.number, timers.t1, timers.t2, now.monotonic)


def advance(call: Call, step: Step, raw: bytes, exit_: Exit, now: Now) -> None:
    """The media engine's SDP for this exchange is there."""
    modify = call.modify
    if modify is None:
        return
    if step.kind is StepKind.MODIFY_OFFER:
        _ask_other(call, raw, exit_, now)
    elif step.kind is StepKind.MODIFY_ANSWER:
        assert step.response is not None
        _show_answer(call, modify, step.response, raw, exit_, now)
    else:
        _acknowledge_late(call, modify, raw, exit_, now)


def _ask_other(call: Call, raw: bytes, exit_: Exit, now: Now) -> None:
    modify = call.modify
    assert modify is not None
    other = modify.leg.other
    assert other is not None and other.dialog is not None
    body = shown_sdp(other, raw) if raw else b""
    if raw and not body:
        refuse(call, 488, None, exit_)
        return
    if modify.withdrawn:
        refuse(call, 487, None, exit_)
        return
    if has_left(call, other):
        refuse(call, 491, None, exit_)
        return
    method = modify.incoming.method
    if method != "INVITE":
        # RFC 3311 is an extension: a peer that lacks it is asked by re-INVITE, once it can be.
        method = "UPDATE" if other.allows_update or modify.fork is not None else "INVITE"
    _send(call, modify, method, body, exit_)


def _send(
    call: Call, modify: Modify, method: str, body: bytes, exit_: Exit, tries: tuple[int, bool] = (0, False)
) -> None:
    """Ask the other side; `tries`: how often it challenged us before, and whether it wanted another interval."""
    other, fork = modify.leg.other, modify.fork
    assert other is not None
    dialog = other.dialog
    if fork is not None:
        dialog = fork.dialog if other.side is Side.B else fork.a_dialog
    out = Outgoing(Kind.MODIFY, other, method, dialog)
    out.incoming = modify.incoming
    out.challenged, out.is_retry = tries
    out.fields = session.asked(other) if fork is None else NO_FIELDS
    modify.out = out
    if not exit_.request(out, modify.incoming.request, body, SDP_TYPE if body else ""):
        modify.out = None
        refuse(call, 500, None, exit_)


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to our copy of the re-INVITE or UPDATE."""
    status = response.status
    if status < 200:
        take_provisional(out, exit_)
        return
    if status < 300:
        _receive_answer(call, out, response, exit_, now)
        return
    fail(call, out, status, response, exit_, now)


def _receive_answer(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    leg, dialog, modify = out.leg, out.dialog, call.modify
    assert dialog is not None
    tag = response.to_tag
    if tag in out.acks:
        exit_.repeat_ack(out, tag)
        return
    if out.done and out.method != "INVITE":
        return
    first = not out.done
    out.done = True
    if not first:
        return
    dialog.refresh_target(response)
    leg.note(response)
    if call.state is CallState.TALKING:
        session.learn(leg, response, now)
    current = modify is not None and modify.out is out
    asks_back = modify is not None and modify.is_late and not modify.is_made
    if out.method == "INVITE" and (not current or not asks_back or (modify is not None and modify.withdrawn)):
        exit_.acknowledge(out, dialog)
    if modify is None or not current:
        return
    if modify.withdrawn:
        # The 2xx crossed our CANCEL: the peer has changed, the one who asked has not.
        call.modify = None
        roll_back(call, exit_)
        restore(leg, modify.former[1], exit_)
        return
    sdp = session_of(response)
    if not sdp:
        if asks_back:
            exit_.acknowledge(out, dialog)
        refuse(call, 488, None, exit_)
        return
    modify.answer = sdp
    if call.media is None:
        call.media = media_session(call)
    ready = call.media.offer(leg.side, sdp) if asks_back else call.media.answer(leg.side, sdp)
    ask(call, ready, Step(StepKind.MODIFY_ANSWER, response), exit_)


def _show_answer(call: Call, modify: Modify, response: Response, raw: bytes, exit_: Exit, now: Now) -> None:
    leg, incoming = modify.leg, modify.incoming
    body = shown_sdp(leg, raw)
    if not body and modify.is_late and not modify.is_made:
        hang_up(call, exit_, now, "offer not acceptable")  # it was made in a 2xx: nobody can refuse it any more
        return
    if not body:
        refuse(call, 488, None, exit_)
        return
    assert incoming.request is not None
    fork = modify.fork
    if fork is None:
        assert leg.dialog is not None
        dialog, extra = leg.dialog, session.granted(leg, incoming.request, now)
    else:
        dialog, extra = fork.a_dialog if leg.side is Side.A else fork.dialog, NO_FIELDS
    dialog.refresh_target(incoming.request)
    _accept(call, leg, incoming, response, body, extra, exit_, now)
    if call.is_over:
        return
    if not modify.is_late:
        call.modify = None
        _agree(modify)


def _agree(modify: Modify) -> None:
    modify.leg.said = modify.offer
    if modify.out is not None:
        modify.out.leg.said = modify.answer
    if modify.fork is not None:
        modify.fork.sdp = modify.fork.answer = modify.offer if modify.leg.side is Side.B else modify.answer


def receive_ack(call: Call, leg: Leg, ack: Request, exit_: Exit, now: Now) -> None:
    """The ACK to the 2xx of a re-INVITE; it carries the answer where our 2xx carried the offer."""
    modify = call.modify
    if modify is None or modify.leg is not leg or not modify.is_late:
        return
    if modify.is_made and modify.out is not None:
        call.modify = None
        modify.out.leg.said = modify.answer
        insert.settle(call, leg, ack, exit_, now)
        return
    sdp = session_of(ack)
    if not sdp or call.media is None:
        hang_up(call, exit_, now, "no answer in the ACK")
        return
    modify.offer = sdp
    ask(call, call.media.answer(leg.side, sdp), Step(StepKind.MODIFY_ACK), exit_)


def _acknowledge_late(call: Call, modify: Modify, raw: bytes, exit_: Exit, now: Now) -> None:
    out = modify.out
    assert out is not None and out.dialog is not None
    call.modify = None
    body = shown_sdp(out.leg, raw)
    if not body:
        hang_up(call, exit_, now, "answer not acceptable")
        return
    exit_.acknowledge(out, out.dialog, body)
    _agree(modify)


def receive_cancel(call: Call, incoming: Incoming, exit_: Exit) -> None:
    """The peer takes its re-INVITE back."""
    modify = call.modify
    if modify is None or modify.incoming is not incoming or not incoming.is_open:
        return
    exit_.respond(incoming, 487)
    modify.withdrawn = True
    if modify.out is not None:
        abort_attempt(modify.out, exit_)


def fail(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit, now: Now) -> None:
    """The other side refused or did not answer: the call goes on as it was, unless its dialog is gone there."""
    out.done = True
    modify = call.modify
    if modify is None or modify.out is not out:
        return
    if has_left(call, out.leg):
        refuse(call, 491, None, exit_)  # 481, which that peer says, would end the call of the one who asks
        return
    is_challenge = response is not None and not modify.withdrawn and exit_.answers_challenge(out, response)
    if is_challenge or (session.may_retry(out, response) and not modify.withdrawn):
        body = b"" if modify.is_late and not modify.is_made else out.leg.shown
        tries = (out.challenged + is_challenge, out.is_retry or not is_challenge)
        _send(call, modify, out.method, body, exit_, tries)
        return
    if status in (405, 501) and out.method == "UPDATE" and modify.fork is None:
        out.leg.allows_update = False
        _send(call, modify, "INVITE", out.leg.shown, exit_)
        return
    refuse(call, status, response, exit_)
    if modify.fork is None and ends_call(out.method, status):
        # RFC 3261 section 12.2.1.2 and RFC 5057 section 5.1: the dialog is lost.
        lose(call, out.leg, exit_, now)


def expire(call: Call, exit_: Exit, now: Now) -> None:
    """The other side thinks about it for longer than 200 ms: 100. For too long: 504, and a re-INVITE that we sent is
    taken back.
    """
    modify = call.modify
    if modify is None:
        return
    if modify.until:
        modify.deadline, modify.until = modify.until, 0.0
        exit_.respond(modify.incoming, 100)
        return
    modify.deadline = 0.0
    if call.step is not None:
        modify.deadline = now.monotonic + 1.0  # the media engine's own limit ends that
    elif modify.out is not None and modify.out.method == "INVITE":
        exit_.respond(modify.incoming, 504)
        modify.withdrawn = True
        abort_attempt(modify.out, exit_)
    else:
        refuse(call, 504, None, exit_)


def media_failed(call: Call, exit_: Exit, now: Now) -> None:
    """The media engine refused the new session."""
    modify = call.modify
    if modify is None:
        return
    is_gone = call.media is not None and call.media.is_gone
    if is_gone and not modify.is_late:
        refuse(call, 500, None, exit_)  # the peers are told of another engine next, whatever they believe now
    elif modify.out is None:
        refuse(call, 488, None, exit_)
    else:
        hang_up(call, exit_, now, ENGINE_LOST if is_gone else "media engine refused or silent")


def refuse(call: Call, status: int, response: Response | None, exit_: Exit) -> None:
    """End the exchange with a refusal to the asker; both legs and the media engine are as they were."""
    modify = call.modify
    assert modify is not None
    call.modify = None
    if modify.incoming.is_open:
        shown = status if status >= 400 and status not in (401, 407, 422) else 488
        extra = exit_.returned(modify.out, response) if modify.out is not None and status in (401, 407) else NO_FIELDS
        if extra:
            shown = status
        if status == 408 and modify.incoming.method != "INVITE":
            shown = 504  # RFC 4320: never 408 to a non-INVITE
        exit_.respond(modify.incoming, shown, response, extra=extra)
    modify.incoming.request = None
    roll_back(call, exit_)
    modify.leg.shown, former = modify.former
    if modify.out is None:
        if modify.leg.other is not None:
            modify.leg.other.shown = former
    elif modify.out.done and status == 488 and response is None and modify.fork is None:
        restore(modify.out.leg, former, exit_)
    else:
        modify.out.leg.shown = former


def roll_back(call: Call, exit_: Exit) -> None:
    """Put the media engine back to the last session both sides agreed on."""
    if call.media is None or call.step is not None or call.media.is_gone:
        return
    for command in call.media.rollback():
        exit_.media(call, command)
