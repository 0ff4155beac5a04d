"""A call whose media engine is gone goes on with another one (RFC 3261 section 14: re-INVITE on both legs).

| the call | done |
| --- | --- |
| is over, or has another session by now | nothing |
| rings, the engine had the caller's offer and answers to it | another engine gets the offer; again later |
| is not up yet otherwise | the caller gets 503, the callee CANCEL |
| was just answered, and the engine says nothing to the answer | another engine gets both; again once it is up |
| is being transferred, or its caller owes the ACK | again later |
| is up | `join` offers each peer what the other one last said, with the new engine's address, holds as they are |

A call in a re-INVITE of its own waits for the end of that. A peer that refuses ends the call with the cause
`media engine lost, caller said 488`.
"""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call, CallState
from sbc.call.end import ENGINE_LOST, hang_up
from sbc.call.exchange import ask
from sbc.call.exit import Exit
from sbc.call.join import begin as begin_join
from sbc.call.join import joint_media
from sbc.call.joint import Join, discard
from sbc.call.parts import Step, StepKind
from sbc.media import MediaSession, Side
from sbc.wire import Now

_UP: Final = (CallState.TALKING, CallState.ANSWERED)


def reanchor(call: Call, exit_: Exit, now: Now) -> bool:
    """Take the call to another engine, if it has lost its own; False where it has to be asked about again later."""
    media = call.media
    if call.is_over or media is None or not media.lost_at:
        return True
    if call.state in _UP:
        return _move(call, exit_, now)
    if not media.is_gone:
        return False  # it rings, with a new engine already
    if call.step is not None or call.modify is not None or call.unacknowledged is not None:
        return False
    if call.state is CallState.INVITING and not call.late_offer and call.early_fork is None and call.behalf is None:
        _repeat_offer(call, media, exit_, Step(StepKind.REPEATED_OFFER))
        return False
    hang_up(call, exit_, now, ENGINE_LOST, status=503)
    return True


def _move(call: Call, exit_: Exit, now: Now) -> bool:
    a, b = call.caller_leg, call.b
    if call.is_parted:
        return True  # whoever is left waits for its BYE
    if call.join is not None or call.referral is not None or call.behalf is not None or a.answer is not None:
        return False
    if b is None or a.dialog is None or b.dialog is None:
        hang_up(call, exit_, now, ENGINE_LOST)
        return True
    begin_join(Join(call, a, a, joint_media(call, a, a)), exit_, now)
    return True


def repeat_answer(call: Call, step: Step, exit_: Exit, now: Now) -> bool:
    """The engine said nothing to the callee's answer: offer and answer go to another one, if there is one.

    Once the call is up it moves like one whose engine was lost, since the callee talks to the silent one. False: this
    call has to end.
    """
    media, fork = call.media, step.fork
    if media is None or fork is None or (media.lost_at and not media.is_gone) or call.state is not CallState.ANSWERING:
        return False
    if call.late_offer or fork is call.late_fork or call.early_fork is not None or call.behalf is not None:
        return False
    if not exit_.displaced(call):
        return False
    media.lost_at = media.lost_at or now.monotonic
    _repeat_offer(call, media, exit_, Step(StepKind.REOFFER, step.response, fork))
    return True


def _repeat_offer(call: Call, former: MediaSession, exit_: Exit, step: Step) -> None:
    """Another engine has the caller's offer from now on; who rings already is told of it once it has answered."""
    mint, sdp = call.mint, call.inserted or call.caller_leg.said
    fresh = MediaSession(call.mode, mint.session(), (mint.tag(), mint.tag()), former.interfaces, former.terms)
    fresh.succeed(former, (sdp, b""))
    fresh.lost_at, fresh.tried = former.lost_at, (former.engine,)
    discard(call, former, exit_)
    call.media = fresh
    if call.attempt is not None:
        for fork in call.attempt.forks.values():
            fork.raw = b""
    ask(call, fresh.offer(Side.A, sdp), step, exit_)
