"""The early dialogs that one INVITE of ours makes, and the dialogs that stand for them on the A leg."""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.parts import Exit, Fork, Leg, Outgoing
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
    incoming = call.invite_in
    if incoming is None or incoming.request is None or out.flow is None or len(out.forks) >= MAX_FORKS:
        return None
    a_leg = call.caller_leg
    # A tag that came with the INVITE stands in every response to it: there is no second one to tell forks by.
    is_one = bool(incoming.request.to_tag) or a_leg.profile.early_dialogs == "one"
    is_first = is_one or (not out.forks and call.hop_index <= 1)
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
