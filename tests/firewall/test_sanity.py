"""Message sanity: RFC 3261 sections 8.2 and 16.3."""

from __future__ import annotations

from pathlib import Path

import pytest

from sbc.firewall import ALLOW, KNOWN_METHODS, Reason, Verdict, sanity
from sbc.sip import Request, parse_message

FIELDS = [
    ("Via", "SIP/2.0/UDP 198.51.100.10;branch=z9hG4bK1"),
    ("From", "<sip:alice@example.net>;tag=a"),
    ("To", "<sip:bob@example.net>"),
    ("Call-ID", "c1"),
]


def request(
    method: str = "INVITE",
    *headers: tuple[str, str],
    uri: str = "sip:bob@example.net",
    body: bytes = b"",
) -> Request:
    return Request(method, uri, [*FIELDS, ("CSeq", f"1 {method}"), *headers], body)


def refusal(*args: object, **kwargs: object) -> Verdict:
    verdict = sanity(request(*args, **kwargs))  # type: ignore[arg-type]
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("method", sorted(KNOWN_METHODS))
def test_a_plain_request_of_a_known_method_passes(method: str) -> None:
    assert sanity(request(method, ("Max-Forwards", "70"))) is None


@pytest.mark.parametrize("method", ["NEWMETHOD", "invite", "!interesting-Method0123456789_*+`.%indeed'~"])
def test_an_unknown_method_is_not_implemented(method: str) -> None:
    """RFC 3261 section 8.2.1; methods are case-sensitive (section 7.1)."""
    verdict = refusal(method)
    assert (verdict.status, verdict.reason) == (501, Reason.UNKNOWN_METHOD)


@pytest.mark.parametrize("uri", ["soap.beep://192.0.2.103:3002", "nobodyKnowsThisScheme:totallyopaquecontent"])
def test_an_unknown_scheme_of_the_request_uri_is_refused(uri: str) -> None:
    """RFC 3261 section 8.2.2.1, RFC 4475 sections 3.3.2 and 3.3.3."""
    verdict = refusal(uri=uri)
    assert (verdict.status, verdict.reason) == (416, Reason.URI_SCHEME)


@pytest.mark.parametrize("uri", ["sip:a@b", "sips:a@b", "tel:+493012345", "SIP:a@b"])
def test_the_schemes_of_telephony_pass(uri: str) -> None:
    assert sanity(request(uri=uri)) is None


def test_no_hop_left_is_too_many_hops() -> None:
    """RFC 3261 section 16.3, step 3."""
    verdict = refusal("INVITE", ("Max-Forwards", "0"))
    assert (verdict.status, verdict.reason) == (483, Reason.TOO_MANY_HOPS)


@pytest.mark.parametrize("method", ["OPTIONS", "BYE"])
def test_what_ends_here_needs_no_hop(method: str) -> None:
    """RFC 3261 section 11.2 for OPTIONS; a BYE is answered on its own leg and must not leave the call up."""
    assert sanity(request(method, ("Max-Forwards", "0"))) is None


def test_required_extensions_are_refused_by_name() -> None:
    """RFC 3261 sections 8.2.2.3 and 16.3 step 5: Unsupported lists what was asked for, once, as it was written."""
    verdict = refusal(
        "INVITE",
        ("Require", "outbound, nothingSupportsThis"),
        ("Proxy-Require", "privacy, outbound"),
        ("Require", "timer, 100rel, precondition"),
    )
    assert (verdict.status, verdict.reason) == (420, Reason.BAD_EXTENSION)
    assert verdict.unsupported == ("outbound", "nothingSupportsThis", "precondition", "privacy")


def test_an_empty_require_asks_for_nothing() -> None:
    assert sanity(request("INVITE", ("Require", ""))) is None


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_never_refused(method: str) -> None:
    """RFC 3261 section 8.2.2.3: their Require is ignored."""
    assert sanity(request(method, ("Require", "outbound"), ("Max-Forwards", "0"))) is None


def test_an_encoded_body_is_refused() -> None:
    """RFC 3261 sections 8.2.3 and 20.12."""
    verdict = refusal("INVITE", ("Content-Encoding", "gzip"), body=b"\x1f\x8b")
    assert (verdict.status, verdict.reason) == (415, Reason.CONTENT_ENCODING)


def test_identity_is_no_encoding() -> None:
    assert sanity(request("INVITE", ("Content-Encoding", "identity"), body=b"v=0")) is None


def test_the_encoding_of_no_body_does_not_matter() -> None:
    assert sanity(request("INVITE", ("Content-Encoding", "gzip"))) is None


def test_the_first_fault_in_the_order_of_the_rfc_decides() -> None:
    """RFC 3261 section 8.2: method before header inspection before content."""
    everything = [("Max-Forwards", "0"), ("Require", "outbound"), ("Content-Encoding", "gzip")]
    assert refusal("NEW", *everything, uri="x:y", body=b"z").status == 501
    assert refusal("INVITE", *everything, uri="x:y", body=b"z").status == 416
    assert refusal("INVITE", *everything, body=b"z").status == 483
    assert refusal("INVITE", *everything[1:], body=b"z").status == 420


def test_allow_lists_only_known_methods() -> None:
    assert {method.strip() for method in ALLOW.split(",")} <= KNOWN_METHODS


@pytest.mark.parametrize(("name", "status"), [("bext01", 420), ("novelsc", 416), ("zeromf", 0), ("wsinv", 0)])
def test_torture_messages_get_an_outcome_of_the_index(name: str, status: int, shared_dir: Path) -> None:
    """RFC 4475 sections 3.3.5, 3.3.3, 3.3.11 and 3.1.1.1."""
    message = parse_message((shared_dir / "corpora" / "rfc4475" / f"{name}.dat").read_bytes())
    assert isinstance(message, Request)
    verdict = sanity(message)
    assert (0 if verdict is None else verdict.status) == status
