"""Legs whose keys come from DTLS: what the engine is asked for, what it is told, and what is refused."""

from __future__ import annotations

import pytest

from rtpengine import Answer, Flag, Ice, IceLite, Offer, Refused, Replace, RtcpMux
from sbc.media import Objection, Side, terms_named, terms_of
from tests.kit.webrtc import BROWSER, FINGERPRINT, UFRAG, browser_sdp
from tests.media.test_security import KEY, PLAIN, SECURE, USUAL, agreed_on, ok, sdp

WEB = "required dtls ice mux"
OWN = BROWSER.encode()
OURS = PLAIN.replace(b"RTP/AVP", OWN) + b"a=fingerprint:sha-256 00:11\r\na=setup:actpass\r\n"


@pytest.mark.parametrize(
    ("keys", "transport", "ice", "mux", "name"),
    [
        ("dtls", "UDP", False, "never", "required dtls"),
        ("dtls", "TLS", True, "require", "required dtls ice mux"),
        ("any", "UDP", False, "offer", "required dtls may-mux"),
        ("any", "TLS", False, "never", "required sdes dtls"),
        ("sdes", "TLS", True, "never", "required sdes"),
        ("sdes", "UDP", False, "never", "barred"),
    ],
)
def test_a_handshake_needs_no_tls_below_the_signalling(
    keys: str, transport: str, ice: bool, mux: str, name: str
) -> None:
    """RFC 5763 section 1: what is in SDP is no secret then. ICE is for legs with DTLS."""
    assert terms_of("required", transport, keys=keys, ice=ice, rtcp_mux=mux).name == name


def test_terms_have_names_that_are_checked() -> None:
    """They stand in a call's record."""
    assert terms_named("never") is terms_of("never", "UDP", keys="dtls", ice=True)
    for wrong in ("", "sometimes", "required ntls"):
        with pytest.raises(ValueError, match=r"not a valid|no terms"):
            terms_named(wrong)


def test_browser_calls_a_phone_in_clear() -> None:
    """The engine ends DTLS and ICE toward the offerer, and is a lite agent there."""
    media = agreed_on(WEB, "never")
    offer = media.offer(Side.A, browser_sdp("192.0.2.1"))
    assert isinstance(offer, Offer)
    options = offer.options
    assert (options.transport_protocol, options.ice, options.ice_lite) == ("RTP/AVP", Ice.REMOVE, IceLite.BACKWARD)
    assert (options.dtls, options.dtls_reverse, options.rtcp_mux) == ("off", "passive", (RtcpMux.DEMUX,))
    assert Flag.ORIGINAL_SENDRECV in options.flags
    assert Replace.ZERO_ADDRESS in options.replace, "the zero address of trickled ICE is no hold"
    media.reply(ok(PLAIN))
    answer = media.answer(Side.B, PLAIN)
    assert isinstance(answer, Answer)
    assert (answer.options.ice, answer.options.dtls) == (Ice.FORCE, "")


def test_phone_in_clear_calls_a_browser() -> None:
    """RFC 8829's profile, one port, a name for each m-line, and no keys in SDP."""
    media = agreed_on("never", WEB)
    offer = media.offer(Side.A, PLAIN)
    assert isinstance(offer, Offer)
    options = offer.options
    assert (options.transport_protocol, options.ice, options.ice_lite) == (BROWSER, Ice.FORCE, IceLite.FORWARD)
    assert (options.sdes, options.dtls, options.dtls_reverse) == (("off",), "passive", "")
    assert {RtcpMux.OFFER, RtcpMux.REQUIRE} <= set(options.rtcp_mux)
    assert Flag.GENERATE_MID in options.flags
    media.reply(ok(OURS))
    answer = media.answer(Side.B, browser_sdp("192.0.2.2", setup="active"))
    assert isinstance(answer, Answer)
    assert answer.options.ice is Ice.REMOVE
    assert Replace.ZERO_ADDRESS in answer.options.replace


