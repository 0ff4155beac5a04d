"""Targets that are asked whether they live, die under calls, and come back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from sbc.config import Config, Probe, Target
from sbc.outputs import Leaked, TargetChanged, Transmit
from sbc.probes import FIRST_WITHIN, PATIENCE
from sbc.routing import SLOW_START
from sbc.sip import Request, parse_message, parse_uri
from sbc.wire import Flow
from tests.kit.flows import hang_up, talk
from tests.kit.node import CARRIER, EDGE_IN, INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer, sdp

EVERY = 20.0


def probed(*uris: str, probe: Probe | None = None) -> Config:
    """The kit's node with a probed PBX of these targets, in this order of priority."""
    made = config(pbx=uris or (f"sip:{PBX}", f"sip:{PBX2}"))
    pbx = replace(made.trunks["pbx"], probe=probe or Probe(EVERY, 3, 2))
    return replace(made, trunks={**made.trunks, "pbx": pbx})


def start(node: Node) -> None:
    """What the worker does first."""
    node.act(node.engine.start(node.now))


def answer_probes(peer: Peer, status: int = 200) -> int:
    """Answer what came, all of which must be OPTIONS; how many there were."""
    count = 0
    while not peer.idle():
        peer.reply(peer.expect_request("OPTIONS"), status)
        count += 1
    return count


def states(node: Node, trunk: str = "pbx") -> list[str]:
    return [one.settle(node.time).value for one in node.engine.egress.trunks.health.of(trunk)]


def changes(node: Node) -> list[tuple[str, str]]:
    found = []
    for event in node.events_of(TargetChanged):
        assert isinstance(event, TargetChanged)
        found.append((event.target, event.state))
    return found


def run(node: Node, seconds: float, *living: Peer) -> int:
    """Let time pass in small steps, every living peer answering what it is asked; how often that was."""
    count = 0
    end = node.time + seconds
    while node.time < end:
        node.advance(0.5)
        count += sum([answer_probes(peer) for peer in living])
    return count


def test_a_probe_is_our_own_request_and_says_nothing_of_anybody() -> None:
    """RFC 3261 section 11.1: OPTIONS outside dialogs, From the realm's domain, a Call-ID of its own each time."""
    node = Node(probed(f"sip:{PBX}"))
    start(node)
    node.advance(FIRST_WITHIN)
    first = node.pbx.expect_request("OPTIONS")
    assert first.request_uri == f"sip:{PBX}"
    assert str(first.from_address.uri) == "sip:pbx.corp.local"
    assert first.get("To") == f"<sip:{PBX}>"
    assert first.get("Accept") == "application/sdp"
    assert first.top_via.host == EDGE_IN
    node.pbx.reply(first, 200)
    run(node, EVERY * 1.1)
    second = node.pbx.expect_request("OPTIONS")
    assert second.call_id != first.call_id
    assert second.from_tag != first.from_tag
    assert node.events_of(Leaked) == []


def test_probes_are_spaced_with_jitter_and_never_overlap() -> None:
    node = Node(probed(f"sip:{PBX}"))
    start(node)
    times: list[float] = []
    while len(times) < 50:
        node.advance(0.1)
        if not node.pbx.idle():
            times.append(node.time)
            answer_probes(node.pbx)
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= EVERY * 0.9 - 0.2
    assert max(gaps) <= EVERY * 1.1 + 0.2
    assert max(gaps) - min(gaps) > EVERY * 0.05


@pytest.mark.parametrize("status", [200, 404, 405, 481, 501, 603])
def test_any_answer_but_408_and_503_is_a_sign_of_life(status: int) -> None:
    node = Node(probed(f"sip:{PBX}", probe=Probe(EVERY, 1, 1)))
    start(node)
    node.advance(FIRST_WITHIN)
    assert answer_probes(node.pbx, status) == 1
    assert states(node) == ["up"]


@pytest.mark.parametrize("status", [408, 503])
def test_408_and_503_are_failures(status: int) -> None:
    node = Node(probed(f"sip:{PBX}", probe=Probe(EVERY, 1, 1)))
    start(node)
    node.advance(FIRST_WITHIN)
    assert answer_probes(node.pbx, status) == 1
    assert states(node) == ["down"]
    assert changes(node) == [(f"sip:{PBX}", "down")]


