"""Session descriptions from peers that are not trusted, and what is made of them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtpengine.embedded.addresses import canonical_address
from rtpengine.embedded.description import INCOMPLETE, MAX_MEDIA, PARSE, Description, Fault, parse_description
from rtpengine.embedded.rewrite import LocalMedia, rewrite
from rtpengine.embedded.wishes import Wishes

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def rewritten(text: str, *, port: int = 5000, formats: list[str] | None = None, replace_origin: bool = True) -> str:
    """`text` for the other party, every m-line at the same port."""
    description = parse_description(text.encode())
    media = [
        LocalMedia("203.0.113.1", port, port + 1, rtcp_mux=False, formats=formats or section.formats)
        for section in description.media
    ]
    wishes = Wishes({"replace": [b"origin"]} if replace_origin else {})
    return rewrite(description, media, "203.0.113.1", wishes).decode()


def test_all_addresses_become_ours() -> None:
    """o=, c= of session and section, a=rtcp; what is unknown stays, codecs come behind it."""
    text = HEAD + (
        "a=tool:x\r\nm=audio 4000/2 RTP/AVP 8 101\r\ni=label\r\nc=IN IP4 192.0.2.2\r\nb=AS:64\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtcp:4003 IN IP4 192.0.2.3\r\na=sendonly\r\na=x-unknown:1\r\n"
    )
    assert rewritten(text) == (
        "v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\na=tool:x\r\n"
        "m=audio 5000 RTP/AVP 8 101\r\ni=label\r\nc=IN IP4 203.0.113.1\r\nb=AS:64\r\na=x-unknown:1\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=sendonly\r\na=rtcp:5001\r\n"
    )


def test_origin_stays_where_it_is_not_to_be_replaced() -> None:
    """`replace: [origin]` decides."""
    assert "o=- 1 1 IN IP4 192.0.2.1\r\n" in rewritten(HEAD + "m=audio 4000 RTP/AVP 8\r\n", replace_origin=False)


def test_ice_and_bundle_are_gone() -> None:
    """Each m-line has its own ports, and no candidate may show an address."""
    text = HEAD + (
        "a=ice-lite\r\na=ice-options:trickle\r\na=group:BUNDLE 0\r\n"
        "m=audio 4000 RTP/AVP 8\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=candidate:1 1 UDP 1 192.0.2.9 4000 typ host\r\n"
        "a=remote-candidates:1 192.0.2.9 4\r\na=end-of-candidates\r\n"
    )
    assert rewritten(text) == (
        "v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
        "m=audio 5000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\na=rtcp:5001\r\n"
    )


def test_zero_address_is_hold_but_where_ice_trickles() -> None:
    """RFC 8840 section 4.1.1: a browser that has no candidate yet is not on hold."""
    media = "m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"
    assert "c=IN IP4 0.0.0.0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n" in rewritten(HEAD + media)
    trickling = rewritten(HEAD + media + "a=ice-options:trickle\r\n")
    assert "c=IN IP4 203.0.113.1\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n" in trickling


def test_static_payload_types_are_named_where_a_stream_is_offered() -> None:
    """As the daemon does, for receivers that know no table; a rejected stream needs no names."""
    assert "a=rtpmap:0 PCMU/8000\r\na=rtpmap:96 x/1\r\n" in rewritten(
        HEAD + "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 x/1\r\n"
    )
    assert "rtpmap" not in rewritten(HEAD + "m=audio 0 RTP/AVP 0\r\n", port=0)
    assert "rtpmap" not in rewritten(HEAD + "m=image 4000 udptl 0\r\n")


def test_format_that_was_not_offered_takes_its_attributes_along() -> None:
    """An answer is held to its offer."""
    text = HEAD + (
        "m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:96 x/8000\r\na=fmtp:96 y\r\na=rtcp-fb:96 nack\r\n"
    )
    assert rewritten(text, formats=["8"]).partition("m=")[2] == (
        "audio 5000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\na=rtcp:5001\r\n"
    )


def test_zero_address_stays_zero_and_says_sendonly() -> None:
    """RFC 2543's hold, as the real daemon passes it."""
    text = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0") + "m=audio 4000 RTP/AVP 8\r\n"
    assert "c=IN IP4 0.0.0.0\r\n" in rewritten(text)
    assert "a=sendonly\r\n" in rewritten(text)


