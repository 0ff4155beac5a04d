"""The session description that one side may see."""

from __future__ import annotations

import pytest

from sbc.sdp import parse_sdp
from sbc.topology import SdpIdentity, SdpRefused, build_sdp
from tests.topology.sides import SDP


def sdp(*lines: str, media: str = "m=audio 30000 RTP/AVP 0 101", top: tuple[str, ...] = ()) -> bytes:
    head = ["v=0", "o=alice 77 3 IN IP4 10.20.0.5", "s=talk", "c=IN IP4 203.0.113.9", "t=0 0", *top]
    return "\r\n".join([*head, media, *lines, ""]).encode()


def build(body: bytes, *, disclose: bool = False) -> list[str]:
    return build_sdp(body, SdpIdentity(99, "203.0.113.5"), disclose=disclose).decode().splitlines()


def test_an_ordinary_description_keeps_what_the_call_needs_and_nothing_else() -> None:
    """RFC 8866 section 5: names, texts and the origin are ours; codecs, formats and addresses are the media's."""
    body = SDP.replace("{host}", "203.0.113.9").replace("s=-", "s=pbx").replace("t=0 0", "t=3034423619 3042462419")
    assert build(body.encode()) == [
        "v=0",
        "o=- 99 1 IN IP4 203.0.113.5",
        "s=-",
        "c=IN IP4 203.0.113.9",
        "t=0 0",
        "m=audio 30000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]


def test_texts_and_lines_that_name_people_or_keys_fall() -> None:
    body = (
        b"v=0\r\no=- 1 1 IN IP4 10.20.0.5\r\ns=x\r\ni=x\r\nu=http://10.20.0.5/\r\ne=a@b.example\r\np=+49 30\r\n"
        b"c=IN IP4 203.0.113.9\r\nb=AS:64\r\nb=X-corp:1\r\nt=0 0\r\nr=1 2 3\r\nz=1 1\r\nk=clear:x\r\n"
        b"m=audio 30000 RTP/AVP 0\r\ni=x\r\nk=clear:x\r\nb=TIAS:64000\r\n"
    )
    assert build(body)[2:] == [
        "s=-",
        "c=IN IP4 203.0.113.9",
        "b=AS:64",
        "t=0 0",
        "m=audio 30000 RTP/AVP 0",
        "b=TIAS:64000",
    ]


@pytest.mark.parametrize("version6", [False, True])
def test_the_origin_names_our_address_family(version6: bool) -> None:
    identity = SdpIdentity(5, "2001:db8::1" if version6 else "192.0.2.1")
    line = build_sdp(sdp(), identity).decode().splitlines()[1]
    assert line == ("o=- 5 1 IN IP6 2001:db8::1" if version6 else "o=- 5 1 IN IP4 192.0.2.1")


def test_the_version_grows_by_one_when_the_rest_changes_and_only_then() -> None:
    """RFC 3264 section 8. What the peer does to its own version is no change of ours."""
    identity = SdpIdentity(5, "192.0.2.1")
    first = build_sdp(sdp("a=sendrecv"), identity)
    assert build_sdp(sdp("a=sendrecv").replace(b" 77 3 ", b" 77 4 "), identity) == first
    assert identity.version == 1
    assert b"o=- 5 2 " in build_sdp(sdp("a=sendonly"), identity)
    assert b"o=- 5 3 " in build_sdp(sdp("a=sendrecv"), identity)


def test_an_adopted_call_goes_on_with_the_version_after_the_journalled_one() -> None:
    assert b"o=- 5 8 " in build_sdp(sdp(), SdpIdentity(5, "192.0.2.1", version=7))


def test_unknown_attributes_fall_and_are_counted() -> None:
    dropped: dict[str, int] = {}
    body = sdp("a=X-nat:0", "a=tool:pbx", "a=tool:pbx", "a=recvonly", top=("a=X-top",))
    built = build_sdp(body, SdpIdentity(1, "192.0.2.1"), dropped=dropped)
    assert built.endswith(b"m=audio 30000 RTP/AVP 0 101\r\na=recvonly\r\n")
    assert dropped == {"X-nat": 1, "tool": 2, "X-top": 1}


def test_what_belongs_to_a_stream_does_not_stand_above_the_first() -> None:
    """RFC 8866 section 6: rtpmap and its kin are media-level."""
    assert "a=rtpmap:0 X/8000" not in build(sdp(top=("a=rtpmap:0 X/8000", "a=sendonly")))
    assert "a=sendonly" in build(sdp(top=("a=rtpmap:0 X/8000", "a=sendonly")))


def test_a_space_behind_a_direction_does_not_end_a_hold() -> None:
    assert build(sdp("a=sendonly "))[6:] == ["a=sendonly"]


@pytest.mark.parametrize(
    "line",
    [
        "a=candidate:1 1 UDP 2130706431 10.20.0.5 8998 typ host",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdabcdabcdabcdabcdab",
        "a=fingerprint:sha-256 AA:BB",
        "a=setup:actpass",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
        "a=ssrc:1 cname:x",
        "a=msid:a b",
        "a=label:1",
        "a=mid:0",
        "a=rtcp-fb:* nack",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    ],
)
def test_ice_keys_and_names_fall_for_plain_rtp(line: str) -> None:
    """RFC 8839, 4568, 8122, 5888, 4585: without a feedback or secure profile nothing may refer to them."""
    assert build(sdp(line)) == build(sdp())


def test_attributes_that_refer_to_each_other_cross_together_with_a_feedback_profile() -> None:
    """RFC 5888, 8285, 4585."""
    lines = (
        "a=mid:0",
        "a=rtcp-fb:* nack",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset",
        "a=extmap:2 http://v.example/x",
    )
    built = build(sdp(*lines, media="m=audio 30000 RTP/AVPF 0", top=("a=group:BUNDLE 0",)))
    assert built[5:] == ["a=group:BUNDLE 0", "m=audio 30000 RTP/AVPF 0", *lines[:3]]


def test_one_stream_without_feedback_makes_all_of_them_fall() -> None:
    body = sdp(
        "a=mid:0", "m=video 30002 RTP/AVP 96", "a=mid:1", media="m=audio 30000 RTP/AVPF 0", top=("a=group:BUNDLE 0 1",)
    )
    assert not [line for line in build(body) if "mid" in line or "group" in line]


NAMED = sdp(
    "a=mid:alice-sound",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
    "m=video 30002 RTP/AVPF 96",
    "a=mid:alice-eyes",
    media="m=audio 30000 RTP/AVPF 0",
    top=("a=group:BUNDLE alice-sound alice-eyes gone",),
)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (b"", ["0", "1"]),
        (b"v=0\r\nm=audio 9 RTP/AVPF 0\r\na=mid:ear\r\nm=video 9 RTP/AVPF 96\r\na=mid:eye\r\n", ["ear", "eye"]),
        (b"v=0\r\nm=audio 9 RTP/AVPF 0\r\na=mid:1\r\nm=video 9 RTP/AVPF 96\r\n", ["1", "m1"]),
        (b"v=0\r\na=mid:nowhere\r\nm=audio 9 RTP/AVPF 0\r\n", ["0", "1"]),
    ],
)
def test_streams_have_the_readers_own_names_or_numbers(said: bytes, names: list[str]) -> None:
    """RFC 8843 section 7.1.3: a name belongs to a place. In RTP (section 15) it would be the other's: not agreed on."""
    built = build_sdp(NAMED, SdpIdentity(1, "192.0.2.1"), said=said).decode()
    assert [line[6:] for line in built.splitlines() if line.startswith("a=mid:")] == names
    assert f"a=group:BUNDLE {' '.join(names)}\r\n" in built
    assert "alice" not in built
    assert "sdes:mid" not in built


