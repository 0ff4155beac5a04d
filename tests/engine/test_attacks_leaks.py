"""What one side could learn of the other on a way that nobody looked at."""

from __future__ import annotations

import pytest

from tests.kit.flows import talk
from tests.kit.node import CARRIER, PBX, Node, config
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
