"""What a description means: directions, hold, rejected streams."""

from __future__ import annotations

import pytest

from sbc.sdp import Connection, Direction, MediaDescription, Origin, Session, Timing, format_sdp, parse_sdp


def offer(*media: str) -> Session:
    text = ["v=0", "o=- 1 1 IN IP4 203.0.113.7", "s=-", "c=IN IP4 203.0.113.7", "t=0 0", *media, ""]
    return parse_sdp("\r\n".join(text).encode())


def test_direction_of_a_stream_is_its_own_then_the_sessions_then_sendrecv() -> None:
    """RFC 8866 section 6.7."""
    session = offer("a=recvonly", "m=audio 9 RTP/AVP 0", "a=sendonly", "m=audio 9 RTP/AVP 0")

    assert [session.direction_of(media) for media in session.media] == [Direction.SENDONLY, Direction.RECVONLY]
    assert offer("m=audio 9 RTP/AVP 0").direction is Direction.SENDRECV
    assert offer("a=inactive").direction is Direction.INACTIVE


def test_direction_of_the_session_is_that_of_the_first_stream_in_use() -> None:
    """RFC 3264 section 6: a rejected stream has no direction."""
    assert offer("m=video 0 RTP/AVP 0", "a=sendonly", "m=audio 9 RTP/AVP 0").direction is Direction.SENDRECV


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (["m=audio 9 RTP/AVP 0"], False),
        (["m=audio 9 RTP/AVP 0", "a=sendonly"], True),
        (["m=audio 9 RTP/AVP 0", "a=inactive"], True),
        (["m=audio 9 RTP/AVP 0", "a=recvonly"], False),
        (["m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"], True),
        (["m=audio 9 RTP/AVP 0", "c=IN IP6 ::"], True),
        (["m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", "a=ice-ufrag:x"], False),
        (["m=audio 9 RTP/AVP 0", "a=sendonly", "m=video 0 RTP/AVP 31"], True),
        (["m=audio 9 RTP/AVP 0", "a=sendonly", "m=video 9 RTP/AVP 31"], False),
        (["m=audio 0 RTP/AVP 0", "a=sendonly"], False),
        ([], False),
    ],
)
def test_hold_is_every_stream_in_use_asking_for_nothing(lines: list[str], held: bool) -> None:
    """RFC 3264 section 8.4, the older 0.0.0.0 included."""
    assert offer(*lines).is_held is held


def test_port_zero_is_rejected_unless_bundle_only() -> None:
    """RFC 3264 section 6; RFC 8843 section 6."""
    session = offer("m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "a=bundle-only")

    assert [media.is_rejected for media in session.media] == [True, False]


def test_attributes_are_asked_by_name() -> None:
    """Flags read as an empty string, absent ones as None."""
    session = offer("a=ice-lite", "m=audio 9 RTP/AVP 0 8", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtcp-mux")
    audio = session.media[0]

    assert (session.get("ice-lite"), session.get("group"), session.has("ice-lite")) == ("", None, True)
    assert session.get_all("ice-lite") == []
    assert (audio.get("rtpmap"), audio.get("rtcp-mux"), audio.has("rtcp")) == ("0 PCMU/8000", "", False)
    assert audio.get_all("rtpmap") == ["0 PCMU/8000", "8 PCMA/8000"]


def test_connection_of_a_stream_falls_back_to_the_sessions() -> None:
    """RFC 8866 section 5.7."""
    session = offer("m=audio 9 RTP/AVP 0", "m=audio 9 RTP/AVP 0", "c=IN IP4 203.0.113.8/127/2")

    assert [str(session.connection_of(media)) for media in session.media] == [
        "IN IP4 203.0.113.7",
        "IN IP4 203.0.113.8/127/2",
    ]
    assert session.media[1].connection is not None
    assert session.media[1].connection.host == "203.0.113.8"


def test_built_description_is_in_the_order_of_the_rfc() -> None:
    """RFC 8866 section 9."""
    media = MediaDescription("audio", 30000, 1, "RTP/AVP", ("0",), Connection("IN", "IP4", "198.51.100.1"))
    media.attributes.append(("sendrecv", None))
    session = Session(Origin("-", "7", "1", "IN", "IP4", "198.51.100.1"), times=[Timing()], media=[media])

    assert format_sdp(session) == (
        b"v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
        b"c=IN IP4 198.51.100.1\r\na=sendrecv\r\n"
    )


def test_order_as_read_no_longer_counts_once_lines_were_added() -> None:
    """What is sent follows RFC 8866 section 9 then."""
    session = offer("m=audio 9 RTP/AVP 0", "a=x", "c=IN IP4 203.0.113.8")
    session.media[0].attributes.append(("y", None))

    assert format_sdp(session).endswith(b"c=IN IP4 203.0.113.8\r\na=x\r\na=y\r\n")


@pytest.mark.parametrize("name", ["a\r\nm=audio 1 RTP/AVP 0", "a\nb", "a\rb"])
def test_line_break_inside_a_value_is_never_written(name: str) -> None:
    """A value must not be able to add lines."""
    session = offer()
    session.name = name

    with pytest.raises(ValueError, match="line break"):
        format_sdp(session)
