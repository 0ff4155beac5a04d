"""REFER inside a call (RFC 3515): accepted and carried out here, passed on, or refused, as the realm or trunk says.

Blind: a new call to the Refer-To target goes through policy and routing; `transfer` has it. Attended (Replaces in the
Refer-To, RFC 3891): the dialog that it names is one of ours with the same peer, so the two who are left are both known
and need no new call; `join` brings them together. Names that are not ours get the 481 that their owner would give, in
a NOTIFY: as answer to the REFER it would end the asker's own dialog (RFC 5057).

Not for: who may call whom; whoever asks is the source of the new call, with that trunk's policy and limits.
"""

from __future__ import annotations

from typing import Final

from sbc.call import bridge, transfer
from sbc.call.call import Call, CallState
from sbc.call.end import break_off
from sbc.call.exit import Exit
from sbc.call.join import begin as begin_join
from sbc.call.join import joint_media
from sbc.call.joint import Join
from sbc.call.parts import Incoming, Leg
from sbc.call.referral import Referral, tell
from sbc.dialog import Dialog, DialogState, without_tag
from sbc.outputs import Refused
from sbc.sip import Fields, ParseError, Replaces, Request, Uri, parse_replaces, parse_target_dialog
from sbc.wire import Flow, Now

MAX_TRANSFERS: Final = 8
"""Transfers in a row that one call may come from; more are declined."""
_SCHEMES: Final[frozenset[str]] = frozenset({"sip", "sips", "tel"})
_RETRY_SOON: Final = [("Retry-After", "1")]


def find_target(request: Request, trunk: str, flow: Flow, exit_: Exit) -> Leg | None:
    """The leg whose call a REFER outside dialogs is about (RFC 4538); None where its sender may name none.

    `trunk` and `flow` are the sender's.
    """
    value = request.get("Target-Dialog")
    if value is None:
        return None
    try:
        named = parse_target_dialog(value)
    except ParseError:
        return None
    return exit_.named(named.call_id, named.remote_tag, named.local_tag, trunk, flow)


