"""Replies as values, from the daemon's own recordings and from engines that lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtpengine import Counts, Quality, Reply, Value, decode_reply, read_calls, read_session, read_statistics
from tests.rtpengine.replay import recorded


def reply_of(number: int) -> Reply:
    """A recorded one."""
    response = next(exchange.response for exchange in recorded() if exchange.number == number)
    assert response is not None
    return decode_reply(response)[1]


def test_session_with_media_in_both_directions() -> None:
    """Recorded after RTP and RTCP had crossed."""
    session = read_session(reply_of(29))
    party = session.party("ft1")
    assert party is not None
    assert party.label == "caller"
    media = party.medias[0]
    assert (media.kind, media.protocol, media.codec) == ("audio", "RTP/AVP", "PCMA/8000")
    assert [stream.is_rtcp for stream in media.streams] == [False, True]
    assert media.streams[0].endpoint == ("127.0.0.1", 40000)
    assert party.received.packets > 0
    assert session.party("nobody") is None


def test_quality_is_in_the_units_of_its_fields() -> None:
    """MOS comes times ten."""
    average: Value = {"MOS": 42, "round-trip time": 50685, "jitter": 10, "packet loss": 2, "samples": 5}
    body: dict[str, Value] = {
        "SSRC": {
            "572653570": {
                "cumulative loss": 3,
                "average MOS": average,
                "lowest MOS": {"MOS": 40},
                "highest MOS": {"MOS": 43},
            },
            "x": {},
        }
    }
    assert read_session(Reply(body)).quality == {572653570: Quality(4.2, 4.0, 4.3, 10, 2, 3, 50685, 5)}


def test_statistics_name_interfaces_and_ports() -> None:
    """Recorded with two interfaces or one; the numbers are the daemon's."""
    number = next(exchange.number for exchange in recorded() if exchange.scenario == "statistics")
    reading = read_statistics(reply_of(number))
    assert reading.interfaces[0].name
    assert 0 < reading.interfaces[0].free <= reading.interfaces[0].total


def test_list_is_call_ids() -> None:
    """What is no string is no call-id."""
    assert read_calls(Reply({"calls": [b"a", 1, b"b", [b"c"]]})) == ("a", "b")


VALUES = st.recursive(
    st.integers() | st.binary(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["tags", "SSRC", "medias", "streams", "stats", "flags", "endpoint", "statistics", "interfaces", "7"]
            ),
            children,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["tags", "SSRC", "statistics", "calls", "created"]), VALUES))
def test_no_shape_raises(body: dict[str, Value]) -> None:
    """The engine is not trusted."""
    reply = Reply(body)
    session = read_session(reply)
    assert all(isinstance(party.received, Counts) for party in session.parties)
    read_statistics(reply)
    read_calls(reply)
