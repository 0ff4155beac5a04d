"""Session timers (RFC 4028): each leg for itself, nothing of them crosses."""

from __future__ import annotations

import pytest

from sbc.config import Timers
from sbc.outputs import CallEnded
from sbc.sip import Request
from tests.kit.flows import hang_up
from tests.kit.node import Node, config
from tests.kit.peer import Peer, sdp

TIMER = "Supported: timer\n"


def node_with(session: float = 1800, min_se: float = 90) -> Node:
    """A node that asks nobody whether he is alive but by session timers."""
    return Node(config(timers=Timers(liveness=0, session=session, min_se=min_se)))


def talk(node: Node, asked: str = "", answered: str = "") -> Request:
    """A call up from carrier to PBX, with these headers in INVITE and 200; gives the INVITE that the PBX got."""
    node.carrier.invite(extra=asked)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(node.pbx.host), extra=answered)
    node.pbx.expect_request("ACK")
    return invite


def granted(node: Node) -> tuple[str | None, list[str]]:
    """Session-Expires and Require of the caller's 200, which is acknowledged."""
    response = node.carrier.expect_response(200)
    node.carrier.ack()
    return response.get("Session-Expires"), response.tokens("Require")


def cause(node: Node) -> str:
    """Why the one call ended."""
    (event,) = node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    return event.cause


def test_timer_is_offered_on_the_b_leg_whatever_the_caller_says() -> None:
    """Section 7.1: Supported: timer, our interval, refresher left to the peer."""
    node = node_with()
    invite = talk(node, "Session-Expires: 600;refresher=uac\nMin-SE: 120\n" + TIMER)
    assert "timer" in invite.tokens("Supported")
    assert invite.get("Session-Expires") == "1800"
    assert invite.get("Min-SE") is None


@pytest.mark.parametrize(
    ("asked", "expires", "require"),
    [
        ("", None, []),
        (TIMER, "1800;refresher=uac", ["timer"]),
        (TIMER + "Session-Expires: 600\n", "600;refresher=uac", ["timer"]),
        (TIMER + "Session-Expires: 600;refresher=uac\n", "600;refresher=uac", ["timer"]),
        (TIMER + "Session-Expires: 600;refresher=uas\n", "600;refresher=uas", []),
        ("Session-Expires: 600\n", "600;refresher=uas", []),
        ("Require: timer\nSession-Expires: 600;refresher=uac\n", "600;refresher=uac", ["timer"]),
        (TIMER + "Session-Expires: 7200\n", "1800;refresher=uac", ["timer"]),
        (TIMER + "Session-Expires: 7200\nMin-SE: 3600\n", "3600;refresher=uac", ["timer"]),
        ("Session-Expires: 30\n", "90;refresher=uas", []),
    ],
)
def test_refresher_is_elected_by_table_2(asked: str, expires: str | None, require: list[str]) -> None:
    """Section 9, table 2; an interval is lowered to ours, never below the peer's Min-SE or 90."""
    node = node_with()
    talk(node, asked)
    assert granted(node) == (expires, require)


def test_interval_that_is_too_small_gets_422_with_our_min_se() -> None:
    """Section 9; the callee never hears of it."""
    node = node_with(min_se=300)
    node.carrier.invite(extra=TIMER + "Session-Expires: 120\n")
    response = node.carrier.expect_response(422)
    assert response.get("Min-SE") == "300"
    node.carrier.ack_failure(response)
    assert node.pbx.idle()
    node.assert_clean()


