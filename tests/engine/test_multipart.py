"""Calls whose bodies have several parts: the session description counts, the rest crosses by rule (RFC 5621)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config
from tests.kit.flows import assert_no_leak, hang_up
from tests.kit.node import Node, config
from tests.kit.peer import Peer, sdp

ISUP = b"\x01\x00\x49\x00\x00\x03\x02\x00\x07\x04\x10\x33\x63\x21\x43\x00\x00"
MIXED = 'multipart/mixed;boundary="part"'


def passing(trunk: str) -> Config:
    """A trunk that takes ISUP."""
    made = config(mode="anchor")
    return replace(
        made, trunks=made.trunks | {trunk: replace(made.trunks[trunk], bodies=frozenset({"application/isup"}))}
    )


def mixed(peer: Peer, handling: str = "optional") -> bytes:
    """A session description with an ISUP message behind it."""
    return (
        b"--part\r\nContent-Type: application/sdp\r\n\r\n" + sdp(peer.host) + b"\r\n--part\r\n"
        b"Content-Type: application/isup;version=itu-t92+;base=itu-t92+\r\n"
        b"Content-Disposition: signal;handling=" + handling.encode() + b"\r\n\r\n" + ISUP + b"\r\n--part--\r\n"
    )


def call(node: Node, handling: str = "optional") -> None:
    """An INVITE in parts."""
    node.carrier.remote = "<sip:+493012345@sbc.example.net>"
    node.carrier.target = "sip:+493012345@sbc.example.net"
    node.carrier.request("INVITE", mixed(node.carrier, handling), content_type=MIXED)


def test_session_is_found_among_the_parts_and_what_is_optional_stays_behind() -> None:
    """RFC 5621 section 3.1: default-deny for a kind without a model."""
    node = Node(config(mode="anchor"))
    call(node)
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    assert invite.content_type == "application/sdp"
    assert b"m=audio " in invite.body
    assert ISUP not in invite.body
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize("settings", [config(mode="anchor"), passing("carrier")], ids=["no-trunk", "another-trunk"])
def test_part_that_must_be_understood_and_may_not_cross_gets_415(settings: Config) -> None:
    """RFC 5621 section 3.1."""
    node = Node(settings)
    call(node, "required")
    node.carrier.ack_failure(node.carrier.expect_response(415))
    assert node.pbx.idle()
    node.assert_clean()


@pytest.mark.parametrize("handling", ["optional", "required"])
def test_isup_crosses_to_the_trunk_that_lists_it(handling: str) -> None:
    """SIP-I and SIP-T: by rule, with a boundary of ours."""
    node = Node(passing("pbx"))
    call(node, handling)
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    assert invite.content_type == "multipart/mixed"
    assert ISUP in invite.body
    assert b"m=audio " in invite.body
    assert b"secret" not in invite.body
    assert b"--part" not in invite.body
    assert b"Content-Disposition: signal" in invite.body
    assert_no_leak(node)


def test_isup_of_an_answer_crosses_to_the_caller_that_takes_it_and_to_no_other() -> None:
    for settings, crosses in ((passing("carrier"), True), (passing("pbx"), False)):
        node = Node(settings)
        node.carrier.invite()
        node.carrier.expect_response(100)
        invite = node.pbx.expect_request("INVITE")
        body = mixed(node.pbx)
        node.pbx.send(
            f"SIP/2.0 200 OK\nVia: {invite.vias[0]}\nFrom: {invite.require('From')}\n"
            f"To: {invite.require('To')};tag=x1\nCall-ID: {invite.call_id}\nCSeq: {invite.cseq}\n"
            f"Contact: <sip:pbx@{node.pbx.host}>\nContent-Type: {MIXED}",
            body,
        )
        response = node.carrier.expect_response(200)
        assert (ISUP in response.body) is crosses
        assert b"m=audio " in response.body
        assert b"10.20.0.5" not in response.body


@pytest.mark.parametrize(
    "body", [b"--part\r\n\r\nno end", b"", b"--part\r\nContent-Type: text/plain\r\n\r\nx\r\n--part--"]
)
def test_parts_without_a_session_are_no_offer_or_no_body_at_all(body: bytes) -> None:
    """A malformed multipart is 415; one without a session description leaves the offer to the callee."""
    node = Node(config(mode="anchor"))
    node.carrier.remote = "<sip:+493012345@sbc.example.net>"
    node.carrier.target = "sip:+493012345@sbc.example.net"
    node.carrier.request("INVITE", body, content_type=MIXED)
    if b"no end" in body:
        node.carrier.expect_response(415)
    else:
        assert node.pbx.expect_request("INVITE").body == b""


LOCATION = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@example.com"/>'


def located(peer: Peer, content_id: str) -> bytes:
    """A session description with a location behind it."""
    head = f"Content-Type: application/pidf+xml\r\nContent-ID: <{content_id}>\r\n"
    return (
        b"--part\r\nContent-Type: application/sdp\r\n\r\n" + sdp(peer.host) + b"\r\n--part\r\n" + head.encode()
        + b"Content-Disposition: render;handling=optional\r\n\r\n" + LOCATION + b"\r\n--part--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "content_id", "shown"),
    [
        ({"application/pidf+xml"}, "place1@pbx.corp.local", "place1@sbc.example.net"),
        ({"application/pidf+xml"}, "a b@pbx.corp.local", ""),
        ({"application/isup"}, "place1@pbx.corp.local", ""),
    ],
)
def test_a_location_crosses_with_what_refers_to_it_where_the_trunk_takes_it(
    kinds: set[str], content_id: str, shown: str
) -> None:
    """RFC 6442 section 4.1: a reference without its part, or a part at a host of the other side, crosses never."""
    made = config(mode="anchor")
    node = Node(
        replace(made, trunks=made.trunks | {"carrier": replace(made.trunks["carrier"], bodies=frozenset(kinds))})
    )
    node.pbx.remote = "<sip:+493012345@sbc.example.net>"
    node.pbx.target = "sip:+493012345@sbc.example.net"
    extra = f"Geolocation: <cid:{content_id}>, <https://pbx.corp.local/x>\nGeolocation-Routing: yes\n"
    node.pbx.request("INVITE", located(node.pbx, content_id), extra=extra, content_type=MIXED)
    node.pbx.expect_response(100)
    invite = node.carrier.expect_request("INVITE")
    assert invite.get_all("Geolocation") == ([f"<cid:{shown}>"] if shown else [])
    assert (f"Content-ID: <{shown}>".encode() in invite.body) is bool(shown)
    assert (LOCATION in invite.body) is ("application/pidf+xml" in kinds)
    assert b"pbx.corp" not in node.carrier.wires[0]
