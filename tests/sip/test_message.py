"""Headers asked for by name and by type."""

from __future__ import annotations

import pytest

from sbc.sip import Fault, ParseError, Request, parse_message
from tests.sip.messages import invite


def test_headers_are_asked_by_canonical_name() -> None:
    """RFC 3261 section 7.3.1: the order of repeated headers counts."""
    message = parse_message(invite("Route: <sip:a;lr>, <sip:b;lr>", "Subject: x", "Route: <sip:c;lr>"))

    assert message.get("Subject") == "x"
    assert message.get("Route") == "<sip:a;lr>, <sip:b;lr>"
    assert message.get_all("Route") == ["<sip:a;lr>, <sip:b;lr>", "<sip:c;lr>"]
    assert (message.get("Date"), message.get_all("Date")) == (None, [])
    assert [str(route) for route in message.routes] == ["<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>"]
    assert message.record_routes == []


def test_vias_are_one_list_topmost_first() -> None:
    """RFC 3261 section 20.42."""
    message = parse_message(invite("Via: SIP/2.0/TCP b;branch=2, SIP/2.0/TLS c;branch=3"))

    assert [via.split(";")[0] for via in message.vias] == [
        "SIP/2.0/UDP 198.51.100.10:5060",
        "SIP/2.0/TCP b",
        "SIP/2.0/TLS c",
    ]
    assert message.top_via.branch == "z9hG4bK-1"


def test_top_via_of_a_list_is_its_first() -> None:
    """RFC 3261 section 7.3.1."""
    message = parse_message(invite('Via: SIP/2.0/UDP a;branch=1;x=",", SIP/2.0/UDP b', without="Via"))

    assert (message.top_via.host, message.top_via.branch) == ("a", "1")


def test_tokens_are_one_list() -> None:
    """RFC 3261 section 20.37; empty elements do no harm there."""
    message = parse_message(invite("Supported: timer,, 100rel", "k: replaces,"))

    assert message.tokens("Supported") == ["timer", "100rel", "replaces"]


def test_typed_headers_are_none_where_absent() -> None:
    """What is not there has no value."""
    message = parse_message(invite(without="Max-Forwards"))

    assert (message.max_forwards, message.expires, message.session_expires, message.min_se) == (None, None, None, None)
    assert (message.rack, message.rseq, message.refer_to, message.replaces, message.event) == (None,) * 5


def test_typed_headers_are_values() -> None:
    """Each as its file reads it."""
    message = parse_message(
        invite(
            "Expires: 60",
            "x: 1800;refresher=uas",
            "Min-SE: 90",
            "r: <sip:c@d?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>",
            "Replaces: 9;to-tag=8;from-tag=7",
            "o: refer;id=1",
            "RAck: 1 2 INVITE",
        )
    )

    assert (message.max_forwards, message.expires, message.min_se) == (70, 60, 90)
    assert str(message.session_expires) == "1800;refresher=uas"
    assert message.refer_to is not None
    assert message.refer_to.uri.header("Replaces") == "1;to-tag=2;from-tag=3"
    assert (str(message.replaces), str(message.event), str(message.rack)) == (
        "9;to-tag=8;from-tag=7",
        "refer;id=1",
        "1 2 INVITE",
    )
    assert message.content_type == "application/sdp"
    assert message.to_address.uri.user == "bob"


def test_missing_header_raises_where_one_must_be() -> None:
    """Only in messages that did not come from the parser."""
    with pytest.raises(ParseError) as caught:
        _ = Request("INVITE", "sip:a@b", []).call_id
    assert caught.value.fault is Fault.MISSING_HEADER