def test_a_silent_target_is_down_gets_no_calls_and_comes_back_slowly() -> None:
    """Hysteresis both ways; what is noticed takes less than one spacing and three times the patience."""
    node = Node(probed())
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 60, node.pbx, spare)
    assert states(node) == ["up", "up"]
    del node.peers[(PBX, 5060)]
    begin = node.time
    while states(node)[0] == "up":
        run(node, 0.5, spare)
    assert node.time - begin <= EVERY * 1.1 + 3 * PATIENCE + 2 * EVERY / 10 * 1.1 + 1
    talk(node, node.carrier, spare)
    hang_up(node, node.carrier, spare)
    node.peers[(PBX, 5060)] = node.pbx
    node.pbx.inbox.clear()
    begin = node.time
    while states(node)[0] != "up":
        run(node, 0.5, node.pbx, spare)
    assert node.time - begin <= EVERY * 1.1 + EVERY / 10 * 1.1 + 1
    assert changes(node) == [(f"sip:{PBX}", "down"), (f"sip:{PBX}", "up")]
    health = node.engine.egress.trunks.health.of("pbx")[0]
    assert 0 < health.share(node.time) < 0.2
    run(node, SLOW_START, node.pbx, spare)
    assert health.share(node.time) == 1.0


def test_calls_that_wait_for_a_target_found_dead_go_to_the_next_at_once() -> None:
    """None of those not yet answered is lost; and a callee who was only late has its CANCEL."""
    node = Node(probed(probe=Probe(EVERY, 2, 1)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 6, node.pbx, spare)
    node.carrier.invite()
    node.carrier.expect_response(100)
    late = node.pbx.expect_request("INVITE")
    begin = node.time
    while spare.idle():
        node.advance(0.5)
        while not spare.idle() and isinstance(spare.inbox[0], Request) and spare.inbox[0].method == "OPTIONS":
            answer_probes(spare)
    assert node.time - begin < 32
    invite = spare.expect_request("INVITE")
    node.pbx.inbox.clear()
    node.pbx.reply(late, 180)
    assert node.pbx.expect_request("CANCEL").cseq.number == late.cseq.number
    spare.reply(invite, 200, sdp(PBX2))
    spare.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    assert node.engine.active_calls == 1


def test_a_call_that_rings_at_a_target_found_dead_goes_to_the_next() -> None:
    """Not yet answered, it is not lost: a target that answers no probe will not answer this call either. One that was
    alive after all has its CANCEL, and its 200 an ACK and a BYE (RFC 3261 sections 9.1 and 13.2.2.4)."""
    node = Node(probed(probe=Probe(EVERY, 2, 1)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 6, node.pbx, spare)
    node.carrier.invite()
    node.carrier.expect_response(100)
    first = node.pbx.expect_request("INVITE")
    node.pbx.reply(first, 180)
    heard = node.carrier.expect_response(180)
    begin = node.time
    while not any(isinstance(one, Request) and one.method == "INVITE" for one in spare.inbox):
        assert node.time - begin < EVERY * 1.1 + 3 * PATIENCE
        answer_probes(spare)
        node.advance(0.5)
    invite = spare.expect_request("INVITE")
    assert any(isinstance(one, Request) and one.method == "CANCEL" for one in node.pbx.inbox)
    node.pbx.inbox.clear()
    spare.reply(invite, 180)
    assert node.carrier.expect_response(180).to_tag != heard.to_tag
    node.pbx.reply(first, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    spare.reply(invite, 200, sdp(PBX2))
    spare.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    assert node.engine.active_calls == 1


def test_a_call_that_rings_stays_where_one_failure_is_all_that_is_known() -> None:
    """Without probes a target is down after the first call that fails: whoever rings there may well answer."""
    node = Node(config(pbx=(f"sip:{PBX}", f"sip:{PBX2}")))
    spare = node.peer("spare", PBX2, INSIDE)
    node.carrier.invite()
    ringing = node.pbx.expect_request("INVITE")
    node.pbx.reply(ringing, 180)
    other = node.peer("other", CARRIER, OUTSIDE, 7001)
    other.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 503)
    node.pbx.expect_request("ACK")
    spare.reply(spare.expect_request("INVITE"), 180)
    assert states(node)[0] == "down"
    node.advance(2.0)
    assert node.pbx.idle()
    node.pbx.reply(ringing, 200, sdp(PBX))
    node.pbx.expect_request("ACK")


def test_a_failed_call_makes_us_ask_soon() -> None:
    node = Node(probed(probe=Probe(200, 3, 2)))
    node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 10, node.pbx, node.peers[(PBX2, 5060)])
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 503)
    node.pbx.expect_request("ACK")
    assert run(node, 4, node.pbx) == 1
    assert states(node) == ["up", "up"]


