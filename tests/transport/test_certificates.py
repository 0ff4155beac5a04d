"""What a certificate says its holder is, and what a failed handshake is called (RFC 5922)."""

from __future__ import annotations

import ssl

import pytest

from sbc.config import proves
from sbc.transport.certificates import identities, reason_of_tls


def test_dns_names_are_identities_where_there_is_no_sip_uri() -> None:
    """RFC 5922 section 7.1."""
    assert identities({"subjectAltName": (("DNS", "a.example"), ("DNS", "b.example"))}) == ("a.example", "b.example")


def test_a_sip_uri_displaces_the_dns_names() -> None:
    """RFC 5922 section 7.1: a DNS name is taken if and only if there is no SIP URI."""
    names = {"subjectAltName": (("DNS", "host.example"), ("URI", "SIP:example.net;transport=tls"))}
    assert identities(names) == ("example.net",)


@pytest.mark.parametrize("uri", ["sips:example.net", "https://example.net", "sip:alice@example.net", "sip:"])
def test_other_uris_are_no_identities(uri: str) -> None:
    """RFC 5922 section 7.1: one with a user part is a person's; schemes other than sip count for nothing."""
    assert identities({"subjectAltName": (("URI", uri), ("DNS", "a.example"))}) == ("a.example",)


def test_a_port_in_a_sip_uri_is_not_part_of_the_name() -> None:
    assert identities({"subjectAltName": (("URI", "sip:example.net:5061"), ("URI", "sip:[2001:db8::1]:5061"))}) == (
        "example.net",
        "2001:db8::1",
    )


def test_the_common_name_counts_only_without_alternative_names() -> None:
    """RFC 5922 section 7.1, step 2."""
    subject = ((("organizationName", "Example"),), (("commonName", "cn.example"),))
    assert identities({"subject": subject}) == ("cn.example",)
    assert identities({"subject": subject, "subjectAltName": (("email", "a@b"),)}) == ()
    assert identities({"subject": ((("commonName", "Some Person"),),)}) == ()


def test_addresses_come_last() -> None:
    names = {"subjectAltName": (("IP Address", "192.0.2.1"), ("DNS", "a.example"))}
    assert identities(names) == ("a.example", "192.0.2.1")


@pytest.mark.parametrize("certificate", [None, {}])
def test_no_certificate_is_nobody(certificate: dict[str, str] | None) -> None:
    assert identities(certificate) == ()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sip.example.net", "sip.example.net"),
        ("SIP.Example.NET", "sip.example.net"),
        ("sip.example.net.", "sip.example.net"),
        ("edge1.example.net", "*.example.net"),
        ("*.example.net", "*.example.net"),
    ],
)
def test_a_name_that_is_wanted_is_proved_whatever_its_case(name: str, wanted: str) -> None:
    """RFC 5922 section 7.2; who wants every name that a wildcard could stand for may have it from the wildcard."""
    assert proves((name,), ("other.example", wanted))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("example.net", "sip.example.net"),
        ("sip.example.net", "example.net"),
        ("*.example.net", "sip.example.net"),
        ("a.b.example.net", "*.example.net"),
        ("example.net", "*.example.net"),
        ("", ""),
    ],
)
def test_neither_suffixes_nor_wildcards_of_a_certificate_prove_anything(name: str, wanted: str) -> None:
    """RFC 5922 section 7.2: a wildcard in a certificate stands for no name; the operator's stands for one label."""
    assert not proves((name,), (wanted,))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "no certificate shown, and one is required"),
        ("TLSV1_ALERT_UNKNOWN_CA", "peer refused us: unknown ca"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "peer refused us: certificate expired"),
        ("LENGTH_MISMATCH", "length mismatch"),
    ],
)
def test_failures_are_told_in_words(reason: str, text: str) -> None:
    error = ssl.SSLError(1, "x")
    error.reason = reason
    assert reason_of_tls(error) == text
