"""What a trunk and its targets carry at most, and calls that would come back to us."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sbc.config import Capacity, Config, Target, Timers
from sbc.outputs import CallEnded, Refused
from sbc.sip import parse_uri
from sbc.trunks import Load
from tests.kit.agent import Agent
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer, sdp
from tests.kit.wire import Chaos


def limited(pbx: Capacity | None = None, carrier: Capacity | None = None, *targets: Target) -> Config:
    """The kit's node with limits on its trunks."""
    made = config()
    trunks = dict(made.trunks)
    if pbx is not None:
        trunks["pbx"] = replace(trunks["pbx"], limits=pbx)
    if targets:
        trunks["pbx"] = replace(trunks["pbx"], targets=targets)
    if carrier is not None:
        trunks["carrier"] = replace(trunks["carrier"], limits=carrier)
    return replace(made, trunks=trunks)


def another(node: Node, name: str = "second", host: str = CARRIER, port: int = 5070) -> Peer:
    """One more caller, at a port of its own."""
    return node.peer(name, host, OUTSIDE if host == CARRIER else INSIDE, port)


def test_a_trunk_that_is_full_takes_no_call_from_it() -> None:
    """RFC 3261 section 21.5.4: 503 with Retry-After; the place is free again with the end of the first call."""
    node = Node(limited(carrier=Capacity(calls=1)))
    second = another(node)
    talk(node, node.carrier, node.pbx)
    second.invite()
    refusal = second.expect_response(503)
    second.ack_failure(refusal)
    assert refusal.get("Retry-After") is not None
    (event,) = node.events_of(Refused)
    assert isinstance(event, Refused)
    assert event.detail == "trunk carrier is full"
    hang_up(node, node.carrier, node.pbx)
    talk(node, second, node.pbx)
    hang_up(node, second, node.pbx)
    assert node.engine.egress.trunks.places == 0
    node.assert_clean()


def test_a_full_target_is_passed_over_and_with_the_last_one_the_caller_gets_503() -> None:
    targets = (
        Target(parse_uri(f"sip:{PBX}"), 1, limits=Capacity(calls=1)),
        Target(parse_uri(f"sip:{PBX2}"), 2, limits=Capacity(calls=1)),
    )
    node = Node(limited(None, None, *targets))
    spare = node.peer("spare", PBX2, INSIDE)
    second, third = another(node), another(node, "third", port=5071)
    talk(node, node.carrier, node.pbx)
    talk(node, second, spare)
    third.invite()
    refusal = third.expect_response(503)
    third.ack_failure(refusal)
    assert refusal.get("Retry-After") is not None
    assert node.pbx.idle()
    assert spare.idle()
    assert node.engine.egress.trunks.places == 6  # two calls: at the carrier's, at the trunk and at a target each
    hang_up(node, node.carrier, node.pbx)
    hang_up(node, second, spare)
    assert node.engine.egress.trunks.places == 0


def test_a_trunk_that_is_full_sends_the_call_to_the_next_trunk_of_the_rule() -> None:
    made = limited(pbx=Capacity(calls=1))
    spare_trunk = replace(made.trunks["pbx"], name="spare", targets=(Target(parse_uri(f"sip:{PBX2}")),))
    rule = made.policy.rules[0]
    routed = replace(rule, then=replace(rule.then, route=("pbx", "spare")))
    policy = replace(made.policy, rules=(routed, *made.policy.rules[1:]))
    node = Node(replace(made, policy=policy, trunks={**made.trunks, "spare": spare_trunk}))
    spare = node.peer("spare", PBX2, INSIDE)
    talk(node, node.carrier, node.pbx)
    second = another(node)
    talk(node, second, spare)
    assert node.pbx.idle()


def test_calls_in_both_directions_share_a_trunk() -> None:
    node = Node(limited(carrier=Capacity(calls=1)))
    talk(node, node.carrier, node.pbx)
    other = node.peer("desk", PBX, INSIDE, 5070)
    other.invite("+15550100")
    other.ack_failure(other.expect_response(503))
    hang_up(node, node.carrier, node.pbx)
    assert node.engine.egress.trunks.places == 0


def test_never_more_calls_than_the_limit_in_any_one_second() -> None:
    node = Node(limited(carrier=Capacity(calls_per_second=3)))
    statuses: list[int] = []
    for index in range(20):
        caller = another(node, f"caller{index}", port=6000 + index)
        caller.invite()
        first = caller.take()
        statuses.append(first.status)  # type: ignore[union-attr]
        node.advance(0.1)
    assert statuses == ([100] * 3 + [503] * 7) * 2


def test_a_second_is_a_second() -> None:
    """The window slides: a place is free one second after the call that took it began, and not before."""
    load, limits = Load(), Capacity(calls_per_second=1)
    load.take(limits, 100.0)
    assert not load.has_room(limits, 100.999)
    assert load.has_room(limits, 101.0)


