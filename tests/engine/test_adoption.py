"""A call goes on in another process, from nothing but its journal record: from both sides as if nothing had been."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sbc.config import Capacity, Timers
from sbc.outputs import CallAdopted, CallEnded, Journal, Transmit
from sbc.sip import Request
from sbc.wire import Flow
from tests.kit.agent import Agent, Phase
from tests.kit.flows import answer, assert_no_leak, hang_up, ring, talk
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, Node, config
from tests.kit.peer import Peer, sdp
from tests.kit.wire import Chaos

MODES = pytest.mark.parametrize("mode", ["bypass", "anchor"])
SIDES = pytest.mark.parametrize("from_caller", [True, False])


def sides(node: Node, from_caller: bool) -> tuple[Peer, Peer]:
    """Who speaks, and who hears of it."""
    return (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)


def origin(body: bytes) -> tuple[int, int]:
    """Session id and version of the `o=` line."""
    line = next(line for line in body.split(b"\r\n") if line.startswith(b"o="))
    return int(line.split(b" ")[1]), int(line.split(b" ")[2])


@MODES
@SIDES
def test_an_adopted_call_is_hung_up_on_both_legs(mode: str, from_caller: bool) -> None:
    """Issue, must show: all end with a proper BYE on both legs."""
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    node.restart()
    assert len(node.events_of(CallAdopted)) == 1
    hang_up(node, *sides(node, from_caller))
    ended = node.events_of(CallEnded)
    assert [(event.status, event.cause) for event in ended if isinstance(event, CallEnded)] == [(200, "bye")]
    assert node.journal == {}
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


@MODES
@SIDES
@pytest.mark.parametrize("restarts", [1, 3])
def test_a_reinvite_crosses_an_adopted_call(mode: str, from_caller: bool, restarts: int) -> None:
    """Design 3a: CSeq goes on behind a gap, the SDP version by one, dialogs and targets as they were."""
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    asker, asked = sides(node, from_caller)
    before = [wire for wire in asked.wires if b"application/sdp" in wire][-1]
    highest = max(_cseqs(asked), default=0)
    for _ in range(restarts):
        node.restart()
    asker.request("INVITE", sdp(asker.host, direction="sendonly", version=2))
    reinvite = asked.expect_request("INVITE")
    assert reinvite.cseq.number > highest
    assert b"a=sendonly" in reinvite.body
    session, version = origin(before)
    assert origin(reinvite.body) == (session, version + 1)
    asked.reply(reinvite, 200, sdp(asked.host, direction="recvonly", version=2))
    asked.expect_request("ACK")
    assert b"a=recvonly" in asker.expect_response(200).body
    asker.ack()
    node.restart()
    hang_up(node, asked, asker)
    node.assert_clean()


def _cseqs(peer: Peer) -> list[int]:
    """Numbers of the requests that the peer has seen."""
    requests = [wire for wire in peer.wires if not wire.startswith(b"SIP/2.0")]
    lines = [line for wire in requests for line in wire.split(b"\r\n") if line.startswith(b"CSeq:")]
    return [int(line.split()[1]) for line in lines]


@SIDES
def test_an_info_crosses_an_adopted_call(from_caller: bool) -> None:
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.restart()
    asker, asked = sides(node, from_caller)
    asker.request("INFO", b"Signal=1\r\n", content_type="application/dtmf-relay")
    asked.reply(asked.expect_request("INFO"), 200)
    asker.expect_response(200)
    hang_up(node, asker, asked)
    node.assert_clean()


def test_an_answer_without_its_ack_is_repeated_by_the_adopter() -> None:
    """Design 3a: the adopter repeats un-ACKed 2xx."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    first = node.carrier.expect_response(200)
    node.carrier.sees_copies = True
    node.restart()
    node.advance(0.6)
    again = node.carrier.expect_response(200)
    assert again.fields == first.fields
    node.carrier.ack()
    node.advance(40)
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_2xx_whose_invite_died_with_its_process_gets_an_ack() -> None:
    """RFC 3261 section 13.2.2.4: the callee repeats it until then, and would hang up after 32 s."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    node.restart()
    node.pbx.reply(invite, 200, sdp(PBX))
    ack = node.pbx.expect_request("ACK")
    assert (ack.cseq.number, ack.to_tag, ack.call_id) == (invite.cseq.number, node.pbx.tag, invite.call_id)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize("takes_update", [True, False])
def test_our_session_refresh_goes_on(takes_update: bool) -> None:
    """RFC 4028 section 7.4: the interval began before the restart, and the refresh comes when it would have come."""
    node = Node(config(timers=Timers(session=600, liveness=0)))
    invite = ring(node, node.carrier, node.pbx)
    allow = "Allow: INVITE, UPDATE, BYE\n" if takes_update else ""
    node.pbx.reply(invite, 200, sdp(PBX), extra=f"{allow}Session-Expires: 600;refresher=uac\nRequire: timer\n")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.advance(200)
    node.restart()
    node.advance(99)
    assert node.pbx.idle()
    node.advance(2)
    refresh = node.pbx.expect_request("UPDATE" if takes_update else "INVITE")
    assert refresh.session_expires is not None
    extra = "Session-Expires: 600;refresher=uac\nRequire: timer\n"
    node.pbx.reply(refresh, 200, b"" if takes_update else sdp(PBX), extra=extra)
    if not takes_update:
        node.pbx.expect_request("ACK")
    node.advance(290)
    assert node.pbx.idle()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize("from_caller", [True, False])
def test_a_re_invite_under_way_is_asked_again_of_the_next_process(from_caller: bool) -> None:
    """RFC 3261 section 17.1.1.2: a peer that has heard nothing repeats its INVITE."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    asker, asked = (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)
    copies = heard_of(asker)
    asker.request("INVITE", sdp(asker.host, direction="sendonly", version=2))
    before = asked.expect_request("INVITE")
    assert asker.idle()
    node.restart()
    asked.reply(before, 200, sdp(asked.host, direction="recvonly", version=2))
    asked.expect_request("ACK")
    node.advance(0.5)
    asker.raw(copies[0])
    again = asked.expect_request("INVITE")
    assert again.cseq.number > before.cseq.number
    asked.reply(again, 200, sdp(asked.host, direction="recvonly", version=3))
    asked.expect_request("ACK")
    assert b"a=recvonly" in asker.expect_response(200).body
    asker.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def heard_of(peer: Peer) -> list[bytes]:
    """What it sends from now on."""
    sent: list[bytes] = []
    send = peer.raw

    def raw(data: bytes) -> None:
        sent.append(data)
        send(data)

    peer.raw = raw  # type: ignore[method-assign]
    return sent


