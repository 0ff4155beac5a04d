"""Replies: from an engine that may lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpengine import GarbledReply, Refused, Reply, Result, Value, decode_reply, encode
from tests.rtpengine.replay import recorded


def test_reply_has_cookie_result_and_sdp() -> None:
    """The straight case."""
    cookie, reply = decode_reply(b"abc d3:sdp5:v=0\r\n6:result2:oke")
    assert (cookie, reply.result, reply.sdp) == (b"abc", Result.OK, b"v=0\r\n")
    assert reply.refusal is None
    reply.check()


def test_error_is_a_refusal_with_its_reason() -> None:
    """The engine said no, and why."""
    _, reply = decode_reply(b"c d6:result5:error12:error-reason15:Unknown call-ide")
    with pytest.raises(Refused, match="Unknown call-id") as caught:
        reply.check()
    assert not caught.value.is_limit


@pytest.mark.parametrize(
    "payload",
    [
        b"d6:result10:load limit7:message30:Parallel session limit reachede",
        b"d6:result10:load limite",
        b"d6:result5:error12:error-reason30:Parallel session limit reachede",
        b"d6:result5:error12:error-reason16:Ran out of portse",
    ],
)
def test_full_engine_is_told_from_a_bad_request(payload: bytes) -> None:
    """Another engine may take the same command."""
    refusal = decode_reply(b"c " + payload)[1].refusal
    assert refusal is not None
    assert refusal.is_limit


@pytest.mark.parametrize(
    "data", [b"", b"abc", b" d6:result2:oke", b"c ", b"c 2:ok", b"c d6:result2:ok", b"c d6:result2:okeX", b"c {"]
)
def test_what_is_no_reply_is_garbled(data: bytes) -> None:
    """Truncated, without cookie, no dictionary."""
    with pytest.raises(GarbledReply):
        decode_reply(data)


@pytest.mark.parametrize(
    "payload", [b"de", b"d6:resulti1ee", b"d6:result3:yese", b"d6:resultl2:okee", b"d3:sdpi1e6:result0:e"]
)
def test_unknown_result_is_an_error(payload: bytes) -> None:
    """Only what is known to be a yes is one."""
    reply = decode_reply(b"c " + payload)[1]
    assert reply.result is Result.ERROR
    assert reply.sdp == b""
    assert reply.error_reason


@given(st.binary(max_size=400))
def test_reason_is_one_bounded_printable_line(reason: bytes) -> None:
    """It goes into logs."""
    text = Reply({"result": b"error", "error-reason": reason}).error_reason
    assert text.isprintable()
    assert len(text) <= 240


VALUES: st.SearchStrategy[Value] = (
    st.binary(max_size=20) | st.integers(-9, 9) | st.lists(st.binary(max_size=3), max_size=2)
)
WORDS: st.SearchStrategy[Value] = st.sampled_from([b"ok", b"pong", b"error", b"load limit", b"yes", b"", 1])
BODIES = st.fixed_dictionaries(
    {}, optional={"result": WORDS} | dict.fromkeys(["sdp", "warning", "error-reason", "message", "tags"], VALUES)
)
DATAGRAMS = (BODIES | VALUES).map(lambda payload: b"c " + encode(payload))


@given(st.binary(max_size=100) | DATAGRAMS | st.builds(lambda data, cut: data[:cut], DATAGRAMS, st.integers(0, 60)))
def test_any_datagram_is_a_reply_or_garbled(data: bytes) -> None:
    """Nothing else comes out, and a reply says yes or why not."""
    try:
        cookie, reply = decode_reply(data)
    except GarbledReply:
        return
    assert data.startswith(cookie + b" ")
    assert cookie
    assert isinstance(reply.sdp, bytes)
    assert (reply.refusal is None) is (reply.result in (Result.OK, Result.PONG))
    assert reply.refusal is None or str(reply.refusal).isprintable()


def test_recorded_replies_are_understood() -> None:
    """Every bencoded reply of the daemon has one of the four results."""
    for exchange in recorded():
        if exchange.response and exchange.response.partition(b" ")[2][:1] == b"d":
            reply = decode_reply(exchange.response)[1]
            assert reply.body["result"] == reply.result.value.encode(), exchange
