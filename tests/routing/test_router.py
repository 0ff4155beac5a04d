"""Who calls and where a call goes next."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from policies import Action, Document
from sbc.config import Config, Listener, Realm, Target, Trunk
from sbc.records import Located, Server, Sought
from sbc.routing import FAILURE_PENALTY, RECOGNISED, NextHop, Router
from sbc.sip import parse_uri

OUTSIDE = Listener(0, "outside", "UDP", "203.0.113.5", 5060)
INSIDE = Listener(1, "inside", "UDP", "10.20.0.1", 5060)


def target(uri: str, priority: int = 1, weight: int = 1) -> Target:
    return Target(parse_uri(uri), priority, weight)


def config(*trunks: Trunk) -> Config:
    return Config(
        name="n",
        realms={
            "outside": Realm("outside", (OUTSIDE,), "example.net"),
            "inside": Realm("inside", (INSIDE,), "inside", trusted=True),
        },
        trunks={trunk.name: trunk for trunk in trunks},
        listeners=(OUTSIDE, INSIDE),
        policy=Document("p", Action(reject=403)),
    )


def router(*trunks: Trunk) -> Router:
    return Router(config(*trunks))


def carrier(*targets: Target, name: str = "carrier", realm: str = "outside", sources: tuple[str, ...] = ()) -> Trunk:
    return Trunk(name, realm, targets, sources)


def first(_bound: int) -> int:
    return 0


def hosts(hops: list[NextHop]) -> list[str]:
    return [hop.host for hop in hops]


def test_lower_priority_numbers_are_tried_first() -> None:
    made = router(carrier(target("sip:192.0.2.3", 3), target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2)))
    assert hosts(made.select(("carrier",), first, 0.0)) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_trunks_are_tried_in_the_order_of_the_policy() -> None:
    made = router(carrier(target("sip:192.0.2.1"), name="a"), carrier(target("sip:192.0.2.2"), name="b"))
    assert hosts(made.select(("b", "a"), first, 0.0)) == ["192.0.2.2", "192.0.2.1"]


def test_a_trunk_without_targets_or_unknown_gives_no_hops() -> None:
    made = router(carrier(sources=("192.0.2.0/24",)))
    assert made.select(("carrier", "ghost"), first, 0.0) == []


def test_weights_share_the_first_place_exactly() -> None:
    """Of 10,000 requests each target is the first for as many as its weight says; RFC 2782 is content with averages."""
    made = router(
        carrier(
            target("sip:192.0.2.1", weight=60),
            target("sip:192.0.2.2", weight=30),
            target("sip:192.0.2.3", weight=10),
            target("sip:192.0.2.4", weight=0),
        )
    )
    random = Random(7)
    orders = [hosts(made.select(("carrier",), random.randrange, 0.0)) for _ in range(10000)]
    counts = Counter(order[0] for order in orders)
    assert counts == {"192.0.2.1": 6000, "192.0.2.2": 3000, "192.0.2.3": 1000}
    second = Counter(order[1] for order in orders if order[0] == "192.0.2.1")
    assert abs(second["192.0.2.2"] / sum(second.values()) - 0.75) < 0.03


def test_every_target_is_tried_once() -> None:
    targets = [target(f"sip:192.0.2.{number}", weight=number % 3) for number in range(1, 9)]
    made = router(carrier(*targets))
    random = Random(1)
    for _ in range(50):
        assert sorted(hosts(made.select(("carrier",), random.randrange, 0.0))) == sorted(t.uri.host for t in targets)


def test_a_target_that_failed_is_tried_last_for_a_while() -> None:
    made = router(
        carrier(target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2), name="a"),
        carrier(target("sip:192.0.2.3"), name="b"),
    )
    made.note_failure(made.select(("a",), first, 100.0)[0], 100.0)
    during = hosts(made.select(("a", "b"), first, 100.0 + FAILURE_PENALTY - 0.1))
    assert during == ["192.0.2.2", "192.0.2.3", "192.0.2.1"]
    after = hosts(made.select(("a", "b"), first, 100.0 + FAILURE_PENALTY))
    assert after == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_all_targets_failed_are_all_tried_in_order() -> None:
    made = router(carrier(target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2)))
    for hop in made.select(("carrier",), first, 0.0):
        made.note_failure(hop, 0.0)
    assert hosts(made.select(("carrier",), first, 1.0)) == ["192.0.2.1", "192.0.2.2"]


def test_an_answer_heals_a_target_at_once() -> None:
    made = router(carrier(target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2)))
    hop = made.select(("carrier",), first, 0.0)[0]
    made.note_failure(hop, 0.0)
    made.note_success(hop, 1.0)
    assert hosts(made.select(("carrier",), first, 1.0)) == ["192.0.2.1", "192.0.2.2"]


def test_one_port_of_a_host_fails_alone() -> None:
    made = router(carrier(target("sip:192.0.2.1:5080", 1), target("sip:192.0.2.1:5081", 2)))
    made.note_failure(made.select(("carrier",), first, 0.0)[0], 0.0)
    assert [hop.port for hop in made.select(("carrier",), first, 1.0)] == [5081, 5080]


def test_a_source_within_the_networks_is_the_trunk() -> None:
    made = router(carrier(target("sip:192.0.2.1"), sources=("198.51.100.0/28", "2001:db8:1::/48")))
    source = made.identify(OUTSIDE, "198.51.100.15", 5062)
    assert (source.realm, source.trunk, source.address, source.port) == ("outside", "carrier", "198.51.100.15", 5062)
    assert made.identify(OUTSIDE, "2001:db8:1::9").trunk == "carrier"


@pytest.mark.parametrize("host", ["198.51.100.16", "2001:db8:2::1", "192.0.2.1"])
def test_anybody_else_is_a_stranger_of_the_realm(host: str) -> None:
    """With `sources` the targets' own addresses do not count: the list is the whole truth."""
    source = router(carrier(target("sip:192.0.2.1"), sources=("198.51.100.0/28",))).identify(OUTSIDE, host)
    assert source.is_stranger
    assert source.realm == "outside"