def test_422_is_answered_with_one_retry_and_the_caller_hears_nothing() -> None:
    """Section 7.3: same Call-ID and From tag, CSeq one higher, the peer's Min-SE."""
    node = node_with(session=300)
    node.carrier.invite()
    node.carrier.expect_response(100)
    first = node.pbx.expect_request("INVITE")
    node.pbx.reply(first, 422, extra="Min-SE: 900")
    node.pbx.expect_request("ACK")
    second = node.pbx.expect_request("INVITE")
    assert (second.call_id, second.from_tag, second.body) == (first.call_id, first.from_tag, first.body)
    assert second.cseq.number == first.cseq.number + 1
    assert (second.get("Session-Expires"), second.get("Min-SE")) == ("900", "900")
    assert node.carrier.idle()
    node.pbx.reply(second, 200, sdp(node.pbx.host), extra="Session-Expires: 900;refresher=uas\n" + TIMER)
    node.pbx.expect_request("ACK")
    granted(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("min_se", ["Min-SE: 1200", "Min-SE: 60", "", "Min-SE: x"])
def test_second_422_or_one_without_a_use_ends_the_attempt(min_se: str) -> None:
    """Section 7.3, and no loop; 422 itself stays on its leg."""
    node = node_with(session=300)
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.pbx.reply(node.pbx.expect_request("INVITE"), 422, extra=min_se)
    node.pbx.expect_request("ACK")
    if min_se == "Min-SE: 1200":
        node.pbx.reply(node.pbx.expect_request("INVITE"), 422, extra="Min-SE: 2400")
        node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(500)
    assert response.get("Min-SE") is None
    node.carrier.ack_failure(response)
    node.assert_clean()


def refresher_is_us(node: Node, allow: str = "Allow: INVITE, ACK, BYE, UPDATE\n") -> None:
    """The PBX leaves refreshes to us, every 300 seconds at the latest."""
    talk(node, "", f"Session-Expires: 300;refresher=uac\nRequire: timer\n{TIMER}{allow}")
    granted(node)
    node.advance(150.1)


def test_our_refresh_is_an_update_without_sdp() -> None:
    """Sections 7.4 and 10: at half of the interval; the other leg hears nothing."""
    node = node_with()
    refresher_is_us(node)
    update = node.pbx.expect_request("UPDATE")
    assert update.body == b""
    assert update.get("Session-Expires") == "300;refresher=uac"
    node.pbx.reply(update, 200, extra="Session-Expires: 300;refresher=uac\nRequire: timer")
    node.advance(150.1)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), 200, extra="Session-Expires: 300;refresher=uac")
    node.advance(10)
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_our_refresh_is_a_reinvite_with_the_same_version_where_update_is_not_allowed() -> None:
    """Section 7.4, RFC 3264 section 8."""
    node = node_with()
    invite = talk(node, "", "Session-Expires: 300;refresher=uac\nAllow: INVITE, ACK, BYE\n" + TIMER)
    granted(node)
    node.advance(150.1)
    reinvite = node.pbx.expect_request("INVITE")
    assert reinvite.body == invite.body
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host), extra="Session-Expires: 300;refresher=uac")
    node.pbx.expect_request("ACK")
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host), extra="Session-Expires: 300;refresher=uac")
    assert node.carrier.idle()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize("status", [405, 501])
def test_update_that_is_not_known_after_all_becomes_a_reinvite(status: int) -> None:
    """A peer whose Allow promised too much."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), status)
    node.pbx.reply(
        node.pbx.expect_request("INVITE"), 200, sdp(node.pbx.host), extra="Session-Expires: 300;refresher=uac"
    )
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_refresh_refused_with_422_is_tried_once_more() -> None:
    """Section 7.3 inside a call."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), 422, extra="Min-SE: 600")
    update = node.pbx.expect_request("UPDATE")
    assert (update.get("Session-Expires"), update.get("Min-SE")) == ("600;refresher=uac", "600")
    node.pbx.reply(update, 200, extra="Session-Expires: 600;refresher=uac")
    node.advance(280)
    assert node.pbx.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize(("status", "pause"), [(491, 4.1), (500, 10.1)])
def test_refresh_refused_for_the_moment_is_repeated(status: int, pause: float) -> None:
    """RFC 3261 section 14.1; the session has not expired yet."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), status)
    assert node.pbx.idle()
    node.advance(pause)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), 200, extra="Session-Expires: 300;refresher=uac")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("status", [408, 481])
def test_refresh_that_finds_no_dialog_ends_the_call(status: int) -> None:
    """Section 10, RFC 3261 section 12.2.1.2."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), status)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 481)
    assert cause(node) == "callee lost"
    node.assert_clean()


