"""Addresses, both ways."""

from __future__ import annotations

import pytest

from sbc.sip import Fault, ParseError, parse_address, parse_addresses, tag_of
from sbc.sip.address import is_seen, remember


@pytest.mark.parametrize(
    "text",
    [
        "<sip:a@b>",
        "<sip:a@b;lr>;tag=1;x",
        '"A. G. Bell" <sip:a@b>;tag=1',
        '"quote \\" and \\\\ and <" <sip:a@b>',
        "Alice <sip:a@b>",
        "Alice The-1st <sip:a@b>;tag=1",
        "<tel:+1201>;tag=1",
        '<sip:a@b>;x="a;b,c>"',
    ],
)
def test_address_is_written_back(text: str) -> None:
    """RFC 3261 section 20.10."""
    assert str(parse_address(text)) == text


def test_parameters_without_brackets_belong_to_the_header() -> None:
    """RFC 3261 section 20.10."""
    address = parse_address("sip:a@b;tag=1;transport=tcp")

    assert str(address) == "<sip:a@b>;tag=1;transport=tcp"
    assert (address.tag, address.param("transport"), address.uri.params) == ("1", "tcp", ())


def test_space_is_not_needed_before_the_bracket() -> None:
    """RFC 4475 section 3.1.1.6."""
    assert str(parse_address('"Alice"<sip:a@b>;tag=1')) == '"Alice" <sip:a@b>;tag=1'
    assert parse_address("Alice<sip:a@b>").display == "Alice"


@pytest.mark.parametrize("name", ["J\u00fcrgen M\u00fcller", '\\"arik\\"', "a (b)"])
def test_name_that_lacks_its_quotes_gets_them(name: str) -> None:
    """RFC 3261 section 25.1 wants tokens; phones send names beyond ASCII bare."""
    display = parse_address(f"{name} <sip:a@b>").display

    assert display[0] == '"'
    assert str(parse_address(f"{display} <sip:a@b>")) == f"{display} <sip:a@b>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<sip:a@b",
        "sip:a@b?x=y",
        "sip:a@b,c",
        '"A <sip:a@b>',
        '"A" sip:a@b',
        '"A" x <sip:a@b>',
        '"A',
        '"A\\" <sip:a@b>',
        "<sip:a@b> x",
        "<sip:a@b>x;tag=1",
        "<sip:a@b>;;tag=1",
        "<sip:a@b>;tag 1=2",
        "Bell, A <sip:a@b>",
        "a@b <sip:a@b>",
        "a\x01b <sip:a@b>",
        "<>",
    ],
)
def test_malformed_address_is_refused(text: str) -> None:
    """RFC 4475 sections 3.1.2.6, 3.1.2.13 and 3.1.2.15."""
    with pytest.raises(ParseError) as caught:
        parse_address(text)
    assert caught.value.status == 400


def test_list_is_split_outside_quotes_and_brackets() -> None:
    """RFC 3261 section 7.3.1."""
    found = parse_addresses(['"a, b" <sip:a@b>, <sip:c,d@e>;q=1', "<sip:f@g>"])

    assert [str(address) for address in found] == ['"a, b" <sip:a@b>', "<sip:c,d@e>;q=1", "<sip:f@g>"]
    assert parse_addresses([]) == []


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:a@b>;tag=1", "1"),
        ("<sip:a@b>;x=y;tag=1;z", "1"),
        ("<sip:a@b> ; Tag = 1", "1"),
        ("sip:a@b;tag=1", "1"),
        ("<sip:a@b;tag=9>", ""),
        ('"x;tag=9" <sip:a@b>', ""),
        ('<sip:a@b>;x=">;tag=9"', ""),
        ('<sip:a@b>;tag=1;x=">;tag=9"', "1"),
        ("<sip:a@b>;tag=1;x=<y>", "1"),
        ("<sip:a@b>;tag=1>", "1>"),
        ("<sip:a@b>;tag=", ""),
        ("<sip:a@b>;tag", ""),
        ("<sip:a@b>", ""),
        ("sip:a@b", ""),
        ("sip:a@b;tag=1>2", "1>2"),
        ("sip:a@b;x=>;tag=1", "1"),
    ],
)
def test_tag_is_found_without_parsing_and_is_the_same(text: str, tag: str) -> None:
    """RFC 3261 section 19.3: two ways to read it must not differ."""
    assert tag_of(text) == tag
    assert parse_address(text).tag == tag


def test_value_seen_before_may_only_differ_in_its_tag() -> None:
    """The short cut must never accept what the parser refuses."""
    remember('"Al" <sip:seen@b>;tag=1')

    assert is_seen('"Al" <sip:seen@b>')
    assert is_seen('"Al" <sip:seen@b>;tag=other')
    for tail in (";;tag=1", " x", ";tag=1;tag", ';tag="', ";x=1", ";tag=<"):
        assert not is_seen(f'"Al" <sip:seen@b>{tail}')
    assert not is_seen("sip:seen@b;tag=1")
    remember("sip:bare@b;tag=1>")
    assert not is_seen("sip:bare@b;tag=1>;tag=2")


def test_unclosed_bracket_names_its_fault() -> None:
    """The counter's name."""
    with pytest.raises(ParseError) as caught:
        parse_address("<sip:a@b")
    assert caught.value.fault is Fault.ADDRESS
