"""SRTP by realm, with the embedded engine's own logic behind the node: who is offered keys, and who is refused."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

import rtpengine
from sbc.call.security import takes_offer
from sbc.outputs import CallEnded
from sbc.sip import Response
from tests.kit.flows import assert_no_leak
from tests.kit.node import MEDIA_IN, MEDIA_OUT, Node, config
from tests.kit.peer import sdp
from tests.rtpengine.embedded.kit import Bench

KEY_A = base64.b64encode(bytes(range(30))).decode()
KEY_B = base64.b64encode(bytes(range(100, 130))).decode()


def secure(body: bytes, key: str, *, profile: str = "RTP/SAVP", suite: str = "AES_CM_128_HMAC_SHA1_80") -> bytes:
    """The same with a key."""
    return body.replace(b"RTP/AVP", profile.encode()) + f"a=crypto:1 {suite} inline:{key}\r\n".encode()


class Edge:
    """A node whose realms have these settings, and its engine."""

    def __init__(self, outside: str, inside: str, *, without_tls: bool = True) -> None:
        settings = config(mode="anchor")
        for name, srtp in (("outside", outside), ("inside", inside)):
            settings.realms[name] = replace(settings.realms[name], srtp=srtp, sdes_without_tls=without_tls)
        self.bench = Bench(f"out/{MEDIA_OUT}", f"in/{MEDIA_IN}")
        self.node = Node(settings)
        self.node.media = self.bench.ask

    def call(self, offer: bytes) -> bytes:
        """Carrier calls; the offer that the PBX sees, empty where it sees none."""
        self.node.carrier.invite(body=offer)
        self.node.carrier.expect_response(100)
        if self.node.pbx.idle():
            return b""
        self.invite = self.node.pbx.expect_request("INVITE")
        return self.invite.body

    def answer(self, body: bytes) -> Response:
        """PBX answers; what the carrier gets."""
        self.node.pbx.reply(self.invite, 200, body)
        self.node.pbx.expect_request("ACK")
        reply = self.node.carrier.take()
        assert isinstance(reply, Response)
        return reply

    def cause(self) -> str:
        """Why the one call ended."""
        (event,) = self.node.events_of(CallEnded)
        assert isinstance(event, CallEnded)
        return event.cause


OFFER = sdp("198.51.100.10")
ANSWER = sdp("10.20.0.5")


def test_secure_caller_and_plain_callee() -> None:
    """The PBX sees neither key nor profile; the carrier gets a key of ours under its tag."""
    edge = Edge("optional", "never")
    seen = edge.call(secure(OFFER, KEY_A))
    assert b"RTP/AVP " in seen
    assert b"crypto" not in seen
    shown = edge.answer(ANSWER).body
    assert b"RTP/SAVP " in shown
    assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in shown
    assert KEY_A.encode() not in shown
    assert_no_leak(edge.node)
    edge.bench.close()


def test_required_offers_a_secure_profile_and_nothing_else() -> None:
    """RFC 4568: keys of ours, and only suites that encrypt."""
    edge = Edge("never", "required")
    seen = edge.call(OFFER)
    assert b"RTP/SAVP " in seen
    assert seen.count(b"a=crypto:") == 4
    shown = edge.answer(secure(ANSWER, KEY_B)).body
    assert b"RTP/AVP " in shown
    assert b"crypto" not in shown
    edge.bench.close()


def test_two_secure_legs_share_no_key() -> None:
    """Each leg is ended for itself."""
    edge = Edge("required", "required")
    seen = edge.call(secure(OFFER, KEY_A))
    assert b"RTP/SAVP " in seen
    assert KEY_A.encode() not in seen
    shown = edge.answer(secure(ANSWER, KEY_B)).body
    assert KEY_B.encode() not in shown
    assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in shown
    assert_no_leak(edge.node)
    edge.bench.close()


@pytest.mark.parametrize("accepts", [True, False])
def test_optional_offers_keys_beside_a_plain_profile(accepts: bool) -> None:
    """RFC 8643."""
    edge = Edge("never", "optional")
    seen = edge.call(OFFER)
    assert b"RTP/AVP " in seen
    assert seen.count(b"a=crypto:") == 4
    shown = edge.answer(secure(ANSWER, KEY_B, profile="RTP/AVP") if accepts else ANSWER)
    assert shown.status == 200
    assert b"crypto" not in shown.body
    edge.bench.close()


@pytest.mark.parametrize(
    ("outside", "offer", "cause"),
    [
        ("never", secure(OFFER, KEY_A), "SRTP is not taken from this side"),
        ("required", OFFER, "SRTP is required"),
        ("optional", secure(OFFER, KEY_A, suite="NULL_HMAC_SHA1_80"), "SRTP without a usable key"),
        ("required", secure(OFFER, KEY_A + "|2^31|1:1"), "SRTP without a usable key"),
    ],
)
def test_offer_against_the_realm_gets_488_before_anything_rings(outside: str, offer: bytes, cause: str) -> None:
    """RFC 3261 section 21.4.26; no INVITE goes out and no session stays."""
    edge = Edge(outside, "never")
    assert edge.call(offer) == b""
    edge.node.carrier.ack_failure(edge.node.carrier.expect_response(488))
    assert edge.cause() == cause
    assert not edge.bench.engine.calls
    edge.node.assert_clean()


@pytest.mark.parametrize("answer", [ANSWER, ANSWER.replace(b"RTP/AVP", b"RTP/SAVP")])
def test_answer_that_gives_up_security_ends_the_call(answer: bytes) -> None:
    """Downgrade is refused by default: the callee gets BYE, the caller 488."""
    edge = Edge("never", "required")
    edge.call(OFFER)
    assert edge.answer(answer).status == 488
    edge.node.pbx.expect_request("BYE")
    assert edge.cause() == "the answer gives up SRTP"
    assert not edge.bench.engine.calls


def test_keys_are_not_shown_without_tls_unless_the_operator_says_so() -> None:
    """`optional` falls back to clear, `required` refuses the call: the legs of the kit are UDP."""
    edge = Edge("never", "optional", without_tls=False)
    assert b"crypto" not in edge.call(OFFER)
    edge.bench.close()
    edge = Edge("never", "required", without_tls=False)
    assert edge.call(OFFER) == b""
    edge.node.carrier.expect_response(488)
    assert edge.cause() == "SRTP is required, and its keys would cross without TLS"


def test_reinvite_that_gives_up_security_is_refused_and_the_call_goes_on() -> None:
    """RFC 3261 section 14.1: the session stays as it was."""
    edge = Edge("required", "never")
    edge.call(secure(OFFER, KEY_A))
    assert edge.answer(ANSWER).status == 200
    carrier = edge.node.carrier
    carrier.ack()
    carrier.request("INVITE", body=sdp("198.51.100.10", version=2))
    response = carrier.take()
    while isinstance(response, Response) and response.status == 100:
        response = carrier.take()
    assert isinstance(response, Response)
    assert response.status == 488
    assert edge.node.engine.active_calls == 1
    edge.bench.close()


def test_engine_is_told_where_each_peer_signals_from() -> None:
    """Media are likely to come from there: a stranger's first packet must not win."""
    edge = Edge("never", "never")
    told: list[str] = []

    def listen(command: rtpengine.Command) -> rtpengine.Reply:
        if isinstance(command, rtpengine.Offer | rtpengine.Answer):
            told.append(command.received_from)
        return edge.bench.ask(command)

    edge.node.media = listen
    edge.call(OFFER)
    edge.answer(ANSWER)
    assert told == ["198.51.100.10", "10.20.0.5"]
    edge.bench.close()


def test_target_that_cannot_have_the_offer_is_passed_over() -> None:
    """The offer holds keys for the first target's side; a second one in clear must not see it."""
    edge = Edge("never", "required")
    edge.call(OFFER)
    call = next(iter(edge.node.engine.egress.calls.values()))
    leg = call.b
    assert leg is not None
    assert takes_offer(call, leg)
    edge.node.config.realms["inside"] = replace(edge.node.config.realms["inside"], srtp="never")
    fresh = edge.node.engine.egress.callee_leg(call, call.hops[0])
    assert fresh is not None
    assert not takes_offer(call, fresh)
    edge.bench.close()
