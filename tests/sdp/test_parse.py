"""Reading session descriptions: real bodies, odd bodies, hostile bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbc.sdp import Limits, SdpError, format_sdp, parse_sdp
from tests.fuzz import corpora

OFFER = (
    b"v=0\r\no=alice 2890844526 2890842807 IN IP4 203.0.113.7\r\ns=Call\r\ni=About\r\nu=http://example.net/\r\n"
    b"e=a@example.net\r\np=+1 617 555-6011\r\nc=IN IP4 203.0.113.7\r\nb=AS:256\r\nb=X-YZ:128\r\nt=0 0\r\n"
    b"r=604800 3600 0 90000\r\nt=10 20\r\nz=10 -1h\r\nk=prompt\r\na=recvonly\r\na=group:BUNDLE 1 2\r\n"
    b"m=audio 49170/2 RTP/AVP 0 101\r\ni=first\r\nc=IN IP4 233.252.0.1/127\r\nc=IN IP4 233.252.0.2/127\r\nb=AS:64\r\n"
    b"k=clear:x\r\na=rtpmap:0 PCMU/8000\r\na=empty:\r\na=flag\r\nm=image 0 udptl t38\r\n"
)
FRAGMENTS = {
    "janus-fuzz-sdp/2webrtc-unittest-3.sdp",
    "janus-fuzz-sdp/2webrtc-unittest-7.sdp",
    "vendor/radvision-control-fmtp.sdp",
}
HOSTILE = {"janus-fuzz-sdp/1meetecho-sdp_fuzzer-timeout-26f23f1364a16565e2f339c3297f71c275b6b0cf"}


def body(*lines: str) -> bytes:
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 203.0.113.7", *lines, ""]).encode()


def test_every_line_of_the_grammar_is_read_into_its_place() -> None:
    """RFC 8866 section 9."""
    session = parse_sdp(OFFER)

    assert (session.version, session.name, session.information) == ("0", "Call", "About")
    assert session.origin.username == "alice"
    assert session.origin.session_id == "2890844526"
    assert session.origin.session_version == "2890842807"
    assert session.origin.address == "203.0.113.7"
    assert session.emails == ["a@example.net"]
    assert session.phones == ["+1 617 555-6011"]
    assert session.bandwidths == [("AS", "256"), ("X-YZ", "128")]
    assert [(time.start, time.stop, time.repeats) for time in session.times] == [
        ("0", "0", ["604800 3600 0 90000"]),
        ("10", "20", []),
    ]
    assert session.zones == ["10 -1h"]
    assert session.key == "prompt"
    assert session.attributes == [("recvonly", None), ("group", "BUNDLE 1 2")]
    audio, image = session.media
    assert (audio.kind, audio.port, audio.port_count, audio.protocol) == ("audio", 49170, 2, "RTP/AVP")
    assert audio.formats == ("0", "101")
    assert audio.connection is not None
    assert audio.connection.host == "233.252.0.1"
    assert [c.address for c in audio.more_connections] == ["233.252.0.2/127"]
    assert audio.attributes == [("rtpmap", "0 PCMU/8000"), ("empty", ""), ("flag", None)]
    assert image.is_rejected


def test_full_description_is_written_back_exactly() -> None:
    """RFC 8866 section 9."""
    assert format_sdp(parse_sdp(OFFER)) == OFFER


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_every_collected_body_is_written_back_exactly(ending: bytes) -> None:
    """Bodies of many products: only the line ends change, and only to CRLF (RFC 8866 section 5)."""
    for entry in corpora.sdp_index():
        if entry["file"] in FRAGMENTS | HOSTILE:
            continue
        lines = (corpora.folder("sdp") / entry["file"]).read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
        expected = b"\r\n".join(lines) + b"\r\n"
        assert format_sdp(parse_sdp(ending.join(lines) + ending)) == expected, entry["file"]


def test_streams_of_collected_bodies_are_those_of_the_index() -> None:
    """The number and order of m-lines is what an answer must match (RFC 3264 section 6)."""
    for entry in corpora.sdp_index():
        if entry["file"] in FRAGMENTS | HOSTILE:
            continue
        session = parse_sdp((corpora.folder("sdp") / entry["file"]).read_bytes())
        assert len(session.media) == len(entry["m_lines"]), entry["file"]
        for media, line in zip(session.media, entry["m_lines"], strict=True):
            text = f"{media.kind} {media.port} {media.protocol} {' '.join(media.formats)}"
            assert text.startswith(line.strip()), entry["file"]


@pytest.mark.parametrize("name", sorted(FRAGMENTS | HOSTILE))
def test_fragments_and_hostile_bodies_are_refused(name: str) -> None:
    """A description begins with v= (RFC 8866 section 5.1), and is bounded."""
    with pytest.raises(SdpError):
        parse_sdp((corpora.folder("sdp") / name).read_bytes())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin with v=0 (line 1)"),
        (b"v=1\r\no=- 1 1 IN IP4 h\r\n", "does not begin with v=0 (line 1)"),
        (b"v=0\r\ns=-\r\n", "o= is missing"),
        (b"v=0\r\no=- 1 IN IP4 h\r\n", "malformed o= (line 2)"),
        (b"v=0\r\no=- x 1 IN IP4 h\r\n", "malformed o= (line 2)"),
        (body("o=- 2 2 IN IP4 h"), "o= is repeated or out of place (line 3)"),
        (body("s=a", "s=b"), "s= is repeated or out of place (line 4)"),
        (body("r=1 2 3"), "r= is repeated or out of place (line 3)"),
        (body("t=0"), "malformed t= (line 3)"),
        (body("t=0 x"), "malformed t= (line 3)"),
        (body("c=IN IP4"), "malformed c= (line 3)"),
        (body("b=64"), "malformed b= (line 3)"),
        (body("", "s=-"), "not of the form x=... (line 3)"),
        (body("rubbish"), "not of the form x=... (line 3)"),
        (body("="), "not of the form x=... (line 3)"),
        (body("m=audio"), "malformed m= (line 3)"),
        (body("m=audio 5004 RTP/AVP"), "malformed m= (line 3)"),
        (body("m=audio 5004/0 RTP/AVP 0"), "malformed m= (line 3)"),
        (body("m=audio 65536 RTP/AVP 0"), "a port is not a number below 65536 (line 3)"),
        (body("m=audio -1 RTP/AVP 0"), "a port is not a number below 65536 (line 3)"),
        (body("m=audio 5004 RTP/AVP 0", "t=0 0"), "t= is repeated or out of place (line 4)"),
        (body("m=audio 5004 RTP/AVP 0", "i=a", "i=b"), "i= is repeated or out of place (line 5)"),
        (body("s=a\0b"), "a NUL"),
        (body("s=a\rm=audio 1 RTP/AVP 0"), "a carriage return without a line feed"),
    ],
)
def test_fault_is_named_with_its_line(data: bytes, message: str) -> None:
    """RFC 8866 section 5: what is malformed is refused, with a reason an operator can use."""
    with pytest.raises(SdpError) as caught:
        parse_sdp(data)
    assert str(caught.value) == message


def test_user_name_with_spaces_is_kept() -> None:
    """RFC 8866 section 5.2 forbids it; phones send display names there."""
    data = b"v=0\r\no=Bob the Builder 1 2 IN IP4 203.0.113.7\r\n"

    assert parse_sdp(data).origin.username == "Bob the Builder"
    assert format_sdp(parse_sdp(data)) == data


def test_rejected_stream_without_formats_is_taken() -> None:
    """RFC 3264 section 6 wants a format even there; peers leave it out."""
    assert parse_sdp(body("m=video 0 RTP/AVP")).media[0].formats == ()


def test_unknown_lines_and_order_survive() -> None:
    """RFC 8866 section 5: unknown attributes are kept; lines of unknown type and odd order as well."""
    data = body(
        "t=0 0", "s=-", "f=odd:yes", "a=x", "c=IN IP6 ::1", "m=audio 9 RTP/AVP 0", "a=x", "y=1", "b=AS:1", "a=y"
    )
    session = parse_sdp(data)

    assert session.unknown == ["f=odd:yes"]
    assert session.media[0].unknown == ["y=1"]
    assert format_sdp(session) == data


def test_bytes_that_are_not_utf8_survive() -> None:
    """RFC 8866 section 4.5: `a=charset` may make them legal."""
    data = body("s=-").replace(b"s=-", b"s=caf\xe9 \xff")

    assert format_sdp(parse_sdp(data)) == data


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(body_bytes=50), "more than 50 bytes"),
        (Limits(lines=4), "more than 4 lines"),
        (Limits(media=2), "more than 2 streams"),
    ],
)
def test_limits_bound_what_is_read(limits: Limits, message: str) -> None:
    """A hostile body costs no more than its limits."""
    data = body("s=-", *["m=audio 9 RTP/AVP 0"] * 3)
    assert len(parse_sdp(data).media) == 3

    with pytest.raises(SdpError, match=message):
        parse_sdp(data, limits)


LINES = st.one_of(
    st.sampled_from(OFFER.split(b"\r\n")),
    st.binary(max_size=30),
    st.builds(
        lambda kind, rest: kind + b"=" + rest, st.sampled_from([b"m", b"a", b"c", b"o", b"t"]), st.binary(max_size=20)
    ),
)


@given(st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=12).map(lambda rest: b"\r\n".join([b"v=0", *rest]))))
def test_any_bytes_parse_stably_or_raise_sdp_error(data: bytes) -> None:
    """Whatever was accepted is written in a form that is accepted and means the same."""
    try:
        session = parse_sdp(data)
    except SdpError:
        return
    written = format_sdp(session)
    assert format_sdp(parse_sdp(written)) == written


@given(st.lists(LINES, max_size=12))
def test_line_ends_make_no_difference(lines: list[bytes]) -> None:
    """RFC 8866 section 5: LF alone is accepted as well."""
    lines = [b"v=0", b"o=- 1 1 IN IP4 h", *[line.replace(b"\n", b"").replace(b"\r", b"") for line in lines]]
    outcomes: list[bytes] = []
    for ending in (b"\n", b"\r\n"):
        try:
            outcomes.append(format_sdp(parse_sdp(ending.join(lines))))
        except SdpError as error:
            outcomes.append(str(error).encode())
    assert outcomes[0] == outcomes[1]
