"""Both forms of a request, and replies in both."""

from __future__ import annotations

import pytest

from rtpengine import GarbledReply, Offer, Ping, Query, decode_reply, encode_request


def test_json_says_the_same() -> None:
    """The daemon picks by the first byte."""
    assert encode_request(b"c", Ping(), as_json=True) == b'c {"command": "ping"}'
    text = encode_request(b"c", Offer("c1", "a", "s=Zoë".encode()), as_json=True)
    assert text == 'c {"command": "offer", "call-id": "c1", "from-tag": "a", "sdp": "s=Zoë"}'.encode()


def test_json_cannot_carry_bytes_that_are_no_text() -> None:
    """The caller learns it before anything is sent."""
    with pytest.raises(ValueError, match="utf-8"):
        encode_request(b"c", Offer("c1", "a", b"\xff"), as_json=True)


@pytest.mark.parametrize("cookie", [b"", b"a b"])
def test_cookie_has_bytes_and_no_blank(cookie: bytes) -> None:
    """The first blank ends it."""
    with pytest.raises(ValueError, match="cookie"):
        encode_request(cookie, Query("c"))


def test_json_reply_reads_as_a_bencoded_one() -> None:
    """Strings are bytes, numbers whole, null nothing."""
    _, reply = decode_reply(b'c {"result": "ok", "sdp": "v=0\\r\\n", "a": [1, true, null, 2.9], "b": {"c": "d"}}')
    assert reply.sdp == b"v=0\r\n"
    assert reply.body["a"] == [1, 1, b"", 2]
    assert reply.body["b"] == {"c": b"d"}


@pytest.mark.parametrize("payload", [b"{", b'{"a":}', b"{" + b'"a":[' * 100, b'{"a":' * 2000, b'{"a": 1e999}'])
def test_garbage_in_json_is_garbled(payload: bytes) -> None:
    """However deep, and whatever it does to the parser."""
    try:
        decode_reply(b"c " + payload)
    except GarbledReply:
        return
    assert payload == b'{"a": 1e999}'
