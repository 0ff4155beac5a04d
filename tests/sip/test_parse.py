"""Datagrams to messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbc.sip import Fault, Limits, ParseError, Request, Response, format_message, parse_head, parse_message
from tests.fuzz.targets import ask_everything
from tests.sip.messages import INVITE, OK, invite, ok


def refusal(data: bytes, limits: Limits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse_message(data, limits or Limits())
    return caught.value


def test_request_is_taken_apart() -> None:
    """RFC 3261 section 7.1."""
    message = parse_message(INVITE)

    assert isinstance(message, Request)
    assert (message.method, message.request_uri, message.body) == ("INVITE", "sip:bob@example.net", b"v=0\n")
    assert message.fields[1] == ("From", '"Alice" <sip:alice@example.org>;tag=a1')


def test_response_is_taken_apart() -> None:
    """RFC 3261 section 7.2."""
    message = parse_message(OK)

    assert isinstance(message, Response)
    assert (message.status, message.reason_phrase, message.to_tag) == (200, "OK", "b1")


def test_compact_and_odd_names_are_the_long_ones() -> None:
    """RFC 3261 section 7.3.3: compact forms; 7.3.1: names have no case, and white space may stand before the colon."""
    data = INVITE.replace(b"Via:", b"v:").replace(b"From:", b"f :").replace(b"Content-Length:", b"L\t:")

    assert [name for name, _ in parse_message(data).fields] == [name for name, _ in parse_message(INVITE).fields]


def test_folded_lines_are_one() -> None:
    """RFC 3261 section 7.3.1."""
    message = parse_message(invite("Subject: one", "  two", "\tthree  ", "X-Empty:", " four"))

    assert message.get("Subject") == "one two three"
    assert message.get("X-Empty") == "four"


def test_unknown_headers_survive_with_any_bytes() -> None:
    """RFC 3261 section 7.3.1: TEXT-UTF8; what is not UTF-8 is kept as it is."""
    message = parse_message(invite("x-unknown: \udcff\udc80 ü ;;,,;"))

    assert message.get("X-Unknown") == "\udcff\udc80 ü ;;,,;"
    assert "\udcff\udc80 ü ;;,,;".encode("utf-8", "surrogateescape") in format_message(message)


def test_line_ends_before_the_start_line_are_ignored() -> None:
    """RFC 3261 section 7.5."""
    assert parse_message(b"\r\n\r\n\r\n" + INVITE).call_id == "c1@198.51.100.10"


def test_octets_behind_the_body_are_ignored() -> None:
    """RFC 3261 section 18.3."""
    assert parse_message(INVITE + b"more").body == b"v=0\n"


def test_body_without_content_length_is_the_rest_of_the_datagram() -> None:
    """RFC 3261 section 18.3."""
    assert parse_message(invite(without="Content-Length")).body == b"v=0\n"


def test_missing_empty_line_is_forgiven() -> None:
    """A datagram ends where it ends; RFC 3261 section 7 wants the empty line."""
    assert parse_message(OK[:-2]).get("Content-Length") == "0"
    assert parse_message(OK[:-4]).get("Content-Length") == "0"


@pytest.mark.parametrize(
    "data",
    [
        INVITE.replace(b"\r\n", b"\n"),
        INVITE.replace(b"Call-ID: c1@198.51.100.10\r\n", b"Call-ID: c1@198.51.100.10\n"),
        INVITE.replace(b"Call-ID: c1@198.51.100.10\r\n", b"Call-ID: c1@198.51.100.10\r\r\n"),
    ],
    ids=["all LF", "one LF", "a CR too many"],
)
def test_line_ends_of_careless_peers_are_taken_in_datagrams(data: bytes) -> None:
    """RFC 3261 section 7 wants CRLF; nobody but us reads these bytes."""
    message = parse_message(data)

    assert message.fields == parse_message(INVITE).fields
    assert message.body == b"v=0\n"


@pytest.mark.parametrize("line", ["Subject: a\rVia: b", "Subject: a\0b", 'Subject: a \\\0 "b"', "Subject: \\\0"])
def test_lone_cr_and_nul_are_refused(line: str) -> None:
    """RFC 3261 section 25.1: neither is TEXT."""
    error = refusal(invite(line))

    assert (error.fault, error.status) == (Fault.HEADER_LINE, 400)
    assert error.message is not None
    assert error.message.call_id == "c1@198.51.100.10"


@pytest.mark.parametrize("line", ['Subject: "a \\\0 b"', 'Subject: "\\\\\\\0"'])
def test_nul_as_a_quoted_pair_is_taken(line: str) -> None:
    """RFC 4475 section 3.1.1.2: it must not end the string."""
    assert "\0" in (parse_message(invite(line)).get("Subject") or "")


def test_stream_heads_keep_to_crlf() -> None:
    """RFC 3261 section 7: on a stream, LF alone could hide where a message begins."""
    head = INVITE.partition(b"\r\n\r\n")[0]
    assert parse_head(head, b"v=0\n").body == b"v=0\n"

    with pytest.raises(ParseError) as caught:
        parse_head(head.replace(b"\r\nTo:", b"\nTo:"), b"v=0\n")
    assert caught.value.fault is Fault.HEADER_LINE
    assert caught.value.message is not None


@pytest.mark.parametrize(
    ("line", "fault", "status"),
    [
        (b"INVITE  sip:bob@example.net SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE sip:bob@example.net", Fault.START_LINE, 400),
        (b"INVITE", Fault.START_LINE, 400),
        (b"IN<VITE sip:bob@example.net SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE sip:bob@example.net SIP/2.0 ", Fault.START_LINE, 400),
        (b"INVITE sip:bob@example.net SIP/7.0", Fault.VERSION, 505),
        (b"INVITE sip:bob@example.net HTTP/1.1", Fault.VERSION, 400),
        ("INVITE sip:bob@example.net \u017fIP/2.0".encode(), Fault.VERSION, 400),
        (b"INVITE <sip:bob@example.net> SIP/2.0", Fault.REQUEST_URI, 400),
        (b"INVITE sip:bob@example.net?Subject=x SIP/2.0", Fault.REQUEST_URI, 400),
        (b"INVITE sip: SIP/2.0", Fault.URI, 400),
        (b"INVITE bob SIP/2.0", Fault.URI, 400),
        (b"SIP/2.0 99 Low", Fault.STATUS_CODE, 400),
        (b"SIP/2.0 700 High", Fault.STATUS_CODE, 400),
        (b"SIP/2.0 4294967301 Better not", Fault.STATUS_CODE, 400),
        ("\u017fIP/2.0 200 OK".encode(), Fault.START_LINE, 400),
    ],
)
def test_malformed_start_line_is_named(line: bytes, fault: Fault, status: int) -> None:
    """RFC 3261 sections 7.1, 7.2 and 21.5.6; RFC 4475 sections 3.1.2.7 to 3.1.2.19."""
    error = refusal(line + INVITE[INVITE.find(b"\r\n") :])

    assert (error.fault, error.status) == (fault, status)
    assert error.message is not None
    assert error.message.call_id == "c1@198.51.100.10"


def test_empty_reason_phrase_is_taken() -> None:
    """RFC 4475 section 3.1.1.13."""
    for line in (b"SIP/2.0 200 ", b"SIP/2.0 200", b"sip/2.0 200 "):
        message = parse_message(OK.replace(b"SIP/2.0 200 OK", line))
        assert isinstance(message, Response)
        assert (message.status, message.reason_phrase) == (200, "")


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\r\n\r\n\r\n\r\n"])
def test_nothing_but_line_ends_is_empty(data: bytes) -> None:
    """RFC 5626 section 4.4.1: keep-alives."""
    assert refusal(data).fault is Fault.EMPTY


@pytest.mark.parametrize("line", ["rubbish", "Bad Name: x", ": x", "Subject", "(: x", "Größe: x"])
def test_line_that_is_no_header_is_refused(line: str) -> None:
    """RFC 3261 section 7.3.1."""
    error = refusal(invite(line))

    assert (error.fault, error.status) == (Fault.HEADER_LINE, 400)
    assert error.message is not None


@pytest.mark.parametrize("value", ["-1", "5", "x", "", "4 4", "99999999999999999999", "+4", "٤"])
def test_wrong_content_length_is_refused(value: str) -> None:
    """RFC 3261 section 18.3; RFC 4475 sections 3.1.2.2 and 3.1.2.3."""
    error = refusal(invite(f"Content-Length: {value}", without="Content-Length"))

    assert (error.fault, error.status) == (Fault.CONTENT_LENGTH, 400)
    assert error.message is not None


def test_leading_zeros_are_no_fault() -> None:
    """RFC 4475 section 3.1.1.1."""
    data = invite("Content-Length: 0004", without="Content-Length").replace(b"CSeq: 1", b"CSeq: 0009")

    assert parse_message(data).body == b"v=0\n"
    assert parse_message(data).cseq.number == 9


def test_limits_bound_what_is_read() -> None:
    """More than the configured limits is 513 (RFC 3261 section 21.5.14), before any work is done."""
    assert refusal(INVITE, Limits(message_bytes=100)).fault is Fault.TOO_LARGE
    for lines in (["A: b"] * 20, ["Subject: x", *[" y"] * 40]):
        error = refusal(invite(*lines), Limits(headers=16))
        assert (error.fault, error.status) == (Fault.TOO_MANY_HEADERS, 513)


def test_too_many_headers_are_answered_where_the_first_ones_tell_to_whom() -> None:
    """RFC 3261 section 21.5.14; what has no Via within the limit, or one that is too long, is worth no answer."""
    error = refusal(invite(*["A: b"] * 200), Limits(headers=16))
    assert error.message is not None
    assert error.message.top_via.branch
    start, _, rest = INVITE.partition(b"\r\n")
    assert refusal(start + b"\r\n" + b"A: b\r\n" * 40 + rest, Limits(headers=16)).message is None


PIECES = st.one_of(
    st.sampled_from([line + b"\r\n" for line in (INVITE + OK).split(b"\r\n")]),
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b" ", b"\t", b'"', b"<", b">", b";", b",", b":", b"\\", b"\0", b"*", b"%00"]
    ),
    st.binary(max_size=12),
)


def parsed(data: bytes) -> Request | Response | ParseError:
    """What comes of them."""
    try:
        return parse_message(data)
    except ParseError as error:
        return error


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(PIECES, max_size=20).map(b"".join),
        st.builds(
            lambda whole, end, more: whole[:end] + b"".join(more),
            st.sampled_from([INVITE, OK]),
            st.integers(0, 500),
            st.lists(PIECES, max_size=3),
        ),
    )
)
def test_any_bytes_parse_or_raise_parse_error(data: bytes) -> None:
    """And what was parsed can be asked anything; what was not has a name, a status and a place."""
    message = parsed(data)
    if isinstance(message, ParseError):
        assert isinstance(message.fault, Fault)
        assert 400 <= message.status < 600
        assert 0 <= message.offset <= len(data)
        return
    ask_everything(message)
    assert message.body in data
    assert message.call_id.encode("utf-8", "surrogateescape") in data


@settings(max_examples=150)
@given(st.data())
def test_spoiled_messages_parse_stably_or_raise_parse_error(data: st.DataObject) -> None:
    """What was accepted is written in a form that is accepted and means the same."""
    original = data.draw(st.sampled_from([INVITE, OK]))
    position = data.draw(st.integers(0, len(original)))
    gone = data.draw(st.integers(0, 20))
    spoiled = original[:position] + data.draw(PIECES) + original[position + gone :]
    message = parsed(spoiled)
    if isinstance(message, ParseError):
        return
    ask_everything(message)
    written = format_message(message)
    again = parse_message(written)
    assert format_message(again) == written
    assert again.body == message.body
    assert again.call_id == message.call_id


def test_faults_of_responses_are_named_too() -> None:
    """They are dropped whatever the status says (RFC 3261 section 8.1.3.1 knows no answer to a response)."""
    assert refusal(ok("CSeq: 1 INVITE")).fault is Fault.REPEATED_HEADER
