"""Realms whose keys come from DTLS, with the embedded engine's own logic behind the node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.outputs import CallEnded
from sbc.sip import Request, Response
from tests.kit.flows import assert_no_leak, hang_up
from tests.kit.node import MEDIA_IN, MEDIA_OUT, Node, config
from tests.kit.peer import Peer, sdp
from tests.kit.webrtc import BROWSER, FINGERPRINT, PASSWORD, UFRAG, browser_sdp
from tests.rtpengine.embedded.kit import Bench

CARRIER, PBX = sdp("198.51.100.10"), sdp("10.20.0.5")
WEB_OUT, WEB_IN = browser_sdp("198.51.100.10"), browser_sdp("10.20.0.5", setup="active")


class Edge:
    """A node with a browser's realm on one side or both, and its engine."""

    def __init__(self, *browsers: str) -> None:
        settings = config(mode="anchor")
        for name in browsers:
            settings.realms[name] = replace(
                settings.realms[name], srtp="required", srtp_keys="dtls", ice=True, rtcp_mux="require"
            )
        self.bench = Bench(f"out/{MEDIA_OUT}", f"in/{MEDIA_IN}")
        self.node = Node(settings)
        self.node.media = self.bench.ask

    def establish(self, offer: bytes, answer: bytes, *, late: bool = False) -> tuple[bytes, bytes]:
        """A call; what the PBX sees, and what the carrier does."""
        carrier, pbx = self.node.carrier, self.node.pbx
        carrier.invite(body=b"" if late else offer)
        carrier.expect_response(100)
        invite = pbx.expect_request("INVITE")
        pbx.reply(invite, 200, answer)
        if late:
            shown = carrier.expect_response(200).body
            carrier.ack(offer)
            return pbx.expect_request("ACK").body, shown
        pbx.expect_request("ACK")
        shown = carrier.expect_response(200).body
        carrier.ack()
        return invite.body, shown

    def end(self) -> None:
        """Hang up; nothing is left, and nothing has crossed."""
        hang_up(self.node, self.node.carrier, self.node.pbx)
        assert not self.bench.engine.calls
        assert_no_leak(self.node)
        self.node.assert_clean()
        self.bench.close()


def assert_for_browser(body: bytes, media: str) -> None:
    """Everything of ours and nothing of the peer's."""
    text = body.decode()
    assert f" {BROWSER} " in text
    assert "a=ice-lite" in text
    assert "a=rtcp-mux" in text
    assert text.count("a=fingerprint:sha-256 ") == 1
    assert f" {media} " in text.partition("a=candidate:")[2]
    for secret in (FINGERPRINT, UFRAG, PASSWORD, "crypto"):
        assert secret not in text


def assert_plain(body: bytes) -> None:
    """No word of DTLS, ICE or keys."""
    assert b" RTP/AVP " in body
    for word in (b"fingerprint", b"a=setup", b"ice-", b"candidate", b"crypto", b"BUNDLE", b"extmap", b"ssrc"):
        assert word not in body


@pytest.mark.parametrize("late", [False, True])
def test_browser_calls_a_phone(late: bool) -> None:
    """RFC 5763 on one leg, RTP on the other, whoever of the two makes the offer."""
    edge = Edge("outside")
    seen, shown = edge.establish(browser_sdp("198.51.100.10", setup="active") if late else WEB_OUT, PBX, late=late)
    assert_plain(seen)
    assert_for_browser(shown, MEDIA_OUT)
    assert (b"a=setup:actpass" if late else b"a=setup:passive") in shown
    edge.end()


def test_phone_calls_a_browser() -> None:
    """The callee's side is offered what its realm says."""
    edge = Edge("inside")
    seen, shown = edge.establish(CARRIER, WEB_IN)
    assert_for_browser(seen, MEDIA_IN)
    assert_plain(shown)
    edge.end()


def test_two_browsers_know_nothing_of_each_other() -> None:
    """Each leg has a certificate, credentials and candidates of ours."""
    edge = Edge("outside", "inside")
    for body, media in zip(edge.establish(WEB_OUT, WEB_IN), (MEDIA_IN, MEDIA_OUT), strict=True):
        assert_for_browser(body, media)
    edge.end()


@pytest.mark.parametrize("from_browser", [True, False])
def test_reinvite_keeps_the_profiles(from_browser: bool) -> None:
    """RFC 3264 section 8: whichever side asks, each leg stays what it was, and our credentials are the same."""
    edge = Edge("outside")
    _, first = edge.establish(WEB_OUT, PBX)
    node = edge.node
    sides = [(node.carrier, browser_sdp("198.51.100.10", version=2)), (node.pbx, sdp("10.20.0.5", version=2))]
    if not from_browser:
        sides.reverse()
    (asker, offer), (asked, answer) = sides
    seen, shown = reinvite(asker, asked, offer, answer.replace(b"actpass", b"active"))
    browser = shown if from_browser else seen
    assert_plain(seen if from_browser else shown)
    assert_for_browser(browser, MEDIA_OUT)
    assert lines(first, b"a=ice-", b"a=fingerprint") == lines(browser, b"a=ice-", b"a=fingerprint")
    edge.end()


def reinvite(asker: Peer, asked: Peer, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
    """What the asked side sees, and what the asker is answered."""
    asker.request("INVITE", offer)
    invite = asked.expect_request("INVITE")
    asked.reply(invite, 200, answer)
    asked.expect_request("ACK")
    response = asker.take()
    while isinstance(response, Response) and response.status == 100:
        response = asker.take()
    assert isinstance(response, Response)
    asker.ack()
    return invite.body, response.body


def lines(body: bytes, *starts: bytes) -> list[bytes]:
    """The lines that begin with one of these."""
    return [line for line in body.split(b"\r\n") if line.startswith(starts)]


def test_forks_of_browsers_each_get_a_handshake_of_their_own() -> None:
    """RFC 3261 section 13.2.2.4: early media of one, the answer of another; the caller hears nothing of either's."""
    edge = Edge("inside")
    carrier, pbx = edge.node.carrier, edge.node.pbx
    carrier.invite(body=CARRIER)
    carrier.expect_response(100)
    invite = pbx.expect_request("INVITE")
    assert_for_browser(invite.body, MEDIA_IN)
    pbx.reply(invite, 183, WEB_IN, tag="one")
    assert_plain(carrier.expect_response(183).body)
    pbx.reply(invite, 200, WEB_IN.replace(UFRAG.encode(), b"another1"), tag="two")
    taken = [pbx.take(), carrier.take()]
    assert any(isinstance(one, Request) and one.method == "ACK" for one in taken)
    assert_plain(next(one.body for one in taken if isinstance(one, Response) and one.status == 200))
    assert_no_leak(edge.node)
    edge.bench.close()


def test_browser_is_refused_where_the_realm_is_in_clear() -> None:
    """488 before anything rings, and the cause says why."""
    edge = Edge()
    edge.node.carrier.invite(body=WEB_OUT)
    edge.node.carrier.expect_response(100)
    edge.node.carrier.ack_failure(edge.node.carrier.expect_response(488))
    (event,) = edge.node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    assert event.cause == "SRTP is not taken from this side"
    assert not edge.bench.engine.calls


def test_audit_lets_our_candidate_pass_whose_priority_the_peer_has_too() -> None:
    """RFC 8445 section 5.1.2: every agent's first host candidate has the same; a peer's address is what is secret."""
    edge = Edge("outside", "inside")
    seen, _ = edge.establish(WEB_OUT, WEB_IN)
    assert b" 2130706431 " in seen
    edge.end()