def test_streams_of_bypassed_media_keep_their_names() -> None:
    """They stand in the peers' own RTP."""
    built = build_sdp(NAMED, SdpIdentity(1, "192.0.2.1"), disclose=True)
    assert b"a=mid:alice-sound" in built
    assert b"sdes:mid" in built


def test_a_group_names_only_streams_that_are_sent() -> None:
    """RFC 8843 section 7.2."""
    body = sdp(
        "a=mid:0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:1",
        media="m=audio 30000 RTP/AVPF 0",
        top=("a=group:BUNDLE 0 1", "a=group:LS 1"),
    )
    assert [line for line in build(body) if "group" in line] == ["a=group:BUNDLE 0"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a=rtcp:30001 IN IP4 10.20.0.5", ["a=rtcp:30001"]),
        ("a=rtcp:30001", ["a=rtcp:30001"]),
        ("a=rtcp:x IN IP4 10.20.0.5", []),
        ("a=rtcp", []),
    ],
)
def test_the_rtcp_port_crosses_without_its_address(line: str, shown: list[str]) -> None:
    """RFC 3605: without an address it is that of the media."""
    assert build(sdp(line))[6:] == shown


def test_streams_keep_their_number_and_order_and_unsupported_ones_get_port_0() -> None:
    """RFC 3264 section 6: an answer has as many m-lines as the offer, in its order."""
    body = sdp(
        "a=sendrecv",
        "m=message 2855 TCP/MSRP *",
        "a=path:msrp://10.20.0.5:2855/x;tcp",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "m=audio 9 TCP/RTP/AVP 0",
        "m=image 4000 udptl t38",
        "a=T38FaxVersion:0",
    )
    assert build(body)[5:] == [
        "m=audio 30000 RTP/AVP 0 101",
        "a=sendrecv",
        "m=message 0 TCP/MSRP *",
        "m=video 0 RTP/AVP 96",
        "m=audio 0 TCP/RTP/AVP 0",
        "m=image 4000 udptl t38",
        "a=T38FaxVersion:0",
    ]


