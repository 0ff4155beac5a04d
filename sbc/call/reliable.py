"""Reliable provisional responses (RFC 3262), on each leg by itself: RSeq and RAck never cross.

Toward the callee we are the UAC: a reliable 18x is PRACKed at once, unless it holds an offer, which the caller answers
first. Toward a caller who knows 100rel we are the UAS: a 18x with a session description goes reliably, one at a time;
what comes behind it waits in `call.backlog` until the PRACK, the 2xx too (section 3).

Not for: what stands in the responses; `setup` says that.
"""

from __future__ import annotations

from sbc.call import early
from sbc.call.abilities import allow_of
from sbc.call.body import SDP_TYPE, dressed, session_of
from sbc.call.call import Call, CallState
from sbc.call.end import hang_up
from sbc.call.exchange import ask
from sbc.call.exit import Exit
from sbc.call.forks import fork_of, is_late, is_shown_as_one
from sbc.call.parts import Fork, Incoming, Kind, Leg, Outgoing, Reliability, Step, StepKind, Unacknowledged
from sbc.media import Side
from sbc.outputs import Transmit
from sbc.sip import Fields, Request, Response
from sbc.wire import Now


def reliability_of(leg: Leg, request: Request) -> Reliability:
    """What a caller wants of our provisional responses, less what its profile leaves out."""
    if request.get("Require") is not None and "100rel" in request.tokens("Require"):
        return Reliability.REQUIRED
    if leg.profile.reliable == "off":
        return Reliability.NONE
    if request.get("Supported") is not None and "100rel" in request.tokens("Supported"):
        return Reliability.SUPPORTED
    return Reliability.NONE


# Toward the callee


def admit(call: Call, out: Outgoing, response: Response, exit_: Exit) -> bool:
    """Whether a provisional response with an RSeq is to be acted on; sends the PRACK where that need not wait.

    Section 4: copies, and those that left a gap, are discarded; the callee repeats what has no PRACK.
    """
    rseq = response.rseq
    if rseq is None or "100rel" not in response.tokens("Require"):
        return True
    fork = fork_of(call, out, response, exit_)
    if fork is None or not response.to_tag or (fork.rseq and rseq != fork.rseq + 1):
        return False
    sdp = session_of(response)
    if sdp and is_late(call, fork):
        # An offer: the caller answers it in its PRACK, which one that lacks 100rel, or is asked already, cannot.
        if call.caller_leg.reliability is Reliability.NONE or (call.late_fork or fork) is not fork:
            return False
        call.late_fork = fork
        fork.rseq = rseq
        return True
    fork.rseq = rseq
    _prack(out, fork, exit_)
    if not call.late_offer and not fork.answer:
        fork.answer = sdp  # what an unreliable response said before was a preview
    return True


def _prack(out: Outgoing, fork: Fork, exit_: Exit, body: bytes = b"") -> bool:
    prack = Outgoing(Kind.PRACK, out.leg, "PRACK", fork.dialog)
    prack.fields = [("RAck", f"{fork.rseq} {out.cseq} INVITE")]
    fork.prack = prack
    return exit_.request(prack, None, body, SDP_TYPE if body else "")


def answer_offer(call: Call, fork: Fork, body: bytes, exit_: Exit, now: Now) -> None:
    """The caller's answer to the callee's offer: in the PRACK that the callee still waits for (section 5)."""
    out = call.attempt
    if not body or out is None or not _prack(out, fork, exit_, body):
        hang_up(call, exit_, now, "answer not acceptable")
        return
    fork.answer, fork.is_shown = fork.sdp, True


def receive_response(call: Call, response: Response | None, exit_: Exit, now: Now) -> None:
    """A response to a PRACK, None for its time-out; the INVITE goes on, but not without its answer."""
    refused = response is None or response.status >= 300
    if refused and call.late_fork is not None and call.state is CallState.INVITING:
        hang_up(call, exit_, now, "answer refused")


# Toward the caller


def send(
    call: Call,
    incoming: Incoming,
    response: Response,
    status: int,
    fork: Fork,
    body: bytes,
    is_offer: bool,
    exit_: Exit,
    now: Now,
) -> None:
    """Send a provisional response reliably (section 3); `call.unacknowledged` repeats it until its PRACK."""
    last = call.rseq if is_shown_as_one(call) else fork.rseq_shown  # RFC 3262 section 3: one count for each To tag
    call.rseq = fork.rseq_shown = last + 1 if last else call.mint.number(30)
    extra: Fields = [("Require", "100rel"), ("RSeq", str(fork.rseq_shown)), ("Allow", allow_of(incoming.leg))]
    whole, kind = dressed(call.caller_leg, response, body)
    wire = exit_.respond(incoming, status, response, whole, kind, extra)
    if wire and incoming.request is not None:
        cseq, t1 = incoming.request.cseq.number, call.config.timers.t1
        call.unacknowledged = Unacknowledged(
            fork, cseq, wire, incoming.reply_flow, bool(body), is_offer, t1, now.monotonic
        )


def handle_timer(call: Call, exit_: Exit, now: Now) -> None:
    """Repeat what has no PRACK yet; after 64*T1 the INVITE is rejected (section 3)."""
    waiting = call.unacknowledged
    if waiting is None or waiting.next_timer > now.monotonic:
        return
    if waiting.end_at <= now.monotonic:
        call.unacknowledged = None
        hang_up(call, exit_, now, "no PRACK", status=504)
        return
    waiting.interval *= 2
    waiting.next_timer = min(now.monotonic + waiting.interval, waiting.end_at)
    exit_.transmit(Transmit(waiting.wire, waiting.flow))


def receive_prack(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """The PRACK to what we wait for; another one gets 481 (section 3). Its SDP answers our offer, or offers anew."""
    request = incoming.request
    waiting = call.unacknowledged
    assert request is not None
    if waiting is None or leg.side is not Side.A or not _names(waiting, request):
        exit_.respond(incoming, 481)
        return
    call.unacknowledged = None
    fork, sdp = waiting.fork, session_of(request)
    if waiting.is_offer:
        exit_.respond(incoming, 200)
        if not sdp or call.media is None:
            hang_up(call, exit_, now, "no answer in the PRACK")
            return
        leg.said = sdp
        ask(call, call.media.answer(Side.A, sdp), Step(StepKind.PRACK, None, fork), exit_)
        return
    if waiting.has_sdp:
        fork.is_shown = True
    if not sdp:
        exit_.respond(incoming, 200)
    elif not call.is_busy and call.media is not None and early.may_relay(leg, fork):
        early.relay(call, leg, incoming, fork, sdp, exit_, now)
    else:
        exit_.respond(incoming, 488)


def _names(waiting: Unacknowledged, request: Request) -> bool:
    rack, dialog = request.rack, waiting.fork.a_dialog
    return (
        rack is not None
        and rack.rseq == waiting.fork.rseq_shown
        and rack.cseq == waiting.cseq
        and rack.method == "INVITE"
        and dialog.local_tag == request.to_tag
    )
