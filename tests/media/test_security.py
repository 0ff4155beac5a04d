"""What a side's media security means for offers, answers, and what an engine returns."""

from __future__ import annotations

import pytest

import rtpengine
from rtpengine import Answer, Offer, Reply
from sbc.media import MediaSession, Objection, Security, Side, terms_named, terms_of

KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
OURS = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
USUAL = "AES_CM_128_HMAC_SHA1_80"


def sdp(*media: tuple[str, str]) -> bytes:
    """m-lines as (profile, crypto value)."""
    text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    for profile, crypto in media:
        text += f"m=audio 4000 {profile} 8\r\n" + (f"a=crypto:{crypto}\r\n" if crypto else "")
    return text.encode()


PLAIN = sdp(("RTP/AVP", ""))
SECURE = sdp(("RTP/SAVP", f"1 {USUAL} inline:{KEY}"))
WITH_OURS = sdp(("RTP/SAVP", f"1 {USUAL} inline:{OURS}"))


def session(a: Security, b: Security) -> MediaSession:
    """A session with keys in SDP, where there are any."""
    return agreed_on(*(one.value if one is Security.NEVER else f"{one.value} sdes" for one in (a, b)))


def agreed_on(a: str, b: str) -> MediaSession:
    """A session on these terms."""
    return MediaSession("anchor", "call", ("ta", "tb"), ("pub", "priv"), (terms_named(a), terms_named(b)))


def by_engine(body: bytes) -> bytes:
    """The same at the engine's address."""
    return body.replace(b"192.0.2.1", b"203.0.113.1")


def ok(body: bytes) -> Reply:
    """The engine agrees."""
    return Reply({"result": b"ok", "sdp": by_engine(body)})


@pytest.mark.parametrize(
    ("srtp", "transport", "without", "means"),
    [
        ("never", "TLS", True, Security.NEVER),
        ("optional", "TLS", False, Security.OPTIONAL),
        ("optional", "UDP", False, Security.NEVER),
        ("optional", "TCP", True, Security.OPTIONAL),
        ("required", "WSS", False, Security.REQUIRED),
        ("required", "WS", False, Security.BARRED),
        ("required", "UDP", True, Security.REQUIRED),
    ],
)
def test_keys_are_for_legs_over_tls(srtp: str, transport: str, without: bool, means: Security) -> None:
    """RFC 4568 section 7: whoever reads the signalling reads the media."""
    assert terms_of(srtp, transport, sdes_without_tls=without).level is means


@pytest.mark.parametrize(
    ("toward", "offer", "profile", "osrtp"),
    [
        (Security.NEVER, PLAIN, "", ()),
        (Security.NEVER, SECURE, "RTP/AVP", ()),
        (Security.NEVER, sdp(("RTP/SAVPF", f"1 {USUAL} inline:{KEY}")), "RTP/AVPF", ()),
        (Security.OPTIONAL, PLAIN, "", (rtpengine.Osrtp.OFFER,)),
        (Security.OPTIONAL, SECURE, "RTP/AVP", (rtpengine.Osrtp.OFFER,)),
        (Security.REQUIRED, PLAIN, "RTP/SAVP", ()),
        (Security.REQUIRED, sdp(("RTP/AVPF", "")), "RTP/SAVPF", ()),
        (Security.REQUIRED, sdp(("RTP/AVPF", ""), ("RTP/AVP", "")), "RTP/SAVP", ()),
        (Security.REQUIRED, sdp(("udptl", "")), "", ()),
    ],
)
def test_engine_is_told_the_profile_of_the_other_side(
    toward: Security, offer: bytes, profile: str, osrtp: tuple[rtpengine.Osrtp, ...]
) -> None:
    """The key `transport protocol` shapes the description for the receiver; empty keeps the offerer's."""
    command = session(Security.OPTIONAL, toward).offer(Side.A, offer)
    assert isinstance(command, Offer)
    assert command.options.transport_protocol == profile
    assert command.options.osrtp == osrtp
    assert command.options.sdes == rtpengine.NO_WEAK_SUITES
    assert command.options.dtls == "off"


def test_engine_never_hears_of_weak_keys() -> None:
    """No NULL, no F8, nothing unencrypted, and no keys at all of a side whose media are in clear."""
    weak = b"a=crypto:2 NULL_HMAC_SHA1_80 inline:x\r\na=crypto:3 " + USUAL.encode() + b" inline:y UNENCRYPTED_SRTP\r\n"
    command = session(Security.OPTIONAL, Security.NEVER).offer(Side.A, SECURE + weak)
    assert isinstance(command, Offer)
    assert command.sdp == SECURE
    opportunistic = sdp(("RTP/AVP", f"1 {USUAL} inline:{KEY}"))
    command = session(Security.NEVER, Security.NEVER).offer(Side.A, opportunistic)
    assert isinstance(command, Offer)
    assert command.sdp == PLAIN