@pytest.mark.parametrize(
    ("terms", "offer", "reason"),
    [
        ("never", browser_sdp("192.0.2.1"), "SRTP is not taken from this side"),
        ("required sdes", browser_sdp("192.0.2.1"), "SRTP with keys from DTLS is not taken from this side"),
        ("required dtls", SECURE, "SRTP with keys in SDP is not taken from this side"),
        ("required dtls", PLAIN, "SRTP is required"),
        ("required dtls", sdp(("RTP/AVP", f"1 {USUAL} inline:{KEY}")), "SRTP is required"),
        ("optional dtls", browser_sdp("192.0.2.1", digest="sha-1"), "SRTP without a usable key"),
        ("optional dtls", PLAIN.replace(b"RTP/AVP", OWN), "SRTP without a usable key"),
    ],
)
def test_offer_that_does_not_fit_the_terms_is_refused(terms: str, offer: bytes, reason: str) -> None:
    """Before the engine hears of it; a hash that is broken is no fingerprint (RFC 8122 section 5)."""
    refused = agreed_on(terms, "never").offer(Side.A, offer)
    assert isinstance(refused, Objection)
    assert refused.reason == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PLAIN, "the answer gives up SRTP"),
        (SECURE, "the answer has another profile"),
        (PLAIN.replace(b"RTP/AVP", OWN), "the answer gives up SRTP"),
        (browser_sdp("192.0.2.2", digest="md5"), "the answer gives up SRTP"),
    ],
)
def test_answer_of_another_profile_is_refused(answer: bytes, reason: str) -> None:
    """RFC 3264 section 6, RFC 5763 section 5."""
    media = agreed_on("never", WEB)
    media.offer(Side.A, PLAIN)
    media.reply(ok(OURS))
    refused = media.answer(Side.B, answer)
    assert isinstance(refused, Objection)
    assert refused.reason == reason


@pytest.mark.parametrize("terms", ["never", "required sdes", "optional dtls"])
def test_engine_hears_of_ice_only_where_the_terms_have_it(terms: str) -> None:
    """An engine that is told of candidates sends checks to them: to whatever host a peer names."""
    ice = (
        b"a=ice-ufrag:abcdefgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 udp 1 10.0.0.1 22 typ host\r\n"
    )
    base = SECURE if terms == "required sdes" else PLAIN
    command = agreed_on(terms, "never").offer(Side.A, base + ice + b"a=fingerprint:sha-256 AA\r\n")
    assert isinstance(command, Offer)
    assert command.sdp == base


def test_peer_is_offered_again_what_it_had_agreed_to() -> None:
    """RFC 3264 section 8.3.1: a re-INVITE by the phone does not take the browser to another profile."""
    media = agreed_on("optional sdes dtls ice mux", "never")
    media.offer(Side.A, browser_sdp("192.0.2.1"))
    media.reply(ok(PLAIN))
    media.answer(Side.B, PLAIN)
    media.reply(ok(OURS))
    command = media.offer(Side.B, PLAIN)
    assert isinstance(command, Offer)
    assert (command.options.transport_protocol, command.options.ice) == (BROWSER, Ice.FORCE)
    assert command.options.osrtp == ()


def test_secure_caller_of_an_optional_realm_keeps_its_profile() -> None:
    """Keys beside a plain profile are for peers that have not said what they want."""
    media = agreed_on("optional sdes", "never")
    media.offer(Side.A, SECURE)
    media.reply(ok(PLAIN))
    media.answer(Side.B, PLAIN)
    media.reply(ok(sdp(("RTP/SAVP", f"1 {USUAL} inline:{'A' * 40}"))))
    command = media.offer(Side.B, PLAIN)
    assert isinstance(command, Offer)
    assert (command.options.transport_protocol, command.options.osrtp) == ("RTP/SAVP", ())


def test_session_in_the_place_of_another_offers_what_was_agreed_there() -> None:
    """A transfer or a lost engine moves no browser to another profile."""
    media = agreed_on("optional sdes dtls ice mux", "never")
    media.succeed(agreed_on("never", "never"), (browser_sdp("192.0.2.1"), PLAIN))
    command = media.offer(Side.B, PLAIN)
    assert isinstance(command, Offer)
    assert (command.options.transport_protocol, command.options.ice) == (BROWSER, Ice.FORCE)


def test_nothing_that_names_the_other_peer_gets_through() -> None:
    """Whatever an engine passes on: fingerprint, credentials, candidates. Without a fingerprint of ours: nothing."""
    media = agreed_on(WEB, WEB)
    body = browser_sdp("192.0.2.1")
    media.offer(Side.A, body)
    with pytest.raises(Refused):
        media.reply(ok(body))
    media = agreed_on(WEB, WEB)
    media.offer(Side.A, body)
    shown = media.reply(ok(body + b"a=fingerprint:sha-256 00:11\r\n"))
    for secret in (FINGERPRINT, UFRAG, "192.0.2.1"):
        assert secret.encode() not in shown
    assert b"a=fingerprint:sha-256 00:11" in shown