def test_a_rejected_stream_says_nothing_but_its_place() -> None:
    built = build(sdp("c=IN IP4 10.20.0.5", "a=rtpmap:0 X/8000", media="m=audio 0 RTP/AVP pbx@leak 0"))
    assert built[5:] == ["m=audio 0 RTP/AVP 0"]


def test_fax_attributes_are_those_of_the_standard_in_any_case() -> None:
    """ITU-T T.38 annex D."""
    lines = ["a=T38FaxVersion:0", "a=t38faxudpec:t38UDPRedundancy", "a=T38VendorInfo:0 0 37", "a=rtpmap:0 PCMU/8000"]
    assert build(sdp(*lines, media="m=image 4000 udptl t38"))[6:] == lines[:2]


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_keys_are_sent_only_to_a_leg_that_has_its_own(profile: str) -> None:
    """RFC 4568, 8643: what the media engine wrote for this leg; never for a leg whose media are in clear."""
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"
    body = sdp(crypto, "a=candidate:1 1 UDP 1 10.20.0.5 1 typ host", media=f"m=audio 30000 {profile} 0")
    keyed = build_sdp(body, SdpIdentity(99, "203.0.113.5"), keys=True).decode().split("\r\n")
    assert crypto in keyed
    assert not [one for one in keyed if "candidate" in one]
    assert crypto not in build(body)


def test_dtls_attributes_stay_with_their_profile() -> None:
    """RFC 5763: they are the media engine's."""
    dtls = ["a=fingerprint:sha-256 AA", "a=setup:actpass", "a=ice-ufrag:abcd"]
    assert build(sdp(*dtls, media="m=audio 30000 UDP/TLS/RTP/SAVPF 0"))[6:] == dtls


def test_bypassed_media_shows_the_peers_what_they_need_and_no_more() -> None:
    """The addresses are disclosed by definition; the origin and unknown attributes still fall."""
    lines = [
        "a=rtcp:30001 IN IP4 10.20.0.5",
        "a=candidate:1 1 UDP 1 10.20.0.5 1 typ host",
        "a=ice-ufrag:abcd",
        "a=tool:x",
    ]
    built = build(sdp(*lines), disclose=True)
    assert built[6:] == lines[:3]
    assert built[1] == "o=- 99 1 IN IP4 203.0.113.5"


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"v=0\r\ns=-\r\n", b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio x RTP/AVP 0\r\n", b"\xff"]
)
def test_what_is_no_session_description_is_refused(body: bytes) -> None:
    with pytest.raises(SdpRefused):
        build(body)


def test_what_is_built_is_parsed_again_with_the_same_streams() -> None:
    built = parse_sdp(
        build_sdp(sdp("a=sendonly", "m=video 30002/2 RTP/AVP 96", "c=IN IP4 h"), SdpIdentity(1, "192.0.2.1"))
    )
    assert [(media.kind, media.port, media.port_count) for media in built.media] == [
        ("audio", 30000, 1),
        ("video", 30002, 2),
    ]


def test_address_above_the_streams_is_the_first_stream_s() -> None:
    """rtpengine 10.5.3 leaves the peer's there where every stream has one of its own."""
    body = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 10.20.0.5\r\nt=0 0\r\n"
        b"m=video 0 RTP/AVP 99\r\nm=audio 30000 RTP/AVP 8\r\nc=IN IP4 192.0.2.1\r\n"
    )
    shown = build_sdp(body, SdpIdentity(7, "192.0.2.9"))
    assert b"10.20.0.5" not in shown
    assert shown.count(b"c=IN IP4 192.0.2.1\r\n") == 2