def test_a_silent_refresher_is_given_up_when_it_would_have_been() -> None:
    """RFC 4028 section 10: the peer refreshes, or the session ends; the restart gives it no second chance."""
    node = Node(config(timers=Timers(session=600, liveness=0)))
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(PBX), extra="Session-Expires: 600;refresher=uas\nRequire: timer\n")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.advance(500)
    node.restart()
    node.advance(67)
    assert node.pbx.idle()
    node.advance(2)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.assert_clean()


def test_the_longest_call_counts_from_the_answer() -> None:
    node = Node(config(timers=Timers(call=1000, session=0, liveness=0)))
    talk(node, node.carrier, node.pbx)
    node.advance(900)
    node.restart()
    node.advance(101)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.assert_clean()


def test_adopted_calls_hold_their_places_in_trunks() -> None:
    settings = config()
    trunks = {name: replace(trunk, limits=Capacity(calls=1)) for name, trunk in settings.trunks.items()}
    node = Node(replace(settings, trunks=trunks))
    talk(node, node.carrier, node.pbx)
    before = node.engine.egress.trunks.places
    node.restart()
    assert node.engine.egress.trunks.places == before > 0
    other = node.peer("other", CARRIER, OUTSIDE, 5062)
    other.invite()
    other.expect_response(503)
    hang_up(node, node.carrier, node.pbx)
    assert node.engine.egress.trunks.places == 0


def test_what_the_legs_have_shown_is_still_hidden() -> None:
    """Design 3a, audit: what was learnt of one side is looked for on the other, whoever learnt it."""
    node = Node(config(mode="anchor"))
    talk(node, node.carrier, node.pbx)
    known = [leg.learned.tokens for call in node.engine.egress.calls.values() for leg in (call.a, call.b) if leg]
    node.restart()
    again = [leg.learned.tokens for call in node.engine.egress.calls.values() for leg in (call.a, call.b) if leg]
    assert again == known
    assert all(known)


