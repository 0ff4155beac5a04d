"""Via, both ways."""

from __future__ import annotations

import pytest

from sbc.sip import Fault, ParseError, Via, parse_via


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-1;rport",
        "SIP/2.0/TLS proxy.example.net",
        "SIP/2.0/TCP [2001:db8::1]:5060;received=192.0.2.1",
        'SIP/2.0/UNKNOWN host;x="a;b"',
    ],
)
def test_via_is_written_back(text: str) -> None:
    """RFC 3261 section 20.42."""
    assert str(parse_via(text)) == text


def test_white_space_and_case_do_not_matter() -> None:
    """RFC 4475 section 3.1.1.1."""
    via = parse_via("sip  / 2.0\t/ udp  192.0.2.2 : 5070 ; Branch = z9hG4bK1 ;rport")

    assert (via.transport, via.host, via.port, via.branch, via.param("rport")) == (
        "UDP",
        "192.0.2.2",
        5070,
        "z9hG4bK1",
        "",
    )


def test_sent_by_has_the_default_port() -> None:
    """RFC 3261 section 18.2.1: transactions are told apart by it."""
    assert parse_via("SIP/2.0/UDP Host").sent_by == "host:5060"
    assert Via("TLS", "host").sent_by == "host:5061"
    assert Via("TLS", "host", 5070).sent_by == "host:5070"
    assert Via("UDP", "host").branch == ""


def test_blanked_parameters_are_passed_over() -> None:
    """A server that removes the `rport` it answered leaves `;;`; the branch still finds the transaction."""
    via = parse_via("SIP/2.0/UDP host;branch=z9hG4bK1;;received=192.0.2.1")

    assert (via.branch, via.param("received")) == ("z9hG4bK1", "192.0.2.1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 host",
        "SIP/3.0/UDP host",
        "HTTP/2.0/UDP host",
        "SIP/2.0/U<P host",
        "SIP/2.0/\u00df host",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP host:port",
        "SIP/2.0/UDP host;\u212a=1",
        "SIP/2.0/UDP host;=1",
    ],
)
def test_malformed_via_is_refused(text: str) -> None:
    """RFC 3261 section 25.1; letters that only become ASCII by changing their case are not ASCII."""
    for _ in range(2):
        with pytest.raises(ParseError) as caught:
            parse_via(text)
        assert caught.value.fault in (Fault.VIA, Fault.PARAMETER)
