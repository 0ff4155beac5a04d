"""How calls end: CANCEL, BYE from either side, the operator, failures; no ending leaves anything on either leg."""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call, CallState
from sbc.call.exchange import abort_attempt as abort_attempt
from sbc.call.exit import Exit
from sbc.call.joint import Join, undo
from sbc.call.parts import NO_FIELDS, Incoming, Kind, Leg, Outgoing, Step, StepKind
from sbc.call.referral import Referral, tell
from sbc.dialog import DialogState
from sbc.media import HOST_NAME, MULTICAST, NONE_LEFT, Side
from sbc.outputs import CallEnded
from sbc.sip import Fields, Message
from sbc.wire import Now

ENGINE_LOST: Final = "media engine lost"
"""The cause of a call's end where its media engine is gone and no other could take its place."""


def receive_cancel(call: Call, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """The caller gave up (RFC 3261 section 9.2): its INVITE gets 487 at once, whatever the callee is doing."""
    if incoming is not call.invite_in or not incoming.is_open:
        return
    exit_.respond(incoming, 487)
    finish(call, exit_, now, status=487, released_by="caller", cause="cancelled")


def receive_bye(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """BYE is answered locally at once, then the other leg is told (RFC 3261 section 15.1)."""
    request = incoming.request
    exit_.respond(incoming, 200)
    if leg.dialog is not None:
        exit_.forget(leg.dialog)
        leg.dialog.state = DialogState.TERMINATED
    leg.answer = leg.timer = None
    released_by = "caller" if leg.side is Side.A else "callee"
    if call.is_over or _is_leaving(call, leg):
        return
    if call.invite_in is not None and call.invite_in.is_open:
        exit_.respond(call.invite_in, 487)
    cause = "transferred" if call.is_parted else "bye"
    finish(call, exit_, now, status=call.status or 487, released_by=released_by, cause=cause, crossing=request)


def _is_leaving(call: Call, leg: Leg) -> bool:
    """True for whoever has asked for a transfer that is under way: the other peer waits for what becomes of it."""
    referral, join = call.referral, call.join
    return (referral is not None and referral.leg is leg) or (
        join is not None and not join.is_move and not join.is_broken and join.place is leg
    )


_SRTP: Final = ("SRTP", "the answer")


_CODES: Final = {NONE_LEFT: 305, HOST_NAME: 301, MULTICAST: 301}


def warning(leg: Leg, cause: str) -> Fields:
    """What is wrong with a description (RFC 3261 section 20.43): its addresses (301), its transport protocol (302), its
    formats (305), or something else; in words of ours."""
    code = 302 if cause.startswith(_SRTP) else _CODES.get(cause, 399)
    return [("Warning", f'{code} {leg.realm.domain} "{cause}"')]


def finish(
    call: Call,
    exit_: Exit,
    now: Now,
    *,
    status: int,
    released_by: str,
    cause: str,
    crossing: Message | None = None,
) -> None:
    """End the call on both legs and report it; harmless when it has ended already.

    The caller's INVITE must have its final response before, or get it here. `crossing` is the BYE that ended it,
    whose Reason
    may cross.
    """
    if call.is_over:
        return
    if call.invite_in is not None and call.invite_in.is_open:
        extra = warning(call.caller_leg, cause) if status == 488 else NO_FIELDS
        exit_.respond(call.invite_in, status if status >= 300 else 500, extra=extra)
    call.state = CallState.ENDED
    call.status, call.released_by, call.cause = status, released_by, cause
    if call.referral is not None or call.behalf is not None or call.join is not None:
        _abandon_transfer(call, exit_, now)
    _abandon_exchanges(call, exit_)
    for leg in (call.a, call.b):
        if leg is not None:
            _release(call, leg, exit_, crossing)
    release_media(call, exit_)
    call.backlog.clear()
    call.restoring.clear()
    call.unacknowledged = call.late_fork = call.early_fork = None
    exit_.report(
        CallEnded(
            call=call.id,
            start=call.start.wall,
            answer=call.answer_wall,
            end=now.wall,
            ingress=call.caller_leg.realm.name,
            egress=call.b.realm.name if call.b else "",
            trunk=call.b.trunk if call.b else "",
            caller=call.caller,
            callee=call.called,
            status=status,
            released_by=released_by,
            cause=cause,
            rule=call.rule,
        )
    )
    exit_.ended(call)


def release_media(call: Call, exit_: Exit) -> None:
    """Delete the media session, after the reply that is still awaited: a delete must not overtake an offer."""
    if call.media is None:
        return
    if call.step is not None:
        call.delete_wanted = True
        return
    command = call.media.delete(is_measured=call.config.media.quality and not call.media.is_gone)
    call.delete_wanted = False
    if command is not None:
        exit_.media(call, command)  # to the engine that the session is on
    call.media = None


def _abandon_transfer(call: Call, exit_: Exit, now: Now) -> None:
    join = call.join if call.join is not None and not call.join.is_broken else None
    referral = call.referral or call.behalf or (join.referral if join is not None else None)
    status = call.status if call.status >= 300 and call.referral is None else 487
    break_off(referral, join, status, exit_, now, "transfer given up")


def break_off(
    referral: Referral | None, join: Join | None, status: int, exit_: Exit, now: Now, cause: str = "transfer failed"
) -> None:
    """A transfer or a pick-up came to nothing: calls that cannot stand by themselves end, others are as they were."""
    calls: list[Call] = []
    if join is not None:
        calls += [join.call, join.new.call]
        undo(join, exit_)
    if referral is not None:
        original, placed = referral.call, referral.placed
        calls += [original] if placed is None else [original, placed]
        original.referral = None
        if placed is not None:
            placed.behalf = None
        tell(referral, status, exit_, at_once=original.is_over)
    for one in dict.fromkeys(calls):
        if not one.is_over and not _stands(one) and not _rings_on(one, join):
            shown = 200 if one.answer_wall else status
            finish(one, exit_, now, status=shown, released_by="sbc", cause=cause)
        exit_.arm(one)


def _rings_on(call: Call, join: Join | None) -> bool:
    """True for the call of a pick-up that came to nothing before its caller was answered, while its callee is there."""
    attempt = call.attempt
    if join is None or join.call is not call or call.state is not CallState.ANSWERING or attempt is None:
        return False
    if attempt.done:
        return False
    call.state = CallState.INVITING
    if call.step is not None:
        call.step = Step(StepKind.NOTHING)
    return True


def _stands(call: Call) -> bool:
    """True where both sides of a call are there."""
    return all(
        leg is not None and leg.dialog is not None and leg.dialog.state is DialogState.CONFIRMED
        for leg in (call.a, call.b)
    )


def _abandon_exchanges(call: Call, exit_: Exit) -> None:
    modify = call.modify
    call.modify = None
    if modify is not None:
        if modify.incoming.is_open:
            exit_.respond(modify.incoming, 487)
        out = modify.out
        if out is not None and out.method == "INVITE" and out.dialog is not None:
            if not out.done:
                abort_attempt(out, exit_)
            elif out.dialog.remote_tag not in out.acks:
                exit_.acknowledge(out, out.dialog)  # its answer will not come any more (RFC 3261 section 13.2.2.4)
    for relay in call.relays:
        if relay.incoming is not None and relay.incoming.is_open:
            exit_.respond(relay.incoming, 487)
    call.relays.clear()
    if call.attempt is not None:
        abort_attempt(call.attempt, exit_)


def _release(call: Call, leg: Leg, exit_: Exit, crossing: Message | None) -> None:
    """Say BYE on a leg whose dialog is confirmed; forget early ones."""
    dialog = leg.dialog
    if call.attempt is not None and leg.side is Side.B:
        for fork in call.attempt.forks.values():
            if fork.dialog is not dialog:
                exit_.forget(fork.dialog)
            if fork.a_dialog is not call.caller_leg.dialog:
                exit_.forget(fork.a_dialog)
    if dialog is None:
        return
    if dialog.state is not DialogState.CONFIRMED and dialog.state is not DialogState.TERMINATED:
        exit_.forget(dialog)
        return
    invite = call.attempt if leg.side is Side.B else None
    if invite is not None and invite.done and dialog.remote_tag not in invite.acks:
        exit_.acknowledge(invite, dialog)  # each 2xx has its ACK, though its sender has hung up already
    if dialog.state is DialogState.TERMINATED:
        return
    if leg.answer is not None:
        # RFC 3261 section 15: no BYE before the ACK, or before we stop waiting for it.
        leg.bye_wanted = True
        return
    say_bye(leg, exit_, crossing)


def say_bye(leg: Leg, exit_: Exit, crossing: Message | None = None) -> None:
    """Send BYE in the leg's dialog, which stays known until that is answered, so that a crossing BYE gets its 200."""
    dialog = leg.dialog
    leg.bye_wanted = False
    if dialog is None or dialog.state is DialogState.TERMINATED:
        return
    dialog.state = DialogState.TERMINATED
    out = Outgoing(Kind.BYE, leg, "BYE", dialog)
    exit_.request(out, crossing)


def hang_up(call: Call, exit_: Exit, now: Now, cause: str, status: int = 480) -> None:
    """The operator, a limit or a dead peer ends the call; a caller that still waits gets `status`."""
    answered = call.answer_wall > 0
    finish(call, exit_, now, status=200 if answered else status, released_by="sbc", cause=cause)


def has_left(call: Call, leg: Leg) -> bool:
    """Whether the peer of `leg` has hung up, and the other one waits for what becomes of a transfer."""
    return leg.dialog is not None and leg.dialog.state is DialogState.TERMINATED and _is_leaving(call, leg)


def lose(call: Call, leg: Leg, exit_: Exit, now: Now) -> None:
    """The peer of `leg` does not know its dialog any more, or says nothing: the call is over (RFC 5057 section 5.1).

    Not so where it has hung up itself and the other peer waits for what becomes of a transfer.
    """
    if has_left(call, leg):
        return
    hang_up(call, exit_, now, "callee lost" if leg.side is Side.B else "caller lost")
