"""Streams cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbc.sip import PING, PONG, Fault, Limits, ParseError, StreamFramer, parse_message
from tests.sip.messages import INVITE, OK, invite


def run(chunks: list[bytes], limits: Limits | None = None) -> tuple[list[bytes], Fault | None]:
    """Every frame and the fault, whenever it came."""
    framer = StreamFramer(limits or Limits())
    frames: list[bytes] = []
    for chunk in chunks:
        try:
            frames.extend(framer.feed(chunk))
        except ParseError as error:
            return frames, error.fault
    return frames, framer.fault.fault if framer.fault else None


def bytewise(data: bytes) -> list[bytes]:
    return [data[position : position + 1] for position in range(len(data))]


@pytest.mark.parametrize("cut", [lambda data: [data], bytewise, lambda data: [data[:40], data[40:]]])
def test_messages_come_out_wherever_the_stream_was_cut(cut: object) -> None:
    """RFC 3261 section 18.3."""
    assert callable(cut)
    frames, fault = run(cut(INVITE + OK + b"\r\n\r\n" + b"\r\n" + INVITE))

    assert frames == [INVITE, OK, PING, PONG, INVITE]
    assert fault is None
    assert parse_message(frames[0]).body == b"v=0\n"


@pytest.mark.parametrize(
    "line", ["l: 4", "CONTENT-LENGTH : 4", "Content-Length:\r\n 4", "content-length:\t0004", "L:4"]
)
def test_content_length_is_read_as_the_parser_reads_it(line: str) -> None:
    """RFC 3261 sections 7.3.1 and 7.3.3: compact, folded, spaced."""
    message = invite(line, without="Content-Length")

    assert run([message + OK]) == ([message, OK], None)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (invite(without="Content-Length"), Fault.CONTENT_LENGTH),
        (invite("Content-Length: 4"), Fault.CONTENT_LENGTH),
        (invite("l: 5"), Fault.CONTENT_LENGTH),
        (invite("Content-Length: -4", without="Content-Length"), Fault.CONTENT_LENGTH),
        (invite("Content-Length:", without="Content-Length"), Fault.CONTENT_LENGTH),
        (invite("Content-Length: 4, 4", without="Content-Length"), Fault.CONTENT_LENGTH),
        (invite("Content-Length: 99999999999", without="Content-Length"), Fault.CONTENT_LENGTH),
        (invite("Content-Length: 65535", without="Content-Length"), Fault.TOO_LARGE),
        (INVITE.replace(b"\r\nTo:", b"\nTo:"), Fault.HEADER_LINE),
        (INVITE.replace(b"\r\nTo:", b"\r\r\nTo:"), Fault.HEADER_LINE),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Fault.START_LINE),
        (b"\nINVITE", Fault.HEADER_LINE),
        (b"\rINVITE", Fault.HEADER_LINE),
        (b"\r\n\rINVITE", Fault.HEADER_LINE),
    ],
)
def test_what_cannot_be_framed_is_a_fault_for_good(data: bytes, fault: Fault) -> None:
    """Nothing behind it can be trusted; messages in front of it are still given."""
    for before in (b"", OK):
        for cut in ([before + data + OK], bytewise(before + data + OK)):
            frames, found = run(cut)
            assert found is fault
            assert frames == ([OK] if before else [])
    framer = StreamFramer()
    with pytest.raises(ParseError):
        framer.feed(data)
    with pytest.raises(ParseError):
        framer.feed(OK)


def test_fault_carries_what_could_be_read() -> None:
    """So that the peer can be told before the connection goes."""
    framer = StreamFramer()
    with pytest.raises(ParseError) as caught:
        framer.feed(invite(without="Content-Length"))

    assert caught.value.status == 400
    assert caught.value.message is not None
    assert caught.value.message.call_id == "c1@198.51.100.10"


def test_endless_heads_and_lines_are_refused_at_the_limit() -> None:
    """A peer cannot make us keep more than one message."""
    limits = Limits(message_bytes=1000)
    head = b"INVITE sip:a SIP/2.0\r\n" + b"A: b\r\n" * 400
    for data in (b"A" * 2000, head, head + b"\r\n"):
        for cut in ([data], bytewise(data)):
            assert run(cut, limits) == ([], Fault.TOO_LARGE)


def test_partial_message_is_told_from_silence() -> None:
    """A message that never completes is worth a time-out; line ends between messages are not."""
    framer = StreamFramer()
    seen: list[tuple[bool, list[bytes]]] = []
    for chunk in (b"", b"\r", b"\n\r\nINV", INVITE[3:]):
        frames = framer.feed(chunk)
        seen.append((framer.has_partial, frames))

    assert seen == [(False, []), (False, []), (True, [PING]), (False, [INVITE])]


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([INVITE, OK, PING, PONG, b"\r", b"\n", b"SIP/2.0 200 OK\r\n", b"Content-Length: 2\r\n"]),
            st.binary(max_size=8),
        ),
        max_size=6,
    ).map(b"".join),
    st.lists(st.integers(0, 2000), max_size=6),
)
def test_cutting_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    """Whole, cut at random or one octet at a time: the same frames, the same fault."""
    marks = sorted({0, len(data), *[cut for cut in cuts if cut < len(data)]})
    pieces = [data[start:end] for start, end in pairwise(marks)]
    limits = Limits(message_bytes=1200)

    whole = run([data], limits)
    assert run(pieces, limits) == whole
    assert run(bytewise(data), limits) == whole
