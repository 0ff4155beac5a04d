"""Bencode: what the daemon sends, and what an enemy might."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtpengine import BencodeError, Value, decode, encode
from rtpengine.bencode import MAX_DEPTH, MAX_VALUES
from tests.rtpengine.replay import recorded

VALUES: st.SearchStrategy[Value] = st.recursive(
    st.binary(max_size=40) | st.integers(-(10**18), 10**18),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=60)
@given(VALUES)
def test_value_survives_the_way_there_and_back(value: Value) -> None:
    """Keys keep their order; strings come back as bytes."""
    assert decode(encode(value)) == value


def decoded(data: bytes, *, lenient: bool) -> Value | BencodeError:
    """What comes of them."""
    try:
        return decode(data, lenient=lenient)
    except BencodeError as error:
        return error


PIECES = st.sampled_from([b"d", b"l", b"e", b"i", b"i-7e", b"i0e", b"0:", b"3:abc", b"9:abc", b"-", b"\xff"])


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(b"".join))
def test_any_bytes_are_a_value_or_a_bencode_error(data: bytes) -> None:
    """Nothing else may come out, leniently or not; what is a value by the rule is the same one leniently."""
    strict, lenient = decoded(data, lenient=False), decoded(data, lenient=True)
    for found in (strict, lenient):
        if isinstance(found, BencodeError):
            assert 0 <= found.offset <= len(data)
        else:
            assert decode(encode(found)) == found
    assert isinstance(strict, BencodeError) or strict == lenient


@settings(max_examples=60)
@given(VALUES, st.data())
def test_a_document_cut_short_is_an_error(value: Value, data: st.DataObject) -> None:
    """No prefix of a value is a value."""
    whole = encode(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BencodeError):
        decode(whole[:cut])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"e",
        b"x",
        b"5:abc",
        b"05:abcde",
        b"99999999999999999999:a",
        b"1234567890123456789012345678901234567890",
        b"-1:a",
        b"ie",
        b"i-e",
        b"i-0e",
        b"i01e",
        b"i+1e",
        b"i1_0e",
        b"i 1e",
        b"i99999999999999999999e",
        b"l",
        b"l1:a",
        b"d",
        b"d1:a",
        b"di1e1:ae",
        b"d1:ae",
        b"1:ab",
        b"l" * (MAX_DEPTH + 1) + b"e" * (MAX_DEPTH + 1),
        b"l" * 100_000,
        b"l" + b"0:" * MAX_VALUES + b"e",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_malformed_or_excessive_input_is_an_error(data: bytes) -> None:
    """Lengths that are not there, numbers that are none, nesting and counts beyond the limits."""
    with pytest.raises(BencodeError):
        decode(data)


def test_of_duplicate_keys_the_first_counts() -> None:
    """As the daemon's own look-up has it."""
    assert decode(b"d1:ai1e1:ai2ee") == {"a": 1}


def test_keys_may_come_in_any_order() -> None:
    """The daemon does not sort them."""
    assert decode(b"d1:b0:1:a0:e") == {"b": b"", "a": b""}


def test_length_counts_bytes_not_characters() -> None:
    """UTF-8 in a value."""
    assert encode("grün") == b"5:gr\xc3\xbcn"


def test_keys_that_are_no_utf8_come_back_as_they_were() -> None:
    """Nothing is lost on the way."""
    assert encode(decode(b"d1:\xff1:ae")) == b"d1:\xff1:ae"


def test_lenient_reading_forgives_what_the_daemon_forgives() -> None:
    """A missing end mark of the outermost dictionary, and what stands behind it; no more."""
    assert decode(b"d7:command4:ping", lenient=True) == {"command": b"ping"}
    assert decode(b"d7:command4:pingeXYZ", lenient=True) == {"command": b"ping"}
    with pytest.raises(BencodeError):
        decode(b"d7:command4:pin", lenient=True)
    for short in (b"d1:ad1:b1:c", b"5:abc"):
        with pytest.raises(BencodeError):
            decode(short, lenient=True)


def test_recorded_replies_survive_the_way_there_and_back() -> None:
    """All bencoded replies of the daemon, byte for byte."""
    seen = 0
    for exchange in recorded():
        payload = (exchange.response or b"").partition(b" ")[2]
        if payload[:1] == b"d":
            assert encode(decode(payload)) == payload, exchange
            seen += 1
    assert seen > 150
