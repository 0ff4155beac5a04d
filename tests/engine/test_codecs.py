"""Codec policies of realms and trunks: who sees which codec, and how a call ends that has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Codecs
from sbc.outputs import CallEnded
from sbc.sip import Response
from tests.kit.flows import hang_up, talk
from tests.kit.node import Node, config
from tests.kit.peer import sdp

BOTH = sdp("198.51.100.10").replace(b"RTP/AVP 8 101", b"RTP/AVP 0 8 101")


def node(realm: Codecs | None = None, trunk: Codecs | None = None, mode: str = "anchor") -> Node:
    """Codecs of the inside realm, of the trunk to the PBX, or both."""
    settings = config(mode=mode)
    if realm is not None:
        settings.realms["inside"] = replace(settings.realms["inside"], codecs=realm)
    if trunk is not None:
        settings.trunks["pbx"] = replace(settings.trunks["pbx"], codecs=trunk)
    return Node(settings)


@pytest.mark.parametrize("mode", ["anchor", "bypass"])
@pytest.mark.parametrize(
    ("realm", "trunk", "formats"),
    [
        (Codecs(allow=("pcma",)), None, b"8 101"),
        (Codecs(allow=("pcma",)), Codecs(allow=("pcmu",)), b"0 101"),
        (None, Codecs(order=("pcma",)), b"8 0 101"),
    ],
)
def test_callee_sees_the_codecs_of_its_trunk_or_else_of_its_realm(
    realm: Codecs | None, trunk: Codecs | None, formats: bytes, mode: str
) -> None:
    """The trunk's word counts alone where it has one."""
    edge = node(realm, trunk, mode)
    edge.carrier.invite(body=BOTH)
    edge.carrier.expect_response(100)
    assert b" RTP/AVP " + formats + b"\r\n" in edge.pbx.expect_request("INVITE").body


@pytest.mark.parametrize("mode", ["anchor", "bypass"])
def test_no_common_codec_is_488_with_a_warning_before_anything_rings(mode: str) -> None:
    """RFC 3261 section 21.4.26, 20.43: code 305, the caller's own realm as the agent, and no word of the far side."""
    edge = node(Codecs(allow=("opus",)), mode=mode)
    edge.carrier.invite()
    edge.carrier.expect_response(100)
    failure = edge.carrier.expect_response(488)
    edge.carrier.ack_failure(failure)
    assert failure.require("Warning") == '305 sbc.example.net "no audio codec that both sides may use"'
    assert edge.pbx.idle()
    (event,) = edge.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    assert event.cause == "no audio codec that both sides may use"
    edge.assert_clean()


def test_reinvite_without_a_common_codec_is_refused_and_the_call_goes_on() -> None:
    """RFC 3261 section 14.1."""
    edge = node(Codecs(allow=("pcma",)))
    talk(edge, edge.carrier, edge.pbx)
    edge.carrier.request("INVITE", sdp("198.51.100.10", version=2).replace(b"RTP/AVP 8 101", b"RTP/AVP 18"))
    response = edge.carrier.take()
    while isinstance(response, Response) and response.status == 100:
        response = edge.carrier.take()
    assert isinstance(response, Response)
    assert response.status == 488
    edge.carrier.ack_failure(response)
    assert edge.pbx.idle()
    hang_up(edge, edge.carrier, edge.pbx)
    edge.assert_clean()
