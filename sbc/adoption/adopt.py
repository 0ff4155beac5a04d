"""A record as a call again, in an engine that did not set it up."""

from __future__ import annotations

from typing import Final

from sbc.adoption.codec import Reader, RecordError, count_of, port_of
from sbc.call import Call, CallState, Leg, SessionTimer, leg_codecs, needs_pressing
from sbc.config import Listener, Realm, Target
from sbc.dialog import Answer, Dialog, DialogState
from sbc.media import NOBODY, MediaSession, Side, terms_named
from sbc.mint import Mint
from sbc.routing import NextHop
from sbc.sip import ParseError, parse_uri
from sbc.snapshot import Snapshot, listener_for
from sbc.topology import Learned, SdpIdentity
from sbc.wire import Flow, Now

CSEQ_GAP: Final = 100
"""Added to our CSeq numbers: those used since the record are unknown, gaps do no harm (RFC 3261 section 12.2.1.1)."""
_MODES: Final[frozenset[str]] = frozenset({"anchor", "bypass"})
_ROUTES: Final = 4096
_SPREAD: Final = 10
"""Refreshes that are overdue come within this many seconds, not all at once."""


class Unadoptable(ValueError):
    """This configuration has no place for the call; the text says what is missing: its realm, or its listener."""


def adopt(record: bytes, snapshot: Snapshot, mint: Mint, engines: list[str], now: Now, *, is_acked: bool) -> Call:
    """The call of a record, as it was when that was taken; `is_acked`: its caller's ACK has come since.

    `engines` are the names of the media engines; a session on one that is gone has no engine. Raises RecordError and
    Unadoptable.
    """
    reader = Reader(record)
    id_, mode, caller, called, rule, contact, state = reader.texts(7)
    talks = state == "talking" or is_acked
    start, answered, deadline = reader.time(), reader.time(), reader.time()
    hop = reader.text()
    if mode not in _MODES:
        raise RecordError(f"media mode {mode[:20]!r}")
    call = Call(id_, snapshot.config, mint, Now(now.monotonic - now.wall + start, start))
    call.mode, call.caller, call.called, call.rule, call.contact = mode, caller, called, rule, contact
    call.state = CallState.TALKING if talks else CallState.ANSWERED
    call.status, call.answer_wall = 200, answered
    call.deadline = deadline - now.wall + now.monotonic
    call.longest = max(0.0, deadline - answered)
    call.adopted_at = now.monotonic
    call.a = _leg(reader, call, Side.A, snapshot, now)
    call.b = _leg(reader, call, Side.B, snapshot, now)
    call.media = _media(reader, call, engines)
    reader.finish()
    if talks:
        call.a.answer = None
    _give_passages(call, snapshot)
    _give_hop(call, hop, snapshot)
    return call


def _media(reader: Reader, call: Call, engines: list[str]) -> MediaSession | None:
    session_id = reader.text()
    if not session_id:
        return None
    engine, tag, other_tag, interface, other_interface, terms, other_terms, offerer = reader.texts(8)
    try:
        both = terms_named(terms), terms_named(other_terms)
    except ValueError as error:
        raise RecordError(str(error)) from None
    session = MediaSession(call.mode, session_id, (tag, other_tag), (interface, other_interface), both)
    if call.a is not None and call.b is not None:
        session.codecs = (leg_codecs(call.a), leg_codecs(call.b))
        session.presses = needs_pressing((call.a.profile.dtmf, call.b.profile.dtmf))
        session.marks = (call.a.realm.dscp_rtp, call.b.realm.dscp_rtp)
        session.heed(call.config.media)
    if offerer and call.a is not None and call.b is not None:
        side = Side.A if offerer == "A" else Side.B
        said = (call.a.said, call.b.said)
        lengths = reader.number(), reader.number()
        offer = reader.blob(lengths[0]) or said[side.value]
        answer = reader.blob(lengths[1]) or said[side.other.value]
        session.bring_back(engines.index(engine) if engine in engines else NOBODY, side, offer, answer)
    return session


