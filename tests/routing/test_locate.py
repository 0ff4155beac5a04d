"""Locating a SIP server: what DNS gives, put in order (RFC 3263, RFC 2782)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sbc.records import Naptr, Server, Srv
from sbc.routing import guesses, mixed, places, services, srv_order

ALL = frozenset({"UDP", "TCP", "TLS"})
NAPTRS = [
    Naptr(50, 50, "s", "sips+d2t", "_sips._tcp.example.com"),
    Naptr(90, 50, "s", "sip+d2t", "_sip._tcp.example.com"),
    Naptr(90, 20, "s", "sip+d2u", "_sip._udp.example.com"),
]


def test_naptr_records_go_by_order_then_preference() -> None:
    """RFC 3263 section 4.1; order outdoes preference (RFC 3403 section 4.1)."""
    assert [transport for transport, _ in services(NAPTRS[::-1], ALL, False)] == ["TLS", "UDP", "TCP"]


def test_what_we_do_not_speak_is_passed_over() -> None:
    strange = [Naptr(1, 1, "s", "sip+d2s", "_sip._sctp.example.com"), Naptr(1, 2, "u", "e2u+sip", "x"), *NAPTRS]
    assert services(strange, frozenset({"UDP"}), False) == [("UDP", "_sip._udp.example.com")]


def test_sips_leads_to_tls_alone() -> None:
    """RFC 3263 section 4.1: a service that is not SIPS is discarded."""
    assert services(NAPTRS, ALL, True) == [("TLS", "_sips._tcp.example.com")]
    assert services(NAPTRS[1:], ALL, True) == []
    assert guesses("example.com", ALL, True) == [("TLS", "_sips._tcp.example.com")]


def test_without_naptr_srv_is_asked_for_each_transport_we_speak() -> None:
    assert guesses("example.com", frozenset({"UDP", "TCP"}), False) == [
        ("UDP", "_sip._udp.example.com"),
        ("TCP", "_sip._tcp.example.com"),
    ]


def test_lower_priority_comes_first_whatever_the_weight() -> None:
    records = [Srv(20, 100, 5060, "b"), Srv(10, 0, 5060, "a"), Srv(20, 0, 5060, "c")]
    assert srv_order(records, lambda n: n - 1) == [records[1], records[0], records[2]]


def test_within_a_priority_the_first_is_drawn_by_weight() -> None:
    """RFC 2782: the running sum is reached or passed by the number drawn."""
    random = Random(1)
    records = [Srv(1, 60, 5060, "a"), Srv(1, 30, 5060, "b"), Srv(1, 10, 5060, "c")]
    first = Counter(srv_order(records, random.randrange)[0].host for _ in range(20_000))
    assert first["a"] / 20_000 == pytest.approx(0.6, abs=0.02)
    assert first["b"] / 20_000 == pytest.approx(0.3, abs=0.02)
    assert {len(set(srv_order(records, random.randrange))) for _ in range(100)} == {3}


def test_weight_0_has_a_small_chance_and_not_none() -> None:
    """RFC 2782: it is taken where 0 is drawn."""
    records = [Srv(1, 10, 5060, "a"), Srv(1, 0, 5060, "zero")]
    assert srv_order(records, lambda n: 0)[0].host == "zero"
    assert srv_order(records, lambda n: min(1, n - 1))[0].host == "a"


def test_families_take_turns_ipv6_first() -> None:
    """RFC 7984 section 4: a dead family costs one try."""
    assert mixed(["2001:db8::1", "2001:db8::2"], ["192.0.2.1"]) == ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
    assert mixed([], ["192.0.2.1"]) == ["192.0.2.1"]


def test_places_go_by_transport_then_priority_then_as_dns_gave_the_addresses() -> None:
    servers = [
        Server("UDP", 5060, ("192.0.2.3",), 1, 0, 0),
        Server("TCP", 5060, ("192.0.2.2",), 0, 20, 0),
        Server("TCP", 5070, ("2001:db8::1", "192.0.2.1"), 0, 10, 0),
        Server("TCP", 5060, ("192.0.2.2",), 0, 30, 0),
    ]
    assert places(servers, lambda n: 0) == [
        ("TCP", "2001:db8::1", 5070),
        ("TCP", "192.0.2.1", 5070),
        ("TCP", "192.0.2.2", 5060),
        ("UDP", "192.0.2.3", 5060),
    ]


def test_srv_weights_are_those_of_the_rfc_over_ten_thousand_draws() -> None:
    """RFC 2782: a number from 0 to the sum, both included, so that the first of its priority gets one chance more."""
    random = Random(3)
    records = [Srv(1, weight, 5060, host) for host, weight in (("a", 50), ("b", 30), ("c", 20))]
    order = Counter(tuple([one.host for one in srv_order(records, random.randrange)]) for _ in range(10_000))
    first: Counter[str] = Counter()
    for hosts, count in order.items():
        first[hosts[0]] += count
    for host, share in (("a", 51 / 101), ("b", 30 / 101), ("c", 20 / 101)):
        assert abs(first[host] - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5
    second_after_a = order[("a", "b", "c")] / first["a"]
    assert second_after_a == pytest.approx(31 / 51, abs=0.03)
