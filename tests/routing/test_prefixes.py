"""Longest-prefix match over IPv4 and IPv6."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbc.routing import PrefixTable


def table(*entries: tuple[str, str]) -> PrefixTable:
    made = PrefixTable()
    for network, name in entries:
        made.add(network, name)
    return made


def test_the_longest_network_wins_in_whatever_order_they_come() -> None:
    networks = [("10.0.0.0/8", "wide"), ("10.1.2.3", "one"), ("10.1.0.0/16", "middle")]
    for order in (networks, networks[::-1]):
        found = table(*order)
        assert [found.find(host) for host in ("10.1.2.3", "10.1.2.4", "10.9.9.9", "11.0.0.1")] == [
            "one",
            "middle",
            "wide",
            "",
        ]


def test_families_do_not_mix() -> None:
    found = table(("0.0.0.0/0", "four"), ("2001:db8::/32", "six"))
    assert found.find("2001:db8::1") == "six"
    assert found.find("2001:db9::1") == ""
    assert found.find("203.0.113.9") == "four"


def test_a_mapped_address_is_its_ipv4_address() -> None:
    """RFC 4291 section 2.5.5.2: what a dual-stack socket shows of an IPv4 peer."""
    assert table(("198.51.100.0/28", "carrier")).find("::ffff:198.51.100.3") == "carrier"


def test_the_first_name_of_a_network_stays() -> None:
    assert table(("10.0.0.0/8", "first"), ("10.0.0.0/8", "second")).find("10.1.1.1") == "first"


def test_text_that_is_no_address_is_found_nowhere() -> None:
    assert table(("0.0.0.0/0", "all")).find("pbx.example.net") == ""


def test_a_network_added_later_is_found_by_an_address_asked_before() -> None:
    found = table()
    assert found.find("10.1.1.1") == ""
    found.add("10.0.0.0/8", "later")
    assert found.find("10.1.1.1") == "later"


def test_remembering_answers_is_bounded() -> None:
    found = table(("10.0.0.0/8", "all"))
    for number in range(20000):
        found.find(f"10.0.{number >> 8}.{number & 255}")
    assert len(found._cache) <= 16384


def test_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        table(("carrier", "x"))


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=20),
    st.integers(0, 2**32 - 1),
)
def test_it_agrees_with_a_walk_over_all_networks(entries: list[tuple[int, int]], host: int) -> None:
    networks = [ip_network((address, length), strict=False) for address, length in entries]
    made = table(*[(str(network), str(network)) for network in networks])
    address = ip_address(host)
    assert isinstance(address, IPv4Address)
    holding = [network for network in networks if address in network]
    expected = str(max(holding, key=lambda network: network.prefixlen)) if holding else ""
    assert made.find(str(address)) == expected