def test_a_call_ends_when_the_trunk_s_longest_duration_is_over() -> None:
    """The least of both trunks, the target and the node counts."""
    for pbx, carrier, target in ((60, 90, 0), (90, 60, 0), (90, 90, 60)):
        targets = (Target(parse_uri(f"sip:{PBX}"), limits=Capacity(duration=target)),)
        node = Node(limited(Capacity(duration=pbx), Capacity(duration=carrier), *targets))
        talk(node, node.carrier, node.pbx)
        node.advance(59)
        assert node.engine.active_calls == 1
        node.advance(2)
        assert node.engine.active_calls == 0
        for side in (node.carrier, node.pbx):
            side.reply(side.expect_request("BYE"), 200)
        (ended,) = node.events_of(CallEnded)
        assert isinstance(ended, CallEnded)
        assert (ended.released_by, ended.cause) == ("sbc", "longest call")
        node.assert_clean()


def test_a_place_moves_with_the_call_to_the_next_target() -> None:
    """Crank-back: what the first target held is free while the second one rings."""
    node = Node(config(pbx=(f"sip:{PBX}", f"sip:{PBX2}")))
    spare = node.peer("spare", PBX2, INSIDE)
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 503)
    node.pbx.expect_request("ACK")
    invite = spare.expect_request("INVITE")
    rows = {row["name"]: row for row in node.engine.egress.trunks.rows(node.config, node.now)}
    targets = rows["pbx"]["targets"]
    assert isinstance(targets, list)
    assert [(row["calls"], row["state"]) for row in targets] == [(0, "down"), (1, "up")]
    spare.reply(invite, 486)
    spare.expect_request("ACK")
    assert node.engine.egress.trunks.places == 0


@pytest.mark.parametrize("seed", range(40))
def test_counters_are_back_at_nothing_after_any_call(seed: int) -> None:
    """Whatever becomes of a call on a bad wire, its places are given back: no drift."""
    limits = Capacity(calls=1, calls_per_second=1, duration=20)
    random = Random(1000 + seed)
    node = Node(replace(limited(limits, limits), timers=Timers(ringing=40, liveness=60)))
    node.peers.clear()
    bad = random.choice([0.0, 0.05, 0.25])
    chaos = Chaos(node, random, loss=bad, repeat=bad, delay=random.choice([0.01, 0.2, 0.8]))
    carrier = Agent(chaos, "carrier", CARRIER, OUTSIDE, random)
    pbx = Agent(chaos, "pbx", PBX, INSIDE, random)
    caller = random.choice([carrier, pbx])
    chaos.later(0.1, lambda: caller.dial(late=random.random() < 0.3))
    for agent in (carrier, pbx):
        for _ in range(random.randrange(1, 6)):
            chaos.later(random.random() * 15, agent.act)
    if random.random() < 0.2:
        chaos.later(random.random() * 10, lambda: chaos.ends.update({(pbx.host, 5060): lambda data: None}))
    chaos.run(30)
    carrier.hang_up()
    chaos.run(10)
    pbx.hang_up()
    chaos.run(300)
    assert node.engine.active_calls == 0
    assert node.engine.egress.trunks.places == 0


def test_a_call_to_a_name_that_is_ourselves_is_refused() -> None:
    """RFC 3261 section 16.3 item 4 in spirit: 482, found after DNS, and nothing is sent."""
    node = Node(config(pbx=("sip:pbx.example.net",)))
    node.carrier.invite()
    node.carrier.expect_response(100)
    (lookup,) = [one for one in node.lookups if one.sought.name == "pbx.example.net"][-1:]
    sent = len(node.sent)
    node.locate(lookup, node.config.listeners[INSIDE].host)
    node.carrier.ack_failure(node.carrier.expect_response(482))
    assert [one.data[:11] for one in node.sent[sent:]] == [b"SIP/2.0 482"]
    (ended,) = node.events_of(CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.cause == "the next hop is this node"
    assert node.engine.egress.trunks.places == 0


def test_a_loop_does_not_speak_against_the_target_and_the_advertised_address_counts() -> None:
    made = config(pbx=("sip:pbx.example.net",))
    inside = replace(made.listeners[INSIDE], advertised="192.0.2.99")
    realms = {**made.realms, "inside": replace(made.realms["inside"], listeners=(inside,))}
    node = Node(replace(made, realms=realms, listeners=(made.listeners[OUTSIDE], inside)))
    node.carrier.invite()
    node.locate(node.lookups[-1], "192.0.2.99")
    node.carrier.expect_response(482)
    assert [one.state.value for one in node.engine.egress.trunks.health.of("pbx")] == ["up"]


def test_answered_call_is_acknowledged_as_before() -> None:
    """The limits are counted beside the call: its messages are the same."""
    node = Node(limited(Capacity(5, 5, 3600), Capacity(5, 5, 3600)))
    answer(node, node.carrier, node.pbx, ring(node, node.carrier, node.pbx, sdp(CARRIER)))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
