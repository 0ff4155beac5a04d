"""What one side could learn of the other on a way that nobody looked at."""

from __future__ import annotations

import pytest

from policies import HeaderRule
from sbc.outputs import Leaked
from tests.engine.test_subscriptions import accept, heard, notify, subscribe
from tests.kit.flows import talk
from tests.kit.node import CARRIER, EDGE_OUT, OUTSIDE, PBX, STRANGER, Node, config
from tests.kit.peer import sdp


@pytest.mark.parametrize(
    ("dialled", "sent"),
    [
        ("+4930;tgrp=TG-1;trunk-context=inner.lan", "+4930"),
        ("+4930:secret", "+4930"),
        ("%2B49%33%30", "+4930"),
        ("a%20b%40%25", "a%20b%40%25"),
    ],
)
def test_request_uri_crosses_as_a_user_and_nothing_else(dialled: str, sent: str) -> None:
    """RFC 4904 trunk groups, passwords; needless escapes (RFC 3261 section 19.1.4) must not pass a rule by either."""
    node = Node()
    node.pbx.invite(number=dialled)
    invite = node.carrier.expect_request("INVITE")
    assert invite.request_uri == f"sip:{sent}@{CARRIER}"
    assert invite.to_address.uri.user == sent


def test_bypass_discloses_descriptions_and_no_other_body() -> None:
    """Design 3a: bypass discloses media addresses by definition; a text that names inner hosts is no description."""
    node = Node(config(mode="bypass"))
    talk(node, node.carrier, node.pbx)
    node.pbx.request("INFO", b"ask 10.20.0.5 about it", content_type="text/plain")
    node.pbx.expect_response(500)
    assert node.carrier.idle()


def test_numbers_and_flags_of_a_description_cross_without_words() -> None:
    """RFC 8866 section 6: `ptime` is a number and `sendrecv` has no value; words there would be somebody's own."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 10.20.0.5",
        "s=-",
        "c=IN IP4 10.20.0.5",
        "t=0 0",
        "m=audio 4000 RTP/AVP 8 innername",
        "a=ptime:innername",
        "a=maxptime:20",
        "a=sendrecv:innername",
        "a=rtcp-mux:innername",
    ]
    node = Node(config(mode="anchor"))
    node.pbx.invite(body="\r\n".join([*lines, ""]).encode())
    body = node.carrier.expect_request("INVITE").body
    assert b"innername" not in body
    assert b"a=maxptime:20\r\na=sendrecv\r\na=rtcp-mux\r\n" in body


def test_a_description_with_bare_line_feeds_shows_no_address_of_the_peer() -> None:
    """RFC 8866 section 5: they are lines to the media engine and to us alike, so that none is left as it was."""
    node = Node(config(mode="anchor", audit="off"))
    node.pbx.invite(body=sdp(PBX).replace(b"\r\n", b"\n"))
    body = node.carrier.expect_request("INVITE").body
    assert PBX.encode() not in body
    assert b"c=IN IP4 198.51.100.2\r\n" in body


@pytest.mark.parametrize(
    "line",
    ["a=fmtp:101 0-15;at=10.77.0.9", "a=rtpmap:8 x@inner/8000", "a=fmtp:8 at=2001:db8::9", "a=imageattr:8 a.b.c.d"],
)
def test_what_describes_a_codec_names_no_place(line: str) -> None:
    """RFC 8866 section 6.15: the format's own words cross, for nobody but the codec knows them; addresses do not."""
    node = Node(config(mode="anchor", audit="off"))
    node.pbx.invite(body=sdp(PBX) + line.encode() + b"\r\na=fmtp:8 mode-set=0,2;profile-level-id=42e01f\r\n")
    body = node.carrier.expect_request("INVITE").body
    assert line.encode() not in body
    assert b"a=fmtp:8 mode-set=0,2;profile-level-id=42e01f\r\n" in body


@pytest.mark.parametrize(
    "value", ["gw-10.20.0.5", "foo10.20.0.5", "<sip:t-10%2E20%2E0%2E5@x>", "a;gw=ip_10_20_0_5", "10.20.0.5.nip.example"]
)
def test_a_header_that_a_policy_passes_holds_no_address_inside_a_longer_word(value: str) -> None:
    """Nobody rewrites such a value: the audit alone stands between it and the carrier."""
    node = Node(config(headers=(HeaderRule("outside", "", "X-Way", "pass"),)))
    node.pbx.invite(extra=f"X-Way: {value}\n")
    assert node.carrier.expect_request("INVITE").get("X-Way") is None
    assert [event.token for event in node.events if isinstance(event, Leaked)] == [PBX]


def test_a_text_holds_no_address_inside_a_longer_word() -> None:
    """As with one that stands alone: the text cannot be cleaned, so that it does not cross."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.pbx.request("INFO", b"ask gw-10.20.0.5 about it", content_type="text/plain")
    node.pbx.expect_response(500)
    assert node.carrier.idle()


@pytest.mark.parametrize("user", ["10.20.0.5", "gw-10.20.0.5", "ip-10-20-0-5", "10%2E20.0.5", "10.20.0.77"])
def test_a_caller_who_names_itself_by_an_address_learns_not_whose_it_is(user: str) -> None:
    """Its own From comes back to it, whether the address is one of ours or nobody's (design 3a)."""
    node = Node()
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.send(
        f"INVITE sip:+4930@{EDGE_OUT} SIP/2.0\nVia: SIP/2.0/UDP {STRANGER}:5060;branch=z9hG4bK-s-1\nMax-Forwards: 70\n"
        f"From: <sip:{user}@example.com>;tag=s1\nTo: <sip:{user}@{EDGE_OUT}>\nCall-ID: s-call-1\nCSeq: 1 INVITE\n"
        f"Contact: <sip:s@{STRANGER}>\nContent-Type: application/sdp",
        sdp(STRANGER),
    )
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 180)
    node.pbx.reply(invite, 200, sdp(PBX))
    stranger.expect_response(180)
    stranger.expect_response(200)
    node.pbx.expect_request("ACK")
    node.pbx.request("INFO", b"x", content_type="text/plain")
    assert stranger.expect_request("INFO").from_address.uri.user == user
    assert not [event for event in node.events if isinstance(event, Leaked)]


@pytest.mark.parametrize("name", ["10.20.0.5", "x-10.20.0.5"])
def test_a_stranger_who_requires_an_address_is_told_that_we_lack_it(name: str) -> None:
    """RFC 3261 section 8.2.2.3: whether it is one of ours or nobody's."""
    node = Node()
    node.carrier.invite(extra=f"Require: {name}\n")
    assert node.carrier.expect_response(420).get("Unsupported") == name


@pytest.mark.parametrize("own", ["10.20.0.5", "x-10.20.0.5"])
def test_a_subscriber_whose_event_has_an_address_for_its_id_gets_it_back(own: str) -> None:
    """RFC 6665 section 4.2.1: every NOTIFY repeats it, and the notifier does not learn it."""
    node = Node()
    subscribe(node.carrier, f"message-summary;id={own}")
    request = accept(node)
    assert request.get("Event") == "message-summary"
    notify(node.pbx, request)
    assert heard(node, node.carrier).get("Event") == f"message-summary;id={own}"
