"""Units in one canonical form, however a peer spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import text

from sbc.topology.audit.units import (
    all_units,
    canonical_host,
    inner_units,
    is_ipv4,
    may_hide_host,
    may_hold_ipv6,
    unescape,
    units,
)


def _looks_odd(data: bytes) -> bool:
    return may_hide_host(data, [unit for unit in units(data) if len(unit) > 7])


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (b"<sip:PBX.Corp.Local:5080;lr>", b"pbx.corp.local"),
        (b"sip:alice@pbx%2Ecorp%2elocal", b"pbx.corp.local"),
        (b"at pbx.corp.local.", b"pbx.corp.local"),
        (b"received=10.20.0.5;x", b"10.20.0.5"),
        (b"ip-10-20-0-5.compute.example", b"10.20.0.5"),
        (b"host 10-20-0-5 is down", b"10.20.0.5"),
        (b"[2001:DB8:0:0:0:0:0:5]:5060", b"2001:db8::5"),
        (b"received=2001:0db8::0005;x", b"2001:db8::5"),
        (b"c=IN IP6 2001:db8::5/127", b"2001:db8::5"),
        (b"<sip:[fe80::1%25eth0]>", b"fe80::1"),
        (b"[::ffff:10.20.0.5]", b"10.20.0.5"),
        (b"[::ffff:a14:5]", b"10.20.0.5"),
        (b"tag=AbC-123.x", b"abc-123.x"),
        (b"2001:db8::5:", b"2001:db8::5"),
        (b"<sip:2001:db8::5>", b"2001:db8::5"),
        (b"sip:gw-10.20.0.5@x", b"10.20.0.5"),
        (b"foo10.20.0.5", b"10.20.0.5"),
        (b"10.20.0.5.nip.example", b"10.20.0.5"),
        (b"10.20.0.5-trunk", b"10.20.0.5"),
        (b"gw-10%2E20%2e0%2E5", b"10.20.0.5"),
        (b"ip_10_20_0_5", b"10.20.0.5"),
        (b"sip:gw[2001:db8::5]@x", b"2001:db8::5"),
        (b"sip:gw%5B2001%3adb8::5%5D@x", b"2001:db8::5"),
        (b"face2001:db8::5", b"2001:db8::5"),
    ],
)
def test_a_token_is_found_in_every_spelling(text: bytes, token: bytes) -> None:
    """RFC 3261 section 19.1.4, RFC 5952."""
    assert token in all_units(text)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (b"110.20.0.5", b"10.20.0.5"),
        (b"10.20.0.55", b"10.20.0.5"),
        (b"pbx.corp.local.example", b"pbx.corp.local"),
        (b"110-20-0-55", b"10.20.0.5"),
        (b"[2001:db8::55]", b"2001:db8::5"),
        (b"xinner-tag", b"inner-tag"),
    ],
)
def test_a_token_is_a_whole_unit(text: bytes, token: bytes) -> None:
    assert token not in all_units(text)


def test_units_are_cut_at_everything_but_letters_digits_dots_and_dashes() -> None:
    assert units(b'From: "A b" <sip:x_y@h-1.example:5060;p=q>\r\n') == b"from a b sip x y h-1.example 5060 p q".split()


@pytest.mark.parametrize(
    ("text", "plain"),
    [(b"a%40b", b"a@b"), (b"%41%", b"A%"), (b"%zz%4", b"%zz%4"), (b"100%", b"100%"), (b"%2531", b"%31")],
)
def test_escapes_are_resolved_once(text: bytes, plain: bytes) -> None:
    """RFC 3261 section 19.1.2."""
    assert unescape(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        b"1-2-3-4",
        b"ip-10-20-0-5.example",
        b"x010-020-000-005",
        b"1--2-3-4",
        b"10-----20-0-5",
        b"9-99-255-1-7",
        b"ip_10_20_0_5",
        b"gw-10.20.0.5",
        b" 10.20.0.5x ",
        b" 10.20.0.6 gw.10.20.0.5 ",
        b" 10.20.0.5. ",
    ],
)
def test_the_quick_look_never_misses_an_address_inside_a_word(text: bytes) -> None:
    assert inner_units(text)
    assert _looks_odd(text)


@given(text(alphabet="0123456789-_x", max_size=24))
def test_the_quick_look_misses_no_dashed_address_of_any_spelling(drawn: str) -> None:
    """The exact look is the referee."""
    data = drawn.encode()
    assert _looks_odd(data) or not inner_units(data)


@given(text(alphabet="0123456789.x -", max_size=24))
def test_the_quick_look_misses_no_address_inside_a_word(drawn: str) -> None:
    """What the exact look finds is a unit by itself, or the quick look has seen that it is none."""
    data = drawn.encode()
    assert _looks_odd(data) or {unit for unit in inner_units(data) if is_ipv4(unit)} <= set(units(data))


@pytest.mark.parametrize(
    "text",
    [
        b"Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-1;received=10.20.0.5\r\n",
        b"o=- 1 1 IN IP4 10.20.0.5\r\nc=IN IP4 10.20.0.5\r\n",
        b"Contact: <sip:x@10.20.0.5:5060>\r\nCall-ID: 7-1@10.20.0.5\r\nServer: node/1.2.3\r\n",
    ],
)
def test_the_quick_look_lets_addresses_pass_that_stand_alone(text: bytes) -> None:
    """They are units, and looked up as such."""
    assert not _looks_odd(text)


@given(text(alphabet="0123456789.x -", max_size=24))
def test_the_quick_look_misses_no_word_that_ends_with_a_dot(drawn: str) -> None:
    """`10.20.0.5.` and `pbx.example.` are the hosts without it, and among the units they are not."""
    data = drawn.encode()
    assert may_hide_host(data, units(data)) or not [unit for unit in units(data) if unit.endswith(b".")]


@pytest.mark.parametrize("text", [b"branch=z9hG4bK-4242-17-0", b"branch=z9hG4bK-1-2-34567", b"a---b"])
def test_the_quick_look_lets_numbered_branches_pass(text: bytes) -> None:
    """SIPp and others number theirs so: the exact look would cost every one of their messages."""
    assert not inner_units(text)
    assert not _looks_odd(text)


@pytest.mark.parametrize("text", [b"::1", b"2001:db8::5", b"2001:db8:0:0:0:0:0:5", b"[1:2:3:4:5:6:7:8]"])
def test_the_quick_look_never_misses_an_ipv6_address(text: bytes) -> None:
    assert may_hold_ipv6(text)


def test_hosts_have_one_form() -> None:
    assert canonical_host("[2001:DB8:0::5]") == b"2001:db8::5"
    assert canonical_host("PBX.Corp.Local.") == b"pbx.corp.local"
    assert canonical_host("fe80::1%eth0") == b"fe80::1"
    assert canonical_host("1:2:3") == b"1:2:3"


def test_what_looks_like_an_address_and_is_none() -> None:
    assert not is_ipv4(b"10.20.0.256")
    assert not is_ipv4(b"1.2.3")
    assert not is_ipv4(b"1.2.3.a")
    assert all_units(b"12:30:45 AA:BB:CC:DD:EE:FF:00:11:22") >= {b"12", b"aa"}