def receive_outside(leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A REFER that names the dialog of `leg` by Target-Dialog: as one in it, told by a dialog of its own."""
    call, request = leg.call, incoming.request
    assert request is not None
    voice = exit_.stand_in(call, leg)
    voice.side = leg.side
    voice.call_id, voice.flow = request.call_id, incoming.reply_flow.forth
    voice.local_uri, voice.remote_uri = without_tag(incoming.to), without_tag(incoming.from_)
    voice.dialog = Dialog.uas(request, voice.local_tag, voice.flow)
    voice.learned.learn_message(request)
    incoming.leg, incoming.local_tag = voice, voice.local_tag
    receive_request(call, leg, incoming, exit_, now, voice)


def receive_request(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now, voice: Leg | None = None) -> None:
    """A REFER in the dialog of `leg`, or about it: then `voice` is by whose dialog its sender is told."""
    request = incoming.request
    assert request is not None
    if call.config.refer_of(leg.realm.name, leg.trunk) == "refuse":
        _refuse(incoming, 403, "refer is refused from this side", exit_)
        return
    target = request.refer_to.uri if request.refer_to is not None else None
    if target is None or len(request.get_all("Refer-To")) > 1:
        exit_.respond(incoming, 400)
    elif target.scheme not in _SCHEMES:
        exit_.respond(incoming, 416)
    elif (target.param("method") or "INVITE").upper() != "INVITE":
        _refuse(incoming, 403, "refer to another method than INVITE", exit_)
    elif call.referral is not None or call.join is not None:
        exit_.respond(incoming, 491)
    elif call.transfers >= MAX_TRANSFERS:
        _refuse(incoming, 603, "too many transfers in a row", exit_)
    elif call.is_parted or not _is_up(call, leg):
        exit_.respond(incoming, 500, extra=_RETRY_SOON)
    elif voice is None and bridge.can_pass(call, leg) and target.header("Replaces") is None:
        bridge.receive_request(call, leg, incoming, target, exit_, now)
    else:
        _accept(call, leg, incoming, request, target, exit_, now, voice or leg)


def _is_up(call: Call, leg: Leg) -> bool:
    other = leg.other
    if call.state is not CallState.TALKING and call.state is not CallState.ANSWERED:
        return False
    return leg.dialog is not None and other is not None and other.dialog is not None


def _refuse(incoming: Incoming, status: int, why: str, exit_: Exit) -> None:
    exit_.respond(incoming, status)
    exit_.report(Refused(status, "REFER", incoming.reply_flow, why))


def _accept(
    call: Call, leg: Leg, incoming: Incoming, request: Request, target: Uri, exit_: Exit, now: Now, voice: Leg
) -> None:
    named: Replaces | None = None
    replaces = target.header("Replaces")
    if replaces is not None:
        try:
            named = parse_replaces(replaces)
        except ParseError:
            exit_.respond(incoming, 400)
            return
    dialog = voice.dialog
    assert dialog is not None
    event = f"refer;id={request.cseq.number}" if voice.referred else "refer"
    voice.referred = max(1, request.cseq.number)
    referral = Referral(call, leg, _invite_of(call, leg, request, target), event, dialog, voice)
    referral.referred_by = request.get("Referred-By") is not None
    referral.is_silent = (request.get("Refer-Sub") or "").strip().lower() == "false"
    extra: Fields = [("Refer-Sub", "false")] if referral.is_silent else []
    exit_.respond(incoming, 202, extra=extra)
    incoming.request = None
    call.referral = voice.referral = referral
    tell(referral, 100, exit_)
    if named is None:
        exit_.place(referral)
    else:
        _attend(call, referral, named, exit_, now)


def _invite_of(call: Call, leg: Leg, request: Request, target: Uri) -> Request:
    """The INVITE that the transferred peer would send: nobody sees it, policy and `setup` read it."""
    other = leg.other
    assert other is not None
    params = tuple([param for param in target.params if param[0].lower() != "method"])
    uri = str(Uri(target.scheme, target.user, target.host, target.port, params, "", target.opaque))
    forwards = request.max_forwards
    fields: Fields = [
        ("From", f"{other.remote_uri};tag={call.mint.tag()}"),
        ("To", f"<{uri}>"),
        ("Call-ID", call.mint.call_id()),
        ("CSeq", "1 INVITE"),
        ("Max-Forwards", str(70 if forwards is None else forwards)),
    ]
    return Request("INVITE", uri, fields)


def _attend(call: Call, referral: Referral, named: Replaces, exit_: Exit, now: Now) -> None:
    """Replaces is written for the new callee's side: `to_tag` is ours toward the asker, `from_tag` the asker's."""
    leg = referral.leg
    flow = referral.dialog.flow
    place = exit_.named(named.call_id, named.to_tag, named.from_tag, leg.trunk, flow)
    if place is None or place.call is call:
        break_off(referral, None, 481, exit_, now)
        return
    status = _objection(place, named)
    if status:
        break_off(referral, None, status, exit_, now)
    elif place.call.state is CallState.INVITING:
        transfer.adopt(place.call, referral, exit_, now)
        exit_.arm(place.call)
    else:
        new = transfer.transferred_leg(referral)
        assert new is not None
        join = Join(place.call, place, new, joint_media(place.call, place, new))
        join.referral = referral
        begin_join(join, exit_, now)


def _objection(place: Leg, named: Replaces) -> int:
    """Why the asker's other call cannot be used now: a status, 0 where it can (RFC 3891 section 3)."""
    call = place.call
    if call.is_over or call.is_parted or place.dialog is None or place.dialog.state is DialogState.TERMINATED:
        return 603
    if call.join is not None or call.referral is not None or call.behalf is not None:
        return 491
    if call.state is CallState.INVITING:
        may_wait = place is call.a and not call.late_offer and call.modify is None and call.step is None
        return 0 if may_wait else 481
    if named.early_only:
        return 486
    return 0 if call.state is CallState.TALKING or call.state is CallState.ANSWERED else 491
