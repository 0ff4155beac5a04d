"""The quality of a call as both engines tell it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rtpengine import Flag, Options, Query, read_session
from tests.rtpengine import engines
from tests.rtpengine.embedded.test_quality import block, sender_report
from tests.rtpengine.engines import Conversation, EngineUnderTest, Peer, heard, rtp_packet

pytestmark = pytest.mark.interop

PROFILE = Options(flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING))


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


def test_query_tells_the_quality_that_rtcp_reports(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 3550 section 6.4: loss and jitter as reported, the round trip from both legs, a score from all of it."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    ssrcs = {id(caller): 0x11111111, id(callee): 0x22222222}
    assert call.crosses(caller, callee, rtp_packet(1))
    assert call.crosses(callee, caller, rtp_packet(1, ssrc=0x22222222))
    last = 0
    for middle in range(1, 5):
        for speaker, listener in ((caller, callee), (callee, caller)):
            about = block(ssrcs[id(listener)], loss=6, lost=3, jitter=80, middle=last, kept=0.01)
            blocks = (about,) if last else ()
            call.say(speaker, sender_report(ssrcs[id(speaker)], middle << 16, *blocks), rtcp=True)
            assert heard(listener.rtcp)
            last = middle << 16
            time.sleep(0.03)
    session = read_session(engine.ask(Query(call.call_id)))
    party = session.party("a")
    assert party is not None
    assert party.received.packets == 1
    assert party.medias[0].codec == "PCMA/8000"
    heard_by_caller = session.quality[0x11111111]
    assert (heard_by_caller.lost, heard_by_caller.loss, heard_by_caller.jitter) == (3, 2, 10)
    assert 20_000 < heard_by_caller.round_trip < 500_000
    assert 3.0 < heard_by_caller.mos < 4.4
    call.end()