def test_key_of_the_offerer_is_taken_out_of_what_the_engine_returns() -> None:
    """10.5.3 passes the caller's line on, padding or none, and adds its own behind it."""
    media = session(Security.REQUIRED, Security.REQUIRED)
    media.offer(Side.A, SECURE)
    own = f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{OURS}\r\n".encode()
    assert media.reply(ok(SECURE + own)) == by_engine(sdp(("RTP/SAVP", "")) + own)


def test_secure_stream_that_comes_out_without_a_key_is_a_failure() -> None:
    """It would be silence on both sides."""
    media = session(Security.REQUIRED, Security.REQUIRED)
    media.offer(Side.A, SECURE)
    with pytest.raises(rtpengine.Refused):
        media.reply(ok(SECURE))


def test_answer_with_the_answerers_key_never_reaches_the_offerer() -> None:
    """As above, on the way back."""
    media = session(Security.REQUIRED, Security.REQUIRED)
    media.offer(Side.A, SECURE)
    media.reply(ok(WITH_OURS))
    theirs = sdp(("RTP/SAVP", f"1 {USUAL} inline:{KEY[::-1]}"))
    assert isinstance(media.answer(Side.B, theirs), Answer)
    with pytest.raises(rtpengine.Refused):
        media.reply(ok(theirs))


@pytest.mark.parametrize("answer", [PLAIN, sdp(("RTP/SAVP", "")), sdp(("RTP/SAVP", "1 NULL_HMAC_SHA1_80 inline:x"))])
def test_answer_that_gives_up_what_was_offered_is_refused(answer: bytes) -> None:
    """RFC 3264 section 6; the same offer may still be answered well."""
    media = session(Security.NEVER, Security.REQUIRED)
    media.offer(Side.A, PLAIN)
    media.reply(ok(WITH_OURS))
    assert isinstance(media.answer(Side.B, answer), Objection)
    assert isinstance(media.answer(Side.B, SECURE), Answer)


def test_rejected_stream_needs_no_key() -> None:
    """Port 0 carries nothing."""
    media = session(Security.NEVER, Security.REQUIRED)
    media.offer(Side.A, PLAIN)
    media.reply(ok(WITH_OURS))
    assert isinstance(media.answer(Side.B, PLAIN.replace(b"4000", b"0")), Answer)


SHORT, GCM = "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"


@pytest.mark.parametrize(
    ("offered", "toward", "told"),
    [
        ((USUAL, SHORT), Security.REQUIRED, SHORT),
        ((USUAL, SHORT, GCM), Security.REQUIRED, GCM),
        ((USUAL,), Security.OPTIONAL, USUAL),
        ((USUAL, SHORT), Security.NEVER, f"{USUAL} {SHORT}"),
    ],
)
def test_engine_is_told_one_key_where_the_receiver_has_keys_too(
    offered: tuple[str, ...], toward: Security, told: str
) -> None:
    """10.5.3 offers the receiver each key that it was told, and keys of its own in other suites only: the suite that
    everybody has is left for those."""
    lines = "".join(f"a=crypto:{tag} {suite} inline:{KEY}{tag}\r\n" for tag, suite in enumerate(offered, 1))
    command = session(Security.OPTIONAL, toward).offer(Side.A, sdp(("RTP/SAVP", "")) + lines.encode())
    assert isinstance(command, Offer)
    left = [line.split()[1].decode() for line in command.sdp.split(b"\r\n") if line.startswith(b"a=crypto:")]
    assert " ".join(left) == told


def test_suite_in_use_is_the_one_that_the_engine_hears_of_again() -> None:
    """RFC 4568 section 7.1.4: a re-INVITE with all the suites does not change the one that was agreed."""
    media = session(Security.REQUIRED, Security.REQUIRED)
    media.offer(Side.A, PLAIN.replace(b"RTP/AVP", b"RTP/SAVP") + f"a=crypto:1 {USUAL} inline:{KEY}\r\n".encode())
    media.reply(ok(WITH_OURS))
    theirs = sdp(("RTP/SAVP", f"1 {USUAL} inline:{KEY[::-1]}"))
    media.answer(Side.B, theirs)
    media.reply(ok(WITH_OURS))
    again = sdp(("RTP/SAVP", f"1 {USUAL} inline:{KEY}")) + f"a=crypto:2 {SHORT} inline:{KEY}x\r\n".encode()
    command = media.offer(Side.A, again)
    assert isinstance(command, Offer)
    assert command.sdp == SECURE