def test_the_record_goes_ahead_of_the_answer_that_it_is_about() -> None:
    """Design 3a: recorded before sending."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    outputs = node.engine.receive(_answer_to(node, invite), Flow(INSIDE, "UDP", PBX, 5060), node.now)
    kinds = [type(output) for output in outputs]
    assert kinds[0] is Journal
    assert Transmit in kinds[1:]


def _answer_to(node: Node, invite: Request) -> bytes:
    taken: list[bytes] = []
    carry, node.carry = node.carry, lambda data, flow: taken.append(data)  # type: ignore[method-assign]
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carry = carry  # type: ignore[method-assign]
    return taken[0]


def test_a_call_on_a_realm_that_is_gone_is_reported_as_ended() -> None:
    node = Node()
    talk(node, node.carrier, node.pbx)
    settings = config()
    realms = {"elsewhere" if name == "inside" else name: realm for name, realm in settings.realms.items()}
    realms["elsewhere"] = replace(realms["elsewhere"], name="elsewhere")
    trunks = {name: replace(trunk, realm="elsewhere") for name, trunk in settings.trunks.items() if name == "pbx"}
    listeners = (settings.listeners[0], replace(settings.listeners[1], realm="elsewhere"))
    node.restart(replace(settings, realms=realms, trunks=trunks, listeners=listeners))
    (ended,) = node.events_of(CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.cause == "not adopted: realm inside is not configured"
    assert node.engine.active_calls == 0
    assert node.journal == {}


def test_records_that_are_damaged_are_reported_and_raise_nothing() -> None:
    random = Random(11)
    node = Node(config(mode="anchor"))
    talk(node, node.carrier, node.pbx)
    (kept,) = node.journal.values()
    for _ in range(60):
        at = random.randrange(len(kept.record))
        record = random.choice([kept.record[:at], kept.record[:at] + b"\n\x00" + kept.record[at + 2 :]])
        node.journal = {"x": Journal(kept.call, kept.kind, kept.wall, record)}
        node.restart()
    assert node.events_of(CallEnded)


def test_a_line_that_holds_no_usable_value_costs_its_call_and_leaves_nothing_behind() -> None:
    """A time that is no number would be a deadline that never comes: the call would stay for ever, and so its trunk's
    place."""
    node = Node(config(mode="anchor"))
    talk(node, node.carrier, node.pbx)
    (kept,) = node.journal.values()
    head, _, rest = kept.record.partition(b"\n")
    length = int(head.split()[1])
    lines, blobs = rest[:length].split(b"\n"), rest[length:]
    for index in range(len(lines)):
        for value in (b"nan", b"-inf", b"1e308", b"9" * 5000, "\u00b2".encode(), b"UDP 198.51.100.10 99999"):
            text = b"\n".join([*lines[:index], value, *lines[index + 1 :]])
            other = Node(config(mode="anchor"))
            record = b"1 %d\n%b%b" % (len(text), text, blobs)
            other.act(other.engine.adopt(Journal(kept.call, kept.kind, kept.wall, record), other.now))
            for call in list(other.engine.egress.calls):
                assert 0 < (other.engine.next_timer or 0) < 1e9
                other.act(other.engine.hangup(call, other.now))
            assert other.engine.active_calls == 0
            assert other.engine.egress.trunks.places == 0


class _Quiet(Agent):
    """An agent that refuses no re-INVITE: what it is shown must be the same with and without a restart."""


def play(seed: int, restarts: bool) -> list[tuple[str, list[str], Phase]]:
    """A call at random over a good wire; with `restarts` the process is killed whenever nothing is under way."""
    random = Random(seed)
    node = Node(config(mode=random.choice(["bypass", "anchor"]), timers=Timers(ringing=40, liveness=60)))
    node.peers.clear()
    chaos = Chaos(node, random, loss=0, repeat=0, delay=0.01)
    carrier = _Quiet(chaos, "carrier", CARRIER, OUTSIDE, random)
    pbx = _Quiet(chaos, "pbx", PBX, INSIDE, random)
    caller = random.choice([carrier, pbx])
    chaos.later(0.1, lambda: caller.dial(late=random.random() < 0.3))
    for second in range(4, 40, 4):
        chaos.later(second, random.choice([carrier, pbx]).act)
        if restarts:
            chaos.later(second + 2, lambda: _restart(node))
    chaos.run(60)
    carrier.hang_up()
    pbx.hang_up()
    chaos.run(300)
    assert node.engine.active_calls == 0
    assert len(node.engine.egress.dialogs) == 0
    assert chaos.media.sessions == set()
    return [(agent.name, agent.faults, agent.phase) for agent in (carrier, pbx)]


def _restart(node: Node) -> None:
    if any(call.is_busy or not call.answer_wall for call in node.engine.egress.calls.values()):
        return
    node.restart()


@pytest.mark.parametrize("block", range(2))
def test_calls_at_random_go_the_same_way_with_and_without_restarts(block: int) -> None:
    """Snapshot, adopt, go on: re-INVITE, INFO, OPTIONS and BYE from both sides, in random order."""
    for seed in range(block * 3, block * 3 + 3):
        assert play(seed, restarts=True) == play(seed, restarts=False), seed
