"""A confirmed call as a record: everything that another process needs to go on with it, and nothing else.

What is under way at the moment (a re-INVITE that waits, a refresh, a media command) is left out: the record holds what
both sides agreed on last. Deadlines stand in wall time, since no other process shares our monotonic clock. Each call is
taken once at least, so lines are written straight into one list; `adopt` reads them in the same order.
"""

from __future__ import annotations

from sbc.adoption.codec import pack
from sbc.call import Call, CallState, Leg
from sbc.dialog import Dialog, DialogState
from sbc.media import Side
from sbc.wire import Now


def has_left(leg: Leg) -> bool:
    """Whether the peer has hung up, while the other one waits for what becomes of a transfer."""
    return leg.dialog is not None and leg.dialog.state is DialogState.TERMINATED


def take(call: Call, engine: str, now: Now) -> bytes:
    """The record of a call whose caller has our 2xx. `engine` names the media engine that has its session."""
    a, b = call.caller_leg, call.b
    assert b is not None
    ahead = now.wall - now.monotonic
    deadline = call.deadline
    if has_left(a) or has_left(b):
        deadline = now.monotonic  # its adopter ends it: the other peer waits for a transfer that nobody goes on with
    hop = call.hops[call.hop_index - 1] if 0 < call.hop_index <= len(call.hops) else None
    lines = [
        call.id,
        call.mode,
        call.caller,
        call.called,
        call.rule,
        call.contact,
        "talking" if call.state is CallState.TALKING else "answered",
        f"{call.start.wall:.3f}",
        f"{call.answer_wall:.3f}",
        f"{deadline + ahead:.3f}",
        str(hop.uri) if hop is not None else "",
    ]
    blobs: list[bytes] = []
    modify = call.modify
    for leg in (a, b):
        shown = leg.shown
        if modify is not None:
            shown = modify.former[0] if leg is modify.leg else modify.former[1]
        _leg(leg, shown, ahead, lines, blobs)
    _media(call, engine, a, b, lines, blobs)
    return pack(lines, blobs)


def _media(call: Call, engine: str, a: Leg, b: Leg, lines: list[str], blobs: list[bytes]) -> None:
    media = call.media
    if media is None:
        lines.append("")
        return
    tags, interfaces, terms = media.tags, media.interfaces, media.terms
    lines += [media.call_id, engine, tags[0], tags[1], interfaces[0], interfaces[1]]
    lines += [terms[0].name, terms[1].name]
    agreed = media.agreed
    if agreed is None:
        lines.append("")
        return
    offerer, offer, answer = agreed
    # Nearly always what the legs have said: then it is not written twice.
    said, replied = (a.said, b.said) if offerer is Side.A else (b.said, a.said)
    offer = b"" if offer == said else offer
    answer = b"" if answer == replied else answer
    lines += [offerer.name, str(len(offer)), str(len(answer))]
    blobs += [offer, answer]


def _leg(leg: Leg, shown: bytes, ahead: float, lines: list[str], blobs: list[bytes]) -> None:
    """`ahead`: wall time less monotonic time."""
    dialog, learned, listener, sdp = leg.dialog, leg.learned, leg.listener, leg.sdp
    assert dialog is not None
    flow, seen, answer, timer = leg.flow, dialog.flow, leg.answer, leg.timer
    lines += [
        leg.realm.name,
        leg.trunk,
        leg.target,
        leg.call_id,
        leg.local_tag,
        leg.contact,
        leg.local_uri,
        leg.remote_uri,
        f"{listener.transport} {listener.host} {listener.port}",
        f"{flow.transport} {flow.host} {flow.port}",
        f"{leg.cseq} {leg.allows_update:d} {leg.min_se} {sdp.session_id} {sdp.version}",
        sdp.address,
        "" if timer is None else f"{timer.interval} {timer.is_ours:d}",
        "" if timer is None or not timer.refresh_at else f"{timer.refresh_at + ahead:.3f}",
        "" if timer is None else f"{timer.end_at + ahead:.3f}",
        dialog.local_tag,
        dialog.remote_tag,
        dialog.local_uri,
        dialog.remote_uri,
        dialog.remote_target,
        f"{dialog.local_cseq} {_last_answered(leg, dialog)} {dialog.secure:d} {learned.has_ipv6:d}",
        f"{seen.transport} {seen.host} {seen.port}",
        str(len(dialog.route_set)),
        *dialog.route_set,
    ]
    wire = b""
    if answer is None or leg.side is Side.B:
        lines += ["", ""]  # what the callee asked for by itself, it asks for again
    else:
        wire, back = answer.wire, answer.flow
        lines += [str(answer.cseq), f"{back.transport} {back.host} {back.port}"]
    stable, recent, pairs = learned.kept
    said = leg.said
    lines.append(f"{len(wire)} {len(said)} {len(shown)} {len(stable)} {len(recent)} {len(pairs)}")
    blobs += [wire, said, shown, stable, recent, pairs]


def _last_answered(leg: Leg, dialog: Dialog) -> int:
    """The peer's last CSeq number, or the one before a re-INVITE or UPDATE that nobody has answered: its copy is new to
    an adopter, who knows nothing of the first.
    """
    modify = leg.call.modify
    request = modify.incoming.request if modify is not None and modify.leg is leg else None
    return dialog.remote_cseq if request is None else min(dialog.remote_cseq, request.cseq.number - 1)
