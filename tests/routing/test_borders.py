"""Whom an address belongs to."""

from __future__ import annotations

import pytest

from sbc.config import Nat, Realm
from sbc.routing import Borders, Router, is_address, is_far, is_unroutable, plain_host
from tests.kit.node import CARRIER, EDGE_IN, PBX, STRANGER, config


def borders() -> Borders:
    made = config(hide=("10.30.0.0/16", "pbx.corp.local"), pbx=(f"sip:{PBX}", "sip:pbx.corp.local:5080"))
    return Borders(made, Router(made).trunk_at)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ],
)
def test_address_that_no_stranger_can_be_at_is_unroutable(host: str) -> None:
    """RFC 6890, and the ways to write an IPv4 address into an IPv6 one."""
    assert is_unroutable(host)


@pytest.mark.parametrize("host", ["198.51.100.1", "203.0.113.9", "8.8.8.8", "172.32.0.1", "2001:db8::1", "a.example"])
def test_other_addresses_and_names_are_not(host: str) -> None:
    """Example networks count as public: nothing of ours is there."""
    assert not is_unroutable(host)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "a.example", ""])
def test_only_the_usual_forms_are_addresses(host: str) -> None:
    """What some resolvers take for 127.0.0.1 must not pass for something else."""
    assert not is_address(host)


def test_hosts_are_compared_in_one_form() -> None:
    """RFC 5952."""
    assert plain_host("[2001:DB8:0:0::1]") == "2001:db8::1"
    assert plain_host("[1::2::3]") == "1::2::3"
    assert plain_host("a.example") == "a.example"


def test_listeners_targets_and_names_of_another_realm_are_foreign() -> None:
    """At their port; names at any."""
    found = borders()
    assert found.is_foreign("outside", PBX, 5060)
    assert found.is_foreign("outside", EDGE_IN, 5060)
    assert found.is_foreign("outside", "pbx.corp.local", 1)
    assert found.is_foreign("outside", "pbx.corp.local.", 1)
    assert not found.is_foreign("outside", PBX, 5061)
    assert not found.is_foreign("outside", CARRIER, 5060)
    assert found.is_foreign("inside", CARRIER, 5060)


def test_hosts_and_networks_of_other_realms_are_beyond_whatever_the_port() -> None:
    """Hidden networks too."""
    found = borders()
    assert found.is_beyond("outside", PBX)
    assert found.is_beyond("outside", "10.30.4.5")
    assert found.is_beyond("inside", CARRIER)
    assert not found.is_beyond("outside", CARRIER)
    assert not found.is_beyond("outside", STRANGER)


def test_private_sender_behind_a_public_source_is_far() -> None:
    """And only that, unless the realm says that all are, or none."""
    auto, always, never = (Realm("r", (), "r", nat=Nat(peers)) for peers in ("auto", "always", "never"))
    assert is_far(auto, "192.168.1.2", "203.0.113.9")
    assert not is_far(auto, "203.0.113.9", "203.0.113.9")
    assert not is_far(auto, "192.168.1.2", "192.168.1.3")
    assert is_far(always, "203.0.113.9", "203.0.113.9")
    assert not is_far(never, "192.168.1.2", "203.0.113.9")