def _leg(reader: Reader, call: Call, side: Side, snapshot: Snapshot, now: Now) -> Leg:
    realm_name, trunk, target, call_id, local_tag, contact, local_uri, remote_uri = reader.texts(8)
    realm = snapshot.config.realms.get(realm_name)
    if realm is None:
        raise Unadoptable(f"realm {realm_name} is not configured")
    listener = _listener(reader.text(), realm)
    flow = _flow(reader.text(), realm, listener)
    passage = snapshot.passages.between(realm_name, realm_name, trunk)
    leg = Leg(call, side, realm, listener, flow, passage, Learned(snapshot.audit.shared))
    leg.trunk, leg.target, leg.call_id, leg.local_tag, leg.contact = trunk, target, call_id, local_tag, contact
    leg.local_uri, leg.remote_uri = local_uri, remote_uri
    cseq, allows_update, leg.min_se, session_id, version = reader.numbers(5)
    leg.cseq, leg.allows_update = cseq + CSEQ_GAP, bool(allows_update)
    leg.sdp = SdpIdentity(session_id, reader.text(), version)
    leg.timer = _timer(reader, call.mint, now)
    leg.dialog, has_ipv6 = _dialog(reader, call_id, realm, listener)
    leg.heard = now.monotonic
    leg.referred = 1  # perhaps: an id is never wrong in what its peer is told of a transfer (RFC 3515 2.4.6)
    number, back = reader.texts(2)
    lengths = reader.numbers(6)
    wire, leg.said, leg.shown, stable, recent, pairs = [reader.blob(length) for length in lengths]
    if number:
        timers, cseq = snapshot.timers, count_of(number, "CSeq number")
        leg.answer = Answer(wire, _flow(back, realm, listener), cseq, timers.t1, timers.t2, now.monotonic)
    leg.learned.bring_back(stable, recent, pairs, has_ipv6=has_ipv6)
    return leg


def _listener(text: str, realm: Realm) -> Listener:
    transport, _, rest = text.partition(" ")
    host, _, port = rest.partition(" ")
    for listener in realm.listeners:
        if (listener.transport, listener.host, str(listener.port)) == (transport, host, port):
            return listener
    found = listener_for(realm, transport, host)
    if found is None:
        raise Unadoptable(f"realm {realm.name} has no listener like {text[:80]}")
    return found


def _flow(text: str, realm: Realm, listener: Listener) -> Flow:
    transport, _, rest = text.partition(" ")
    host, _, port = rest.rpartition(" ")
    known = listener if transport == listener.transport else listener_for(realm, transport, host) or listener
    return Flow(known.index, transport, host, port_of(port))


def _timer(reader: Reader, mint: Mint, now: Now) -> SessionTimer | None:
    line = reader.text()
    refresh_at, end_at = reader.time(), reader.time()
    if not line:
        return None
    interval, _, is_ours = line.partition(" ")
    timer = SessionTimer(count_of(interval, "session timer"), is_ours == "1", now.monotonic)
    timer.end_at = end_at - now.wall + now.monotonic
    if timer.is_ours:
        # One that was under way, or is overdue, comes soon; those of many calls not in one moment.
        soonest = now.wall + mint.number(20) % (1000 * _SPREAD) / 1000
        timer.refresh_at = max(refresh_at, min(soonest, end_at)) - now.wall + now.monotonic
    return timer


def _dialog(reader: Reader, call_id: str, realm: Realm, listener: Listener) -> tuple[Dialog, bool]:
    """The dialog, and whether the leg has shown an IPv6 address."""
    local_tag, remote_tag, local_uri, remote_uri, target = reader.texts(5)
    local_cseq, remote_cseq, secure, has_ipv6 = reader.numbers(4)
    flow = _flow(reader.text(), realm, listener)
    count = reader.number()
    if not 0 <= count <= _ROUTES:
        raise RecordError(f"{count} routes")
    routes = tuple(reader.texts(count))
    dialog = Dialog(call_id, local_tag, remote_tag, local_uri, remote_uri, flow)
    try:
        dialog.restore(target, routes)
        dialog.next_hop()
    except ParseError as error:
        raise RecordError(f"a dialog that nothing can be sent in: {error}") from None
    dialog.local_cseq, dialog.remote_cseq = local_cseq + CSEQ_GAP, remote_cseq
    dialog.secure = bool(secure)
    dialog.state = DialogState.CONFIRMED
    return dialog, bool(has_ipv6)


def _give_passages(call: Call, snapshot: Snapshot) -> None:
    a, b = call.caller_leg, call.b
    assert b is not None
    a.passage = snapshot.passages.between(b.realm.name, a.realm.name, a.trunk)
    b.passage = snapshot.passages.between(a.realm.name, b.realm.name, b.trunk)


def _give_hop(call: Call, uri: str, snapshot: Snapshot) -> None:
    """The target that the call went to, with the limits it has now."""
    b = call.b
    if not uri or b is None:
        return
    trunk = snapshot.config.trunks.get(b.trunk)
    target = next((one for one in trunk.targets if str(one.uri) == uri), None) if trunk is not None else None
    try:
        call.hops = [NextHop(b.trunk, b.realm.name, target or Target(parse_uri(uri)))]
    except ParseError:
        raise RecordError(f"{uri[:80]!r} is no target") from None
    call.hop_index = 1
