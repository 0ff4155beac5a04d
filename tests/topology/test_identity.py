"""From, To and identity headers as the other side may see them."""

from __future__ import annotations

import pytest

from sbc.sip import parse_address
from sbc.topology import asks_for_privacy, hide_identity
from tests.topology.sides import request


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<sip:alice@10.20.0.5:5080>;tag=1", "<sip:alice@sbc.example>"),
        ('"Alice, A." <sip:alice@pbx.corp.local;transport=tcp;ob>;tag=1', '"Alice, A." <sip:alice@sbc.example>'),
        ("Alice <sips:alice@pbx.corp.local>", "Alice <sips:alice@sbc.example>"),
        ("sip:+4930111@10.20.0.5;tag=1", "<sip:+4930111@sbc.example>"),
        ("<sip:+4930111@10.20.0.5;user=phone>", "<sip:+4930111@sbc.example;user=phone>"),
        ("<sip:alice:secret@10.20.0.5>", "<sip:alice@sbc.example>"),
        ("<sip:+49301;rn=+49302;npdi@10.20.0.5>", "<sip:+49301@sbc.example>"),
        ("<sip:7042;phone-context=pbx.corp.local@10.20.0.5;user=phone>", "<sip:7042@sbc.example;user=phone>"),
        ("<sip:alice%40pbx.corp.local@10.20.0.5>", "<sip:alice@sbc.example>"),
        ("<sip:10.20.0.5@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:10-20-0-5@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:+49-30-111-22@10.20.0.5>", "<sip:+49-30-111-22@sbc.example>"),
        ("<sip:10%2e20%2E0.5@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:gw-10.20.0.5@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:10.20.0.5.inner@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:[2001@10.20.0.5>", "<sip:sbc.example>"),
        ("<sip:+49.30.11.22.33@10.20.0.5>", "<sip:+49.30.11.22.33@sbc.example>"),
        ("<sip:a.b.c.d@10.20.0.5>", "<sip:a.b.c.d@sbc.example>"),
        ('"10.20.0.5" <sip:alice@10.20.0.5>', "<sip:alice@sbc.example>"),
        (r'"at \1\0.20.0.5" <sip:alice@10.20.0.5>', "<sip:alice@sbc.example>"),
        ('"gw [2001:db8::5]:5060" <sip:alice@10.20.0.5>', "<sip:alice@sbc.example>"),
        ('"+49.30.11.22.33" <sip:alice@10.20.0.5>', '"+49.30.11.22.33" <sip:alice@sbc.example>'),
        ('"Dr. A. B. C. at 12:30:15" <sip:a@10.20.0.5>', '"Dr. A. B. C. at 12:30:15" <sip:a@sbc.example>'),
        ("<sip:[2001:db8::5]>", "<sip:sbc.example>"),
        ("<sip:alice@10.20.0.5?Subject=x>", "<sip:alice@sbc.example>"),
        ("<tel:+4930111;isub=1>", "<tel:+4930111>"),
        ("<tel:7042;phone-context=pbx.corp.local>", "<tel:7042;phone-context=sbc.example>"),
        ("<tel:7042;phone-context=+4930>", "<tel:7042;phone-context=+4930>"),
        ("<tel:pbx.corp.local>", "<sip:anonymous@anonymous.invalid>"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        ("<urn:service:sos>", "<sip:anonymous@anonymous.invalid>"),
        ("<http://pbx.corp.local/alice>", "<sip:anonymous@anonymous.invalid>"),
    ],
)
def test_the_user_crosses_and_the_host_does_not(value: str, shown: str) -> None:
    """RFC 5853 section 3.1: identities stay usable, hosts are ours; RFC 3323 section 4.1.1.3 for the anonymous URI."""
    assert hide_identity(parse_address(value), "sbc.example") == shown


def test_what_is_shown_is_an_address_again() -> None:
    shown = hide_identity(parse_address('"A" <sip:a;b@10.20.0.5>'), "[2001:db8::1]")
    assert str(parse_address(shown)) == '"A" <sip:a@[2001:db8::1]>'


@pytest.mark.parametrize(
    ("value", "asked"),
    [("id", True), ("Header;critical", True), ("user, session", True), ("none", False), ("session", False)],
)
def test_privacy_is_asked_for_by_the_words_that_concern_identity(value: str, asked: bool) -> None:
    """RFC 3323 section 4.2, RFC 3325 section 9.3."""
    assert asks_for_privacy(request("INVITE", f"Privacy: {value}")) is asked


def test_without_the_header_no_privacy_is_asked_for() -> None:
    assert not asks_for_privacy(request())
