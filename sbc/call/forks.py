"""The early dialogs that one INVITE of ours makes, and the dialogs that stand for them on the A leg."""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.exit import Exit
from sbc.call.parts import Fork, Leg, Outgoing
from sbc.call.security import media_session
from sbc.dialog import Dialog
from sbc.media import MediaSession, Side
from sbc.sip import Request, Response

MAX_FORKS: Final = 16
"""Early dialogs that one INVITE may make before we stop caring (RFC 3261 gives no bound; memory needs one)."""


def fork_of(call: Call, out: Outgoing, response: Response, exit_: Exit) -> Fork | None:
    """The early dialog of a response, made at its first sight, with the dialog that stands for it on the A leg."""
    tag = response.to_tag
    fork = out.forks.get(tag)
    if fork is not None:
        return fork
    if response.status < 200 and tag in out.ended:
        return None
    incoming = call.invite_in
    if incoming is None or incoming.request is None or out.flow is None or len(out.forks) >= MAX_FORKS:
        return None
    a_leg = call.caller_leg
    is_first = is_shown_as_one(call) or (not out.forks and call.hop_index <= 1)
    own_tag = a_leg.local_tag if is_first else call.mint.tag()
    a_dialog = Dialog.uas(incoming.request, own_tag, a_leg.flow)
    leg = out.leg
    dialog = Dialog.uac(leg.call_id, leg.local_tag, leg.local_uri, leg.remote_uri, out.cseq, response, out.flow)
    fork = Fork(dialog, a_dialog)
    out.forks[tag] = fork
    if tag:
        exit_.track(dialog, leg)
    exit_.track(a_dialog, a_leg)
    if leg.dialog is None:
        leg.dialog = dialog
        a_leg.dialog = a_dialog
    return fork


def is_shown_as_one(call: Call) -> bool:
    """Whether all forks are one early dialog to the caller: a tag that came with the INVITE stands in every response to
    it, and some peers want no other. There no fork may give a reliable answer, since another one may take the call.
    """
    incoming = call.invite_in
    has_tag = incoming is not None and incoming.request is not None and bool(incoming.request.to_tag)
    return has_tag or call.caller_leg.profile.early_dialogs == "one"


def find_fork(call: Call, leg: Leg, request: Request) -> Fork | None:
    """The fork in one of whose dialogs a request of the peer of `leg` stands, while the call is not answered."""
    if call.attempt is None:
        return None
    local, remote = request.to_tag, request.from_tag
    for fork in call.attempt.forks.values():
        dialog = fork.a_dialog if leg.side is Side.A else fork.dialog
        if dialog.local_tag == local and dialog.remote_tag == remote:
            return fork
    return None


def spend(out: Outgoing) -> None:
    """Remember which numbers were used in early dialogs: one that answers late gets its BYE behind them (12.2.1.1)."""
    for fork in out.forks.values():
        out.spent = max(out.spent, fork.dialog.local_cseq)


def is_late(call: Call, fork: Fork) -> bool:
    """True where the callee at this fork is to make the offer, and nobody has answered that yet."""
    return call.late_offer and not fork.answer


def late_media(call: Call, exit_: Exit) -> MediaSession:
    """A fresh media session for an offer of the callee; an earlier fork's is given up."""
    if call.media is not None:
        command = call.media.delete()
        if command is not None:
            exit_.media(call, command)
    interfaces = (call.caller_leg.realm.media_interface, call.b.realm.media_interface if call.b else "")
    call.media = media_session(call, interfaces)
    return call.media


# Early dialogs that end before the INVITE does (RFC 6228)


def heard_last(call: Call, fork: Fork) -> None:
    """The media engine has this fork's description now: early media come from it, the others' count no more."""
    out = call.attempt
    if out is not None:
        for other in out.forks.values():
            if other is not fork:
                other.raw = b""


def end_fork(call: Call, out: Outgoing, fork: Fork, exit_: Exit) -> None:
    """The callee behind this early dialog is out (199); others may answer still. A caller who knows 199 hears of it."""
    leg, a_leg = out.leg, call.caller_leg
    spend(out)
    out.ended |= {fork.dialog.remote_tag}
    out.forks = {tag: one for tag, one in out.forks.items() if one is not fork}
    exit_.forget(fork.dialog)
    exit_.forget(fork.a_dialog)
    if call.unacknowledged is not None and call.unacknowledged.fork is fork:
        call.unacknowledged = None
    if call.early_fork is fork:
        call.early_fork = None
    left = next(iter(out.forks.values()), None)
    if leg.dialog is fork.dialog:
        leg.dialog = left.dialog if left is not None else None
    if a_leg.dialog is fork.a_dialog:
        a_leg.dialog = left.a_dialog if left is not None else None
    if is_shown_as_one(call):
        if left is not None:
            exit_.track(left.a_dialog, a_leg)  # the same one to the caller
    elif fork.a_dialog.local_tag == a_leg.local_tag:
        a_leg.local_tag = call.mint.tag()  # a tag that was said to be over is not used again
        a_leg.learned.learn_own(a_leg.local_tag)
    tell_ends(call, [fork], exit_)


def tell_ends(call: Call, forks: list[Fork], exit_: Exit) -> None:
    """199 in the dialogs that stood for these, where the caller knows it; never reliably, so not to who insists."""
    incoming = call.invite_in
    if incoming is None or incoming.request is None or not incoming.is_open or call.behalf is not None:
        return
    request = incoming.request
    if "199" not in request.tokens("Supported") or "100rel" in request.tokens("Require"):
        return
    if is_shown_as_one(call):
        return  # all forks look the same to it
    for fork in forks:
        incoming.local_tag = fork.a_dialog.local_tag
        exit_.respond(incoming, 199)
