"""What every message must hold."""

from __future__ import annotations

import pytest

from sbc.sip import Fault, ParseError, Response, parse_message
from tests.sip.messages import OK, invite, ok


def fault_of(data: bytes) -> Fault:
    with pytest.raises(ParseError) as caught:
        parse_message(data)
    assert caught.value.status == 400
    assert caught.value.message is not None
    return caught.value.fault


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_header_is_missed(name: str) -> None:
    """RFC 3261 section 8.1.1; RFC 4475 section 3.3.1. Max-Forwards is not insisted on (RFC 2543 peers)."""
    assert fault_of(invite(without=name)) is Fault.MISSING_HEADER
    assert fault_of(invite(f"{name}:", without=name)) is Fault.MISSING_HEADER
    parse_message(invite(without="Max-Forwards"))


@pytest.mark.parametrize(
    "line",
    ["From: <sip:a@b>;tag=1", "To: <sip:a@b>", "Call-ID: x", "i: x", "CSeq: 1 INVITE", "Max-Forwards: 9", "l: 4"],
)
def test_header_that_stands_once_is_not_repeated(line: str) -> None:
    """RFC 3261 section 7.3.1; RFC 4475 sections 3.3.8 and 3.3.9."""
    assert fault_of(invite(line)) is Fault.REPEATED_HEADER


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("Via", "SIP/2.0/UDP", Fault.VIA),
        ("Via", "SIP/2.0/UDP a;branch=x,", Fault.PARAMETER),
        ("From", '"A <sip:a@b>;tag=1', Fault.ADDRESS),
        ("To", "Bell, A. <sip:a@b>", Fault.ADDRESS),
        ("To", "sip:a@b?Route=x", Fault.ADDRESS),
        ("Call-ID", "a b", Fault.HEADER_LINE),
        ("CSeq", "1", Fault.CSEQ),
        ("CSeq", "4294967296 INVITE", Fault.NUMBER),
        ("CSeq", "1 BYE", Fault.CSEQ_METHOD),
        ("Max-Forwards", "256", Fault.NUMBER),
        ("Max-Forwards", "-1", Fault.NUMBER),
        ("Contact", "<sip:a@b>,, <sip:c@d>", Fault.PARAMETER),
        ("Contact", "<sip:a@b", Fault.ADDRESS),
        ("Contact", "*, <sip:a@b>", Fault.URI),
        ("Contact", "sip:a@b?x=y", Fault.ADDRESS),
        ("Expires", "4294967296", Fault.NUMBER),
        ("Session-Expires", "soon", Fault.NUMBER),
        ("Min-SE", "99999999999", Fault.NUMBER),
        ("RAck", "1 INVITE", Fault.NUMBER),
        ("Route", "<sip:a;lr", Fault.ADDRESS),
        ("Record-Route", "nowhere", Fault.URI),
        ("Refer-To", "", Fault.URI),
        ("Replaces", "x;to-tag=1", Fault.PARAMETER),
        ("Event", ";id=1", Fault.PARAMETER),
    ],
)
def test_malformed_value_is_refused(name: str, value: str, fault: Fault) -> None:
    """RFC 3261 section 21.4.1: what we would have to read must be readable."""
    assert fault_of(invite(f"{name}: {value}", without=name)) is fault


def test_contact_star_stands_alone() -> None:
    """RFC 3261 section 10.2.2."""
    assert parse_message(invite("Contact: *", without="Contact")).is_contact_star
    assert fault_of(invite("Contact: *", "Contact: <sip:a@b>", without="Contact")) is Fault.ADDRESS
    assert fault_of(invite("Contact: *")) is Fault.URI


def test_second_contact_is_checked_as_the_first() -> None:
    """A value seen before must not hide what stands beside it."""
    parse_message(invite())
    assert fault_of(invite("Contact: <sip:")) is Fault.PARAMETER


def test_via_below_the_top_is_checked_as_a_list() -> None:
    """It is copied into our answers (RFC 3261 section 8.2.6.2)."""
    for value in ('SIP/2.0/UDP a;x=",', "SIP/2.0/UDP a,,SIP/2.0/UDP b"):
        assert fault_of(invite(f"Via: {value}")) is Fault.PARAMETER


@pytest.mark.parametrize("line", ["Contact: <sip:", "Record-Route: <", "Session-Expires: x"])
def test_refusal_with_a_stray_header_is_still_a_refusal(line: str) -> None:
    """A 486 that carries a broken header must end its transaction (RFC 3261 section 17.1.1.2)."""
    name = line.partition(":")[0]
    refusal = parse_message(ok(line, without=name).replace(b"200 OK", b"486 Busy"))
    assert isinstance(refusal, Response)
    assert fault_of(ok(line, without=name))


def test_unknown_method_and_scheme_are_well_formed() -> None:
    """RFC 4475 sections 3.1.1.2 and 3.3.3: 501 and 416 are decided elsewhere."""
    data = invite("CSeq: 1 !odd", without="CSeq").replace(
        b"INVITE sip:bob@example.net", b"!odd soap.beep://192.0.2.103"
    )
    assert parse_message(data).cseq.method == "!odd"


def test_response_to_an_unknown_dialog_is_well_formed() -> None:
    """Whether anybody waits for it is the transaction's concern."""
    assert parse_message(OK).to_tag == "b1"
