"""Messages to bytes."""

from __future__ import annotations

import pytest

from sbc.sip import Request, Response, format_message, parse_message
from tests.sip.messages import INVITE, OK


@pytest.mark.parametrize("data", [INVITE, OK])
def test_well_formed_message_is_written_back_exactly(data: bytes) -> None:
    """RFC 3261 section 7."""
    assert format_message(parse_message(data)) == data


def test_content_length_is_always_ours_and_last() -> None:
    """RFC 3261 section 20.14."""
    request = Request("INFO", "sip:a@b", [("Content-Length", "99"), ("Call-ID", "x")], b"four")

    assert format_message(request) == b"INFO sip:a@b SIP/2.0\r\nCall-ID: x\r\nContent-Length: 4\r\n\r\nfour"


def test_text_beyond_ascii_is_utf8() -> None:
    """RFC 3261 section 7.3.1; bytes that were not UTF-8 come out as they came in."""
    response = Response(200, "Gr\u00fc\u00df dich", [("Subject", "\u2211\udcff")])

    assert format_message(response).startswith(
        "SIP/2.0 200 Gr\u00fc\u00df dich\r\nSubject: \u2211".encode() + b"\xff\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nVia: b", "a\nb", "a\rb"])
def test_line_break_in_a_value_is_never_written(value: str) -> None:
    """It would add a header: our mistake, so it raises."""
    for message in (
        Response(200, "OK", [("Subject", value)]),
        Response(200, value, []),
        Request("INVITE", value, []),
    ):
        with pytest.raises(ValueError, match="line break"):
            format_message(message)
