"""Attribute values, both ways."""

from __future__ import annotations

import pytest

from sbc.sdp import Candidate, Crypto, Fmtp, RtcpAddress, RtpMap

HOST = "1 1 UDP 2130706431 192.0.2.1 8998 typ host"
REFLEXIVE = "2 1 UDP 1694498815 203.0.113.3 45664 typ srflx raddr 192.0.2.1 rport 8998 generation 0"


@pytest.mark.parametrize("text", ["0 PCMU/8000", "111 opus/48000/2"])
def test_rtpmap_is_written_back(text: str) -> None:
    """RFC 8866 section 6.6."""
    assert str(RtpMap.parse(text)) == text


@pytest.mark.parametrize("text", ["", "0", "0 PCMU", "0 /8000", "0 PCMU/x", "0 PCMU/99999999999"])
def test_odd_rtpmap_is_none(text: str) -> None:
    """A peer's odd attribute is no reason to refuse its call."""
    assert RtpMap.parse(text) is None


def test_fmtp_splits_format_and_parameters() -> None:
    """RFC 8866 section 6.15."""
    fmtp = Fmtp.parse("101 0-15,66")

    assert fmtp is not None
    assert (fmtp.format, fmtp.parameters, str(fmtp)) == ("101", "0-15,66", "101 0-15,66")
    assert Fmtp.parse("101") is None


@pytest.mark.parametrize("text", ["53020", "53020 IN IP4 126.16.64.4", "53020 IN IP6 2001:db8::211"])
def test_rtcp_address_is_written_back(text: str) -> None:
    """RFC 3605 section 2.1."""
    assert str(RtcpAddress.parse(text)) == text


@pytest.mark.parametrize("text", ["", "x", "1 IN", "123456", "1 IN IP4 h x", "1 IN IP7 X"])
def test_odd_rtcp_address_is_none(text: str) -> None:
    """RFC 3605 section 2.1."""
    assert RtcpAddress.parse(text) is None


def test_crypto_is_written_back_and_hides_its_key_in_logs() -> None:
    """RFC 4568 section 9.1."""
    text = "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4 KDR=0 UNENCRYPTED_SRTCP"
    crypto = Crypto.parse(text)

    assert crypto is not None
    assert str(crypto) == text
    assert crypto.suite == "AES_CM_128_HMAC_SHA1_80"
    assert "inline" not in repr(crypto)
    assert Crypto.parse("x AES inline:y") is None
    assert Crypto.parse("1 AES") is None


@pytest.mark.parametrize("text", [HOST, REFLEXIVE])
def test_candidate_is_written_back(text: str) -> None:
    """RFC 8839 section 5.1."""
    assert str(Candidate.parse(text)) == text


def test_related_address_is_found() -> None:
    """RFC 8839 section 5.1: what a reflexive candidate gives away."""
    host, reflexive = Candidate.parse(HOST), Candidate.parse(REFLEXIVE)

    assert host is not None
    assert reflexive is not None
    assert (host.related_address, reflexive.related_address) == ("", "192.0.2.1")
    assert Candidate.parse("1 1 UDP") is None
