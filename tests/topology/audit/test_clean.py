"""Taking findings out of a message."""

from __future__ import annotations

import pytest

from sbc.sip import Request, Response
from sbc.topology import Finding, clean
from tests.topology.sides import request, response


def finding(place: str) -> Finding:
    return Finding(b"10.20.0.5", place)


def test_an_optional_field_is_dropped_and_the_rest_kept() -> None:
    message = request("INVITE", "X-A: 10.20.0.5", "X-A: fine", "X-B: fine")
    cleaned = clean(message, [finding("X-A"), finding("X-A")])
    assert isinstance(cleaned, Request)
    assert cleaned.method == "INVITE"
    assert cleaned.fields == [field for field in message.fields if field[0] != "X-A"]


def test_a_response_keeps_its_status_and_body() -> None:
    message = response(200, "INVITE", "X-A: 10.20.0.5", body="x")
    cleaned = clean(message, [finding("X-A")])
    assert isinstance(cleaned, Response)
    assert (cleaned.status, cleaned.body) == (200, b"x")


@pytest.mark.parametrize(
    "place",
    ["start-line", "body", "Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Route", "Record-Route", "Contact"],
)
def test_a_message_cannot_live_without_a_mandatory_field(place: str) -> None:
    """RFC 3261 section 20, tables 2 and 3."""
    assert clean(request("INVITE", "X-A: x"), [finding("X-A"), finding(place)]) is None


def test_contact_is_mandatory_where_a_dialog_is_formed() -> None:
    """RFC 3261 sections 8.1.1.8 and 12.1.1."""
    assert clean(request("BYE"), [finding("Contact")]) is not None
    assert clean(response(486, "INVITE"), [finding("Contact")]) is not None
    assert clean(response(180, "INVITE"), [finding("Contact")]) is None
    assert clean(response(200, "BYE"), [finding("Contact")]) is not None


def test_a_body_needs_its_content_type() -> None:
    assert clean(request("INVITE", body="v=0"), [finding("Content-Type")]) is None