def test_an_invite_that_must_be_sent_again_makes_us_ask_soon() -> None:
    """A target that is silent to calls is found dead long before the first of them times out (Timer B: 32 s)."""
    node = Node(probed(probe=Probe(600, 3, 2)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 6, node.pbx, spare)
    begin = node.time
    node.carrier.invite()
    node.pbx.expect_request("INVITE")
    while states(node)[0] == "up":
        node.advance(0.1)
    assert node.time - begin < 3 * (PATIENCE + 3.3) + 1
    node.advance(0.1)
    assert spare.expect_request("INVITE").request_uri.startswith("sip:+493012345@")


def test_calls_move_on_from_a_dead_target_a_few_at_a_time() -> None:
    node = Node(probed(probe=Probe(600, 1, 1)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 6, node.pbx, spare)
    for index in range(50):
        node.peer(f"caller{index}", CARRIER, OUTSIDE, 7000 + index).invite()
    node.pbx.inbox.clear()
    (hop,) = [one.hop for one in node.engine.egress.trunks.health.of("pbx") if one.hop.host == PBX]
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", "192.0.2.1", 1), node.now))  # nobody's
    node.engine.egress.note_health(hop, "known otherwise")
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", "192.0.2.1", 1), node.now))
    moved = []
    for _ in range(20):
        node.advance(0.01)
        moved.append(len(spare.inbox))
    assert moved[-1] == 50
    steps = [after - before for before, after in pairwise([0, *moved])]
    assert max(steps) <= 16


def test_a_reload_keeps_what_is_known_and_asks_the_new_targets() -> None:
    node = Node(probed(probe=Probe(EVERY, 1, 2)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    node.advance(FIRST_WITHIN)
    answer_probes(node.pbx, 503)
    answer_probes(spare)
    node.act(node.engine.switch_trunk("pbx", f"sip:{PBX2}", False, node.now))
    assert states(node) == ["down", "disabled"]
    third = node.peer("third", "10.20.0.7", INSIDE)
    node.act(node.engine.swap(probed(f"sip:{PBX}", f"sip:{PBX2}", "sip:10.20.0.7"), node.now))
    assert states(node) == ["down", "disabled", "up"]
    node.advance(FIRST_WITHIN)
    assert answer_probes(third) == 1
    node.act(node.engine.swap(config(pbx=("sip:10.20.0.7",)), node.now))
    assert states(node) == ["up"]
    assert run(node, 100, node.pbx, spare, third) == 0


def test_a_trunk_taken_out_of_service_gets_and_gives_no_calls_but_keeps_those_it_has() -> None:
    node = Node(probed(f"sip:{PBX}"))
    talk(node, node.carrier, node.pbx)
    node.act(node.engine.switch_trunk("pbx", "", False, node.now))
    second = node.peer("second", CARRIER, OUTSIDE, 5070)
    second.invite()
    second.ack_failure(second.expect_response(503))
    desk = node.peer("desk", PBX, INSIDE, 5070)
    desk.invite("+15550100")
    desk.ack_failure(desk.expect_response(503))
    assert node.engine.active_calls == 1
    hang_up(node, node.carrier, node.pbx)
    node.act(node.engine.switch_trunk("pbx", "", True, node.now))
    assert answer_probes(node.pbx) == 1
    talk(node, second, node.pbx)
    assert changes(node) == [("", "disabled"), ("", "enabled")]


def test_a_probe_by_command_needs_no_schedule() -> None:
    node = Node(config())
    node.act(node.engine.probe_trunk("pbx", "", node.now))
    (row,) = [row for row in node.engine.trunks(node.now) if row["name"] == "pbx"]
    targets = row["targets"]
    assert isinstance(targets, list)
    assert targets[0]["probe"] == {"is_due": True, "last": "", "every": 0.0}
    node.time += 0.012
    answer_probes(node.pbx)
    row = node.engine.trunks(node.now)[0]
    assert row["targets"][0]["probe"] == {"is_due": False, "last": "answered in 12 ms", "every": 0.0}  # type: ignore[index]
    node.act(node.engine.probe_trunk("pbx", f"sip:{PBX}", node.now))
    node.advance(PATIENCE + 0.1)
    row = node.engine.trunks(node.now)[0]
    assert row["targets"][0]["probe"]["last"] == "no answer to a probe"  # type: ignore[index]
    assert row["state"] == "down"
    node.act(node.engine.probe_trunk("ghost", "", node.now))
    node.pbx.inbox.clear()
    node.assert_clean()


def test_silence_while_we_are_late_ourselves_proves_nothing() -> None:
    node = Node(probed(f"sip:{PBX}", probe=Probe(EVERY, 1, 1)))
    start(node)
    for _ in range(3):
        node.act(node.engine.measure(1.0, node.now))
    node.advance(FIRST_WITHIN + PATIENCE)
    assert states(node) == ["up"]
    for _ in range(40):
        node.act(node.engine.measure(0.0, node.now))
    node.advance(EVERY * 1.1 + PATIENCE)
    assert states(node) == ["down"]


def test_a_call_given_up_that_times_out_later_speaks_no_more_against_its_target() -> None:
    node = Node(probed(probe=Probe(20, 2, 1)))
    spare = node.peer("spare", PBX2, INSIDE)
    start(node)
    run(node, 6, node.pbx, spare)
    del node.peers[(PBX, 5060)]
    for index in range(5):
        node.peer(f"caller{index}", CARRIER, OUTSIDE, 7000 + index).invite()
    while states(node)[0] == "up":
        node.advance(0.1)
    node.peers[(PBX, 5060)] = node.pbx
    end = node.time + 60
    while node.time < end:
        node.advance(0.5)
        for peer in (node.pbx, spare):
            peer.inbox = [one for one in peer.inbox if isinstance(one, Request) and one.method == "OPTIONS"]
            answer_probes(peer)
    assert states(node)[0] == "up"
    assert [state for target, state in changes(node) if target == f"sip:{PBX}"] == ["down", "up"]


def test_a_name_without_an_address_is_a_failure() -> None:
    node = Node(probed("sip:pbx.example.net", probe=Probe(EVERY, 1, 1)))
    start(node)
    node.locate(node.lookups[-1])
    node.advance(FIRST_WITHIN)
    node.locate(node.lookups[-1])
    assert states(node) == ["down"]


def test_weights_are_exact_over_many_calls_with_a_target_that_fails() -> None:
    """50:30:20, the second always 503: its calls go where the weights of the others say, 5 to 2."""
    hosts = {"10.20.1.1": 50, "10.20.1.2": 30, "10.20.1.3": 20}
    made = config()
    targets = tuple([Target(parse_uri(f"sip:{host}"), 1, weight) for host, weight in hosts.items()])
    backup = Target(parse_uri("sip:10.20.1.9"), 2)
    pbx = replace(made.trunks["pbx"], targets=(*targets, backup), probe=Probe(3600, 100, 1))
    node = Node(replace(made, trunks={**made.trunks, "pbx": pbx}))
    node.peers.clear()
    health = {one.hop.host: one for one in node.engine.egress.trunks.health.of("pbx")}
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    calls = 1_000
    for number in range(calls):
        _invite(node, number)
        tried = _take_invite(node)
        first[tried[0]] += 1
        if tried[0] == "10.20.1.2":
            node.sent.clear()
            _refuse(node, tried, 503)
            tried = _take_invite(node)
            second[tried[0]] += 1
            health["10.20.1.2"].failures = 0  # it stays in service: this is about shares, not about health
        _refuse(node, tried, 486)
        if number % 500 == 0:
            node.advance(64)
        node.sent.clear()
        node.events.clear()
    assert first == {host: calls * weight // 100 for host, weight in hosts.items()}
    moved = sum(second.values())
    assert moved == first["10.20.1.2"]
    share = 50 / 70
    assert abs(second["10.20.1.1"] - moved * share) < 4 * (moved * share * (1 - share)) ** 0.5
    assert set(second) == {"10.20.1.1", "10.20.1.3"}  # the backup's priority is another: not before all of these


@pytest.mark.parametrize(("status", "is_tried"), [(503, True), (480, True), (500, False), (404, False), (408, False)])
def test_crank_back_is_the_trunk_s_own_list(status: int, is_tried: bool) -> None:
    """Exactly the listed codes lead to the next target; another one is the caller's."""
    made = config(pbx=(f"sip:{PBX}", f"sip:{PBX2}"))
    pbx = replace(made.trunks["pbx"], crank_back=frozenset({480, 503}))
    node = Node(replace(made, trunks={**made.trunks, "pbx": pbx}))
    spare = node.peer("spare", PBX2, INSIDE)
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), status)
    node.pbx.expect_request("ACK")
    assert spare.idle() is not is_tried
    if not is_tried:
        node.carrier.expect_response(status)


# Calls by the thousand: no peers, only bytes.


def _invite(node: Node, number: int) -> None:
    head = (
        f"INVITE sip:+4930{number}@sbc.example.net SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bKw{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@{CARRIER}>;tag=w{number}\r\nTo: <sip:b@sbc.example.net>\r\n"
        f"Call-ID: weights-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{CARRIER}>\r\nContent-Length: 0\r\n\r\n"
    )
    node.carry(head.encode(), Flow(OUTSIDE, "UDP", CARRIER, 5060))


def _take_invite(node: Node) -> tuple[str, Request, Transmit]:
    found = [one for one in node.sent if one.data.startswith(b"INVITE ")]
    request = parse_message(found[-1].data)
    assert isinstance(request, Request)
    return found[-1].flow.host, request, found[-1]


def _refuse(node: Node, tried: tuple[str, Request, Transmit], status: int) -> None:
    request = tried[1]
    head = (
        f"SIP/2.0 {status} No\r\nVia: {request.vias[0]}\r\nFrom: {request.require('From')}\r\n"
        f"To: {request.require('To')};tag=t\r\nCall-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    node.carry(head.encode(), tried[2].flow)