def test_direction_of_the_session_holds_for_its_sections() -> None:
    """RFC 8866 section 6.7."""
    text = HEAD + "a=recvonly\r\nm=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 96\r\na=inactive\r\n"
    assert [section.direction for section in parse_description(text.encode()).media] == ["recvonly", "inactive"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\r\n",
        "o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n",
        "v=1\r\n",
        "v=0\r\nnonsense\r\n",
        "v=0\r\no=- 1 1 IN IP4\r\n",
        HEAD + "m=audio 4000 RTP/AVP\r\n",
        HEAD + "m=audio 65536 RTP/AVP 8\r\n",
        HEAD + "m=audio -1 RTP/AVP 8\r\n",
        HEAD + "m=audio 4e3 RTP/AVP 8\r\n",
        HEAD + "m=audio \u0664 RTP/AVP 8\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 media.example.com\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.0.0.1\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 255.255.255.255\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.1/127\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 ff02::1\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 fe80::1%eth0\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 2001:db8::1\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 127.1\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\na=rtcp:99999\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\na=rtcp:4001 IN IP4 x\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\na=x\rc=IN IP4 192.0.2.66\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\na=x\0y\r\n",
        HEAD + "m=audio 4000 RTP/AVP 8\r\n" * (MAX_MEDIA + 1),
    ],
)
def test_unfit_description_is_refused(text: str) -> None:
    """Not SDP, out of range, names, multicast, more m-lines than sockets are to be had for."""
    with pytest.raises(Fault, match="Failed to parse SDP"):
        parse_description(text.encode())


def test_stream_without_an_address_is_incomplete_unless_it_is_rejected() -> None:
    """RFC 8866 section 5.7."""
    bare = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
    with pytest.raises(Fault, match="Incomplete SDP specification"):
        parse_description((bare + "m=audio 4000 RTP/AVP 8\r\n").encode())
    assert parse_description((bare + "m=audio 0 RTP/AVP 8\r\n").encode()).media[0].port == 0


def test_addresses_are_spelled_as_the_kernel_spells_sources() -> None:
    """Or the source check would never match."""
    assert canonical_address("2001:0DB8::0001", "IP6") == "2001:db8::1"
    assert canonical_address("192.0.2.1", "IP4") == "192.0.2.1"


def parsed(data: bytes) -> Description | Fault:
    """What comes of them."""
    try:
        return parse_description(data)
    except Fault as fault:
        return fault


GOOD = ["m=audio 4000 RTP/AVP 8", "m=audio 0 RTP/AVP 8", "m=video 4002/2 RTP/SAVP 96 97", "c=IN IP4 192.0.2.7"]
GOOD += ["c=IN IP6 2001:DB8::7", "c=IN IP4 0.0.0.0", "a=sendonly", "a=rtcp:4001 IN IP4 192.0.2.8", "a=ice-ufrag:abcd"]
BAD = ["m=audio 65536 RTP/AVP 8", "c=IN IP4 localhost", "a=rtcp:99999", "a=\x85\xa0", "i=\t", "", "x"]
LINES = st.builds(
    lambda *parts: [line for part in parts for line in part],
    *[st.lists(st.sampled_from(GOOD), max_size=6), st.lists(st.sampled_from(BAD), max_size=1)] * 2,
)


@settings(max_examples=200)
@given(
    st.binary(max_size=300)
    | LINES.map(lambda lines: (HEAD + "\r\n".join([*lines, ""])).encode("latin-1"))
    | st.text("vomca=:0 1INPUDRT\r\n./", max_size=200).map(lambda text: ("v=0\r\n" + text).encode())
)
def test_any_bytes_are_a_description_or_a_fault(data: bytes) -> None:
    """Nothing else comes out: a reason that the daemon gives, or all lines, with places that can be sent to."""
    found = parsed(data)
    if isinstance(found, Fault):
        assert found.reason in (PARSE, INCOMPLETE)
        return
    lines = [line.rstrip("\r") for line in (data.decode("latin-1") + "\n\n").split("\n")]
    given = lines[: lines.index("")]
    kept = [*found.lines, *[line for media in found.media for line in media.lines]]
    assert kept == [line for line in given if line[0] != "m"]
    assert len(found.media) == len(given) - len(kept) <= MAX_MEDIA
    for media in found.media:
        assert 0 <= media.port <= 65535
        assert 0 <= media.rtcp_port <= 65535
        assert media.address or not media.port
        assert media.address in ("", str(ip_address(media.address or "::")))
