"""Locating a SIP server: what DNS gives, put in order (RFC 3263, RFC 2782)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sbc.records import Naptr, Srv
from sbc.routing import guesses, mixed, services, srv_order

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