def test_a_trunk_speaks_in_its_own_realm_only() -> None:
    made = router(carrier(target("sip:192.0.2.1"), sources=("198.51.100.0/28",)))
    assert made.identify(INSIDE, "198.51.100.1").is_stranger


def test_without_sources_the_targets_addresses_speak_as_the_trunk() -> None:
    made = router(carrier(target("sip:192.0.2.1:5080"), target("sip:[2001:db8::7]")))
    assert made.identify(OUTSIDE, "192.0.2.1").trunk == "carrier"
    assert made.identify(OUTSIDE, "2001:db8::7").trunk == "carrier"
    assert made.soughts == ()


def test_a_target_s_name_speaks_once_it_is_resolved() -> None:
    made = router(carrier(target("sip:sbc.carrier.example"), target("sip:192.0.2.9")))
    (sought,) = made.soughts
    assert sought == Sought("sbc.carrier.example", frozenset({"UDP"}))
    assert made.identify(OUTSIDE, "198.51.100.77").is_stranger
    for seconds, address in enumerate(("198.51.100.77", "198.51.100.78")):
        made.note_located(sought, Located((Server("UDP", 5060, (address,)),), 60.0), float(seconds))
    assert made.identify(OUTSIDE, "198.51.100.77").trunk == "carrier"
    assert made.identify(OUTSIDE, "198.51.100.78").trunk == "carrier"
    made.note_located(sought, Located((Server("UDP", 5060, ("198.51.100.78",)),), 60.0), RECOGNISED + 0.5)
    assert made.identify(OUTSIDE, "198.51.100.77").is_stranger
    assert made.identify(OUTSIDE, "198.51.100.78").trunk == "carrier"


def test_a_name_that_nobody_waits_for_changes_nothing() -> None:
    made = router(carrier(target("sip:192.0.2.1")))
    made.note_located(Sought("elsewhere.example"), Located((Server("UDP", 5060, ("198.51.100.77",)),), 60.0), 0.0)
    assert made.identify(OUTSIDE, "198.51.100.77").is_stranger


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:192.0.2.1", ("192.0.2.1", 5060, "UDP", True)),
        ("sip:192.0.2.1:5080;transport=tcp", ("192.0.2.1", 5080, "TCP", True)),
        ("sip:[2001:db8::1]", ("2001:db8::1", 5060, "UDP", True)),
        ("sips:192.0.2.1", ("192.0.2.1", 5061, "TLS", True)),
        ("sips:192.0.2.1;transport=ws", ("192.0.2.1", 443, "WSS", True)),
        ("sip:sbc.example.net", ("sbc.example.net", 5060, "UDP", False)),
    ],
)
def test_a_target_s_uri_says_where_to_send(uri: str, expected: tuple[str, int, str, bool]) -> None:
    """RFC 3263 sections 4.1 and 4.2, without DNS."""
    hop = NextHop("t", "outside", target(uri))
    assert (hop.host, hop.port, hop.transport, hop.is_address) == expected


def test_names_make_a_trunk_only_in_its_own_realm() -> None:
    named = Trunk("carrier", "outside", (target("sips:192.0.2.1"),), tls_names=("carrier.example",))
    made = router(named)
    assert made.identify(OUTSIDE, "192.0.2.9", 5061, ("carrier.example",)).trunk == "carrier"
    assert made.identify(INSIDE, "192.0.2.9", 5061, ("carrier.example",)).is_stranger
    assert made.identify(OUTSIDE, "192.0.2.1", 5061).is_stranger


def test_a_certificate_does_not_hurt_a_trunk_that_is_known_by_its_address() -> None:
    made = router(carrier(target("sip:192.0.2.1")), Trunk("named", "outside", (), tls_names=("named.example",)))
    assert made.identify(OUTSIDE, "192.0.2.1", 5061, ("whoever.example",)).trunk == "carrier"
    assert made.identify(OUTSIDE, "192.0.2.1", 5061, ("named.example",)).trunk == "named"