def test_refresh_without_any_answer_ends_the_call() -> None:
    """Section 10."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.expect_request("UPDATE")
    node.advance(33)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    assert cause(node) == "callee lost"


@pytest.mark.parametrize(("interval", "margin"), [(90, 30), (600, 32)])
def test_bye_before_the_session_of_a_silent_peer_expires(interval: int, margin: int) -> None:
    """Section 10: the smaller of 32 s and a third of the interval before."""
    node = node_with()
    talk(node, TIMER + f"Session-Expires: {interval};refresher=uac\n")
    granted(node)
    node.advance(interval - margin - 0.5)
    assert node.carrier.idle()
    node.advance(1)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    assert cause(node) == "session expired"
    node.assert_clean()


def refresh(peer: Peer, method: str, body: bytes) -> tuple[str | None, bytes]:
    """A refresh by a peer, answered: Session-Expires and body of the 200."""
    peer.request(method, body, extra=TIMER + "Session-Expires: 300;refresher=uac\n")
    response = peer.expect_response(200)
    if method == "INVITE":
        peer.ack()
    return response.get("Session-Expires"), response.body


@pytest.mark.parametrize("from_caller", [True, False])
@pytest.mark.parametrize(("method", "with_sdp"), [("INVITE", True), ("UPDATE", True), ("UPDATE", False)])
def test_refresh_of_a_peer_is_answered_here(method: str, with_sdp: bool, from_caller: bool) -> None:
    """Design 3a: an unchanged origin does not cross; the answer is the last SDP."""
    node = node_with()
    invite = talk(node, TIMER + "Session-Expires: 300;refresher=uac\n", "Session-Expires: 1800;refresher=uas\n" + TIMER)
    answer = node.carrier.expect_response(200)
    node.carrier.ack()
    peer, other = (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)
    for _ in range(3):
        node.advance(200)
        if not from_caller:
            refresh(node.carrier, "UPDATE", b"")
        expires, body = refresh(peer, method, sdp(peer.host) if with_sdp else b"")
        assert expires == "300;refresher=uac"
        assert body == ((answer.body if from_caller else invite.body) if with_sdp else b"")
        assert other.idle()
    hang_up(node, peer, other)
    node.assert_clean()


def test_hold_under_an_old_version_still_crosses() -> None:
    """RFC 3264 section 8 broken by the peer: a direction that changed is no refresh."""
    node = node_with()
    talk(node)
    granted(node)
    node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly"))
    assert b"a=sendonly" in node.pbx.expect_request("INVITE").body


def test_refresh_below_our_minimum_gets_422_and_the_session_goes_on() -> None:
    """Section 9 inside a call."""
    node = node_with(min_se=300)
    talk(node, TIMER + "Session-Expires: 600\n")
    granted(node)
    node.carrier.request("UPDATE", extra=TIMER + "Session-Expires: 120;refresher=uac\n")
    assert node.carrier.expect_response(422).get("Min-SE") == "300"
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_reinvite_that_crosses_refreshes_both_legs_each_in_its_own_terms() -> None:
    """Section 7.4: Session-Expires stands in every INVITE of a session that has a timer."""
    node = node_with()
    talk(node, TIMER + "Session-Expires: 600;refresher=uac\n", "Session-Expires: 900;refresher=uas\n" + TIMER)
    granted(node)
    node.advance(500)
    offer = sdp(node.carrier.host, direction="sendonly", version=2)
    node.carrier.request("INVITE", offer, extra=TIMER + "Session-Expires: 600;refresher=uac\n")
    reinvite = node.pbx.expect_request("INVITE")
    assert reinvite.get("Session-Expires") == "900;refresher=uas"
    node.pbx.reply(reinvite, 422, extra="Min-SE: 1000")
    node.pbx.expect_request("ACK")
    again = node.pbx.expect_request("INVITE")
    assert again.body == reinvite.body
    assert again.get("Session-Expires") == "1000;refresher=uas"
    node.pbx.reply(again, 200, sdp(node.pbx.host, version=2), extra="Session-Expires: 1000;refresher=uas\n" + TIMER)
    node.pbx.expect_request("ACK")
    assert granted(node)[0] == "600;refresher=uac"
    node.advance(500)
    assert node.engine.active_calls == 1
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_answer_without_session_expires_ends_the_timer() -> None:
    """Section 7.2: the peer has none any more."""
    node = node_with()
    refresher_is_us(node)
    node.pbx.reply(node.pbx.expect_request("UPDATE"), 200)
    node.advance(2000)
    assert node.engine.active_calls == 1
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_reinvite_of_the_peer_during_our_refresh_gets_491() -> None:
    """RFC 3261 section 14.2: glare with a refresh."""
    node = node_with()
    refresher_is_us(node, allow="")
    ours = node.pbx.expect_request("INVITE")
    for peer in (node.pbx, node.carrier):
        peer.request("INVITE", sdp(peer.host, version=2, direction="sendonly"))
        peer.ack_failure(peer.expect_response(491))
    node.pbx.reply(ours, 200, sdp(node.pbx.host), extra="Session-Expires: 300;refresher=uac")
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_refresh_waits_for_an_exchange_under_way() -> None:
    """RFC 3261 section 14.1: no INVITE while another is pending."""
    node = node_with()
    talk(node, "", "Session-Expires: 300;refresher=uac\n" + TIMER)
    granted(node)
    node.advance(149)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2, direction="sendonly"))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 180)
    node.advance(20)
    assert node.pbx.idle()
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2), extra="Session-Expires: 300;refresher=uac")
    node.pbx.expect_request("ACK")
    granted(node)
    node.advance(100)
    assert node.pbx.idle()


def test_no_timer_is_asked_for_where_the_node_has_none() -> None:
    """node.timers.session = 0: a peer's wish is still granted."""
    node = node_with(session=0)
    invite = talk(node, TIMER + "Session-Expires: 7200;refresher=uas\n")
    assert invite.get("Session-Expires") is None
    assert granted(node) == ("7200;refresher=uas", [])
