"""One suite for two engines: what holds for the real daemon holds for the embedded one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

import rtpengine
from rtpengine import Answer, Delete, Flag, Ice, List, Offer, Options, Ping, Query, Replace, Result, RtcpMux, Statistics
from rtpengine import EndpointLearning as Learning
from tests.rtpengine import engines
from tests.rtpengine.engines import (
    HOST,
    SILENCE,
    STRICT,
    Conversation,
    EngineUnderTest,
    Peer,
    connection,
    heard,
    media_ports,
    rtcp_packet,
    rtp_packet,
)

pytestmark = pytest.mark.interop

PROFILE = Options(
    flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING),
    replace=(Replace.ORIGIN,),
    rtcp_mux=(RtcpMux.DEMUX,),
    supports=(rtpengine.Support.LOAD_LIMIT,),
    endpoint_learning=Learning.HEURISTIC,
    ice=Ice.REMOVE,
)
"""What the media session sends."""

LEARNING = 6.0
"""Seconds within which the real daemon agrees on a source; until then it also forwards what a stranger sends."""


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module, with two interfaces."""
    interfaces = ("priv/127.0.0.1", "pub/127.0.0.2!203.0.113.1")
    start = engines.embedded if request.param == "embedded" else engines.real
    with start(interfaces=interfaces) as running:
        yield running


def test_ping_is_answered_with_pong(engine: EngineUnderTest) -> None:
    """The engine is there."""
    assert engine.ask(Ping()).result is Result.PONG


def test_used_cookie_gets_the_old_reply_whatever_it_asks(engine: EngineUnderTest) -> None:
    """A repeated request must not be worked off twice."""
    first = engine.exchange(b"used-1 d7:command4:pinge")
    assert engine.exchange(b"used-1 d7:command4:liste") == first


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", b"Invalid data (no payload)"),
        (b"hello", b"Invalid NG data format"),
        (b"d7:command4:pin", b"Could not decode bencode dictionary"),
        (b"d7:call-id1:xe", b'Dictionary contains no key "command"'),
        (b"d7:command6:foobare", b"Unrecognized command"),
        (b"d7:command4:Pinge", b"Unrecognized command"),
        (b"d7:command4:list5:limiti-1ee", b"invalid limit, must be >= 0"),
        (b"d7:command5:querye", b"No call-id in message"),
        (b"d7:command5:query7:call-id4:nonee", b"Unknown call-id"),
        (b'{"command": "ping"', b"Failed to parse JSON document"),
        (b'{"command": "ping", "x": null}', b"Could not decode bencode dictionary"),
    ],
)
def test_wrong_request_is_refused_in_the_same_words(engine: EngineUnderTest, payload: bytes, reason: bytes) -> None:
    """Controllers act on these texts."""
    reply = engine.exchange(b"wrong-" + str(abs(hash(payload))).encode() + b" " + payload)
    assert reason in reply or reason.replace(b'"', b'\\"') in reply


def test_json_is_answered_with_json(engine: EngineUnderTest) -> None:
    """The reply's encoding follows the request's."""
    assert re.fullmatch(rb'json-1 \{"result": ?"pong"\}', engine.exchange(b'json-1 {"command":"ping"}'))


def test_offer_shows_our_address_and_a_pair_of_ports(engine: EngineUnderTest, caller: Peer) -> None:
    """RFC 3605: RTCP is announced on the port above."""
    reply = engine.ask(Offer("shape-1", "a", caller.sdp(host="198.51.100.10"), options=PROFILE))
    port = media_ports(reply.sdp)[0]
    assert port % 2 == 0
    assert port in engine.ports
    assert reply.sdp.decode() == (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a=sendrecv\r\na=rtcp:{port + 1}\r\na=ptime:20\r\n"
    )
    engine.ask(Delete("shape-1"))


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        (b"hello\r\n", "Failed to parse SDP"),
        (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n", "Error rewriting SDP"),
        (
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
            "Incomplete SDP specification",
        ),
        (
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 media.example\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
            "Failed to parse SDP",
        ),
        (
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 70000 RTP/AVP 0\r\n",
            "Failed to parse SDP",
        ),
    ],
)
def test_unfit_sdp_is_refused_in_the_same_words(engine: EngineUnderTest, sdp: bytes, reason: str) -> None:
    """The session border controller answers 488 on these."""
    reply = engine.ask(Offer("unfit-1", "a", sdp))
    assert reply.result is Result.ERROR
    assert reply.error_reason == reason
    engine.ask(Delete("unfit-1"))


