"""What goes with offers and answers to the media engine, beyond security."""

from __future__ import annotations

import pytest

from rtpengine import Answer, Offer
from sbc.media import MediaSession, Side
from tests.kit.peer import sdp
from tests.media.test_security import ok

PICTURE = b"m=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n"


@pytest.mark.parametrize(("body", "owns"), [(sdp("192.0.2.1"), True), (sdp("192.0.2.1") + PICTURE, False)])
def test_rtcp_ends_at_the_engine_but_where_there_are_pictures(body: bytes, owns: bool) -> None:
    """RFC 4585: who shows pictures must hear that one is missing; else reports bear names for nothing."""
    media = MediaSession("anchor", "call", ("a", "b"), ("", ""))
    offer = media.offer(Side.A, body)
    assert isinstance(offer, Offer)
    media.reply(ok(body))
    answer = media.answer(Side.B, body)
    assert isinstance(answer, Answer)
    for options in (offer.options, answer.options):
        request: dict[str, object] = {}
        options.fill(request)  # type: ignore[arg-type]
        assert options.owns_rtcp is owns
        assert request.get("generate RTCP", "") == ("on" if owns else "")
