"""Telephone events in the name of a peer that has none."""

from __future__ import annotations

from sbc.media.events import with_events
from tests.media.test_codecs import sdp


def test_events_are_added_by_a_free_number() -> None:
    """RFC 4733 section 2.4.1, RFC 3551 section 6: 101 where nobody else has it."""
    assert b" RTP/AVP 8 101\r\n" in with_events(sdp("8"))
    assert b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" in with_events(sdp("8"))
    taken = sdp("8").replace(b" 8\r\n", b" 8 101\r\n", 1)
    assert b" RTP/AVP 8 101 96\r\n" in with_events(taken)


def test_an_answer_has_them_where_the_offer_has_and_by_its_number() -> None:
    """RFC 3264 section 6.1."""
    assert with_events(sdp("8"), sdp("8")) == sdp("8")
    offer = sdp("8").replace(b" 8\r\n", b" 8 99\r\n", 1) + b"a=rtpmap:99 telephone-event/8000\r\n"
    assert b" RTP/AVP 8 99\r\n" in with_events(sdp("8"), offer)
    assert b"a=rtpmap:99 telephone-event/8000\r\n" in with_events(sdp("8"), offer)


def test_what_has_them_or_is_off_stays_as_it_is() -> None:
    """Nothing to add."""
    for body in (sdp("8", "101"), sdp("8", port=0)):
        assert with_events(body) == body