def test_media_crosses_both_ways_unchanged(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RTP and RTCP, each from the port that was announced for it."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    assert call.crosses(caller, callee, rtp_packet(1))
    assert call.crosses(callee, caller, rtp_packet(2, ssrc=0x22222222))
    call.say(caller, rtcp_packet(), rtcp=True)
    assert heard(callee.rtcp) == rtcp_packet()
    call.end()


def test_packets_leave_from_the_port_that_was_announced(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 4961: symmetric RTP."""
    call = Conversation(engine, caller, callee)
    call.say(caller, rtp_packet(1))
    _, source = callee.rtp.recvfrom(2048)
    assert source == (HOST, call.to_callee)
    call.end()


def test_rtp_from_a_third_address_is_dropped(
    engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer
) -> None:
    """Strict source: neither forwarded nor answered, and counted as an error, once the time to learn is over."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    deadline = time.monotonic() + LEARNING
    while True:
        assert call.crosses(caller, callee, rtp_packet(1))
        assert call.crosses(callee, caller, rtp_packet(2))
        stranger.rtp.sendto(rtp_packet(3), (HOST, call.to_caller))
        if heard(callee.rtp, SILENCE) is None:
            break
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert call.crosses(callee, caller, rtp_packet(4))
    assert heard(stranger.rtp, SILENCE) is None
    totals = engine.ask(Query(call.call_id)).body["totals"]
    assert isinstance(totals, dict)
    assert isinstance(totals["RTP"], dict)
    assert totals["RTP"]["errors"] == 1
    call.end()


def test_peer_behind_a_nat_is_learnt(engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer) -> None:
    """The SDP names an address that nothing comes from: the source of its first packet takes its place."""
    call_id = "nat-1"
    offered = engine.ask(Offer(call_id, "a", caller.sdp(host="192.0.2.77"), options=PROFILE))
    answered = engine.ask(Answer(call_id, "a", "b", callee.sdp(), options=PROFILE))
    caller.rtp.sendto(rtp_packet(1), (HOST, media_ports(answered.sdp)[0]))
    assert heard(callee.rtp) == rtp_packet(1)
    callee.rtp.sendto(rtp_packet(2), (HOST, media_ports(offered.sdp)[0]))
    assert heard(caller.rtp) == rtp_packet(2)
    engine.ask(Delete(call_id))


def test_unchanged_re_offer_keeps_ports_and_sources(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 3264 section 8: a session refresh changes nothing."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    again = engine.ask(Offer(call.call_id, "a", caller.sdp(version=2), to_tag="b", options=PROFILE))
    assert media_ports(again.sdp) == [call.to_callee]
    back = engine.ask(Answer(call.call_id, "a", "b", callee.sdp(version=2), options=PROFILE))
    assert media_ports(back.sdp) == [call.to_caller]
    assert call.crosses(caller, callee, rtp_packet(1))
    call.end()


def test_re_offer_by_the_callee_has_the_tags_reversed(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """Each party still sees the port that it was shown first."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    offered = engine.ask(Offer(call.call_id, "b", callee.sdp(version=2), to_tag="a", options=PROFILE))
    assert media_ports(offered.sdp) == [call.to_caller]
    answered = engine.ask(Answer(call.call_id, "b", "a", caller.sdp(version=2), options=PROFILE))
    assert media_ports(answered.sdp) == [call.to_callee]
    assert call.crosses(callee, caller, rtp_packet(1))
    assert call.crosses(caller, callee, rtp_packet(2))
    call.end()


def test_moved_peer_is_followed_and_its_old_place_is_not_heard(
    engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer
) -> None:
    """With port latching the other side's ports stay, media goes to the new address."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    assert call.crosses(caller, callee, rtp_packet(1))
    moved = engine.ask(Offer(call.call_id, "a", stranger.sdp(version=2), to_tag="b", options=PROFILE))
    assert media_ports(moved.sdp) == [call.to_callee]
    back = engine.ask(Answer(call.call_id, "a", "b", callee.sdp(version=2), options=PROFILE))
    stranger.rtp.sendto(rtp_packet(2), (HOST, media_ports(back.sdp)[0]))
    assert heard(callee.rtp) == rtp_packet(2)
    callee.rtp.sendto(rtp_packet(3), (HOST, call.to_callee))
    assert heard(stranger.rtp) == rtp_packet(3)
    assert heard(caller.rtp, SILENCE) is None
    call.end()


def test_moved_peer_without_port_latching_gets_the_other_side_new_ports(
    engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer
) -> None:
    """The daemon's default."""
    plain = Options(flags=(Flag.STRICT_SOURCE,))
    call = Conversation(engine, caller, callee, options=plain)
    moved = engine.ask(Offer(call.call_id, "a", stranger.sdp(version=2), to_tag="b", options=plain))
    assert media_ports(moved.sdp) != [call.to_callee]
    call.end()


def test_hold_and_resume_keep_the_ports(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 3264 section 8.4: the direction passes, music may flow."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    held = engine.ask(
        Offer(call.call_id, "a", caller.sdp(direction="sendonly", version=2), to_tag="b", options=PROFILE)
    )
    assert b"a=sendonly\r\n" in held.sdp
    assert media_ports(held.sdp) == [call.to_callee]
    taken = engine.ask(Answer(call.call_id, "a", "b", callee.sdp(direction="recvonly", version=2), options=PROFILE))
    assert b"a=recvonly\r\n" in taken.sdp
    assert call.crosses(caller, callee, rtp_packet(1))
    resumed = engine.ask(Offer(call.call_id, "a", caller.sdp(version=3), to_tag="b", options=PROFILE))
    assert media_ports(resumed.sdp) == [call.to_callee]
    engine.ask(Answer(call.call_id, "a", "b", callee.sdp(version=3), options=PROFILE))
    assert call.crosses(caller, callee, rtp_packet(2))
    assert call.crosses(callee, caller, rtp_packet(3))
    call.end()


def test_zero_address_passes_as_hold(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 2543's hold: nothing is sent to the holder, and its ports stay."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    assert call.crosses(callee, caller, rtp_packet(1))
    held = engine.ask(Offer(call.call_id, "a", caller.sdp(host="0.0.0.0", version=2), to_tag="b", options=PROFILE))
    assert connection(held.sdp) == "IN IP4 0.0.0.0"
    assert media_ports(held.sdp) == [call.to_callee]
    engine.ask(Answer(call.call_id, "a", "b", callee.sdp(version=2), options=PROFILE))
    resumed = engine.ask(Offer(call.call_id, "a", caller.sdp(version=3), to_tag="b", options=PROFILE))
    assert media_ports(resumed.sdp) == [call.to_callee]
    engine.ask(Answer(call.call_id, "a", "b", callee.sdp(version=3), options=PROFILE))
    assert call.crosses(callee, caller, rtp_packet(2))
    call.end()


def test_early_answer_and_its_final_copy_are_the_same(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """183 and 200 with one SDP: media runs from the first on."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    assert call.crosses(callee, caller, rtp_packet(1))
    final = engine.ask(Answer(call.call_id, "a", "b", callee.sdp(), options=PROFILE))
    assert final.sdp == call.answered
    assert call.crosses(callee, caller, rtp_packet(2))
    call.end()


def test_changed_early_answer_under_the_same_tag_keeps_the_ports(
    engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer
) -> None:
    """Another fork answers: fed under the leg's one tag, with port latching."""
    call = Conversation(engine, caller, callee, options=PROFILE)
    final = engine.ask(Answer(call.call_id, "a", "b", stranger.sdp(), options=PROFILE))
    assert media_ports(final.sdp) == [call.to_caller]
    assert call.crosses(caller, stranger, rtp_packet(1))
    stranger.rtp.sendto(rtp_packet(2), (HOST, call.to_callee))
    assert heard(caller.rtp) == rtp_packet(2)
    call.end()


def test_rtcp_mux_of_the_caller_is_split_for_the_callee(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """`rtcp-mux: demux`: RFC 5761 on one leg only."""
    call = Conversation(engine, caller, callee, options=PROFILE, offer_extra="a=rtcp-mux\r\n")
    assert b"rtcp-mux" not in call.offered
    assert b"a=rtcp-mux\r\n" in call.answered
    assert f"a=rtcp:{call.to_caller}\r\n".encode() in call.answered
    assert call.crosses(caller, callee, rtp_packet(1))
    caller.rtp.sendto(rtcp_packet(), (HOST, call.to_caller))
    assert heard(callee.rtcp) == rtcp_packet()
    callee.rtcp.sendto(rtcp_packet(7), (HOST, call.to_callee + 1))
    assert heard(caller.rtp) == rtcp_packet(7)
    call.end()


def test_rtcp_mux_passes_where_nothing_is_asked(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """The clients' choice is followed."""
    mux = "a=rtcp-mux\r\n"
    call = Conversation(engine, caller, callee, offer_extra=mux, answer_extra=mux)
    assert b"a=rtcp-mux\r\n" in call.offered
    assert b"a=rtcp-mux\r\n" in call.answered
    caller.rtp.sendto(rtcp_packet(), (HOST, call.to_caller))
    assert heard(callee.rtp) == rtcp_packet()
    call.end()


def test_several_streams_keep_count_and_order(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """RFC 3264 section 6: a rejected stream keeps its place with port 0."""
    video = f"m=video {caller.port + 10} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
    offered = engine.ask(Offer("two-1", "a", caller.sdp() + video.encode(), options=PROFILE))
    ports = media_ports(offered.sdp)
    assert len(set(ports)) == 2
    assert all(ports)
    answer = callee.sdp() + b"m=video 0 RTP/AVP 96\r\n"
    answered = engine.ask(Answer("two-1", "a", "b", answer, options=PROFILE))
    assert media_ports(answered.sdp)[1] == 0
    assert media_ports(answered.sdp)[0]
    engine.ask(Delete("two-1"))


def test_ice_is_removed(engine: EngineUnderTest, caller: Peer) -> None:
    """`ICE: remove`: no candidate may show an address."""
    extra = (
        "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
        "a=candidate:1 1 UDP 2130706431 198.51.100.10 40000 typ host\r\na=end-of-candidates\r\n"
    )
    reply = engine.ask(Offer("ice-1", "a", caller.sdp(extra=extra), options=PROFILE))
    assert b"ice-" not in reply.sdp
    assert b"a=candidate" not in reply.sdp
    assert b"198.51.100.10" not in reply.sdp
    engine.ask(Delete("ice-1"))


def test_interfaces_follow_the_direction(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """The advertised address of the leg's interface; reversed for a re-offer by the callee."""
    outward = Options(direction=("priv", "pub"))
    offered = engine.ask(Offer("if-1", "a", caller.sdp(), options=outward))
    assert connection(offered.sdp) == "IN IP4 203.0.113.1"
    answered = engine.ask(Answer("if-1", "a", "b", callee.sdp()))
    assert connection(answered.sdp) == "IN IP4 127.0.0.1"
    inward = Options(direction=("pub", "priv"))
    back = engine.ask(Offer("if-1", "b", callee.sdp(version=2), to_tag="a", options=inward))
    assert connection(back.sdp) == "IN IP4 127.0.0.1"
    assert media_ports(back.sdp) == media_ports(answered.sdp)
    engine.ask(Delete("if-1"))


def test_unknown_or_empty_interface_is_the_first(engine: EngineUnderTest, caller: Peer) -> None:
    """Without a word: names have to be checked against `statistics`."""
    for number, name in enumerate(("nonexistent", "")):
        options = Options(direction=("pub", name))
        reply = engine.ask(Offer(f"if-2-{number}", "a", caller.sdp(), options=options))
        assert connection(reply.sdp) == "IN IP4 127.0.0.1"
        engine.ask(Delete(f"if-2-{number}"))


def test_statistics_name_the_interfaces_and_their_ports(engine: EngineUnderTest) -> None:
    """The only way to learn the names."""
    statistics = engine.ask(Statistics()).body["statistics"]
    assert isinstance(statistics, dict)
    interfaces = statistics["interfaces"]
    assert isinstance(interfaces, list)
    first = interfaces[0]
    assert isinstance(first, dict)
    assert first["name"] == b"priv"
    assert first["address"] == b"127.0.0.1"
    ports = first["ports"]
    assert isinstance(ports, dict)
    assert set(ports) >= {"min", "max", "used", "free", "totals"}


def test_query_names_both_parties(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """Local ports are those shown to the party; endpoints are where its media goes."""
    call = Conversation(engine, caller, callee)
    tags = engine.parties(call.call_id)
    assert set(tags) == {"a", "b"}
    party = tags["b"]
    assert isinstance(party, dict)
    media = party["medias"]
    assert isinstance(media, list)
    assert isinstance(media[0], dict)
    streams = media[0]["streams"]
    assert isinstance(streams, list)
    assert isinstance(streams[0], dict)
    assert streams[0]["local port"] == call.to_callee
    assert streams[0]["endpoint"] == {"family": b"IPv4", "address": HOST.encode(), "port": callee.port}
    call.end()


def test_delete_at_once_leaves_nothing(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """By call-id alone, without statistics; the ports are silent then."""
    call = Conversation(engine, caller, callee)
    reply = engine.ask(Delete(call.call_id))
    assert reply.result is Result.OK
    assert "tags" not in reply.body
    assert engine.ask(Query(call.call_id)).error_reason == "Unknown call-id"
    call.say(caller, rtp_packet(1))
    assert heard(callee.rtp, SILENCE) is None


def test_delayed_delete_keeps_the_call_until_then(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """With a tag the reply carries the statistics."""
    call = Conversation(engine, caller, callee)
    reply = engine.ask(Delete(call.call_id, from_tag="a", delay=30))
    assert "tags" in reply.body
    assert engine.ask(Query(call.call_id)).result is Result.OK
    call.end()


def test_delete_of_an_unknown_call_warns(engine: EngineUnderTest) -> None:
    """An error only on demand."""
    assert engine.ask(Delete("nobody")).warning == "Call-ID not found or tags didn't match"
    assert engine.ask(Delete("nobody", flags=(Flag.FATAL,))).result is Result.ERROR


def test_list_names_the_calls(engine: EngineUnderTest, caller: Peer, callee: Peer) -> None:
    """At most as many as asked for."""
    call = Conversation(engine, caller, callee)
    calls = engine.ask(List(limit=100)).body["calls"]
    assert isinstance(calls, list)
    assert call.call_id.encode() in calls
    assert engine.ask(List(limit=0)).body["calls"] == []
    call.end()


def test_answer_to_an_unknown_call_is_refused(engine: EngineUnderTest, callee: Peer) -> None:
    """An engine that was restarted knows none."""
    assert engine.ask(Answer("nobody", "a", "b", callee.sdp())).error_reason == "Unknown call-id"


def test_strict_source_holds_without_heuristics(
    engine: EngineUnderTest, caller: Peer, callee: Peer, stranger: Peer
) -> None:
    """The flag alone, the learning method left to the engine."""
    call = Conversation(engine, caller, callee, options=STRICT)
    assert call.crosses(caller, callee, rtp_packet(1))
    assert call.crosses(callee, caller, rtp_packet(2))
    call.end()
