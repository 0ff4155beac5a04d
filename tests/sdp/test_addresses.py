"""Which hosts a description gives away."""

from __future__ import annotations

import pytest

from sbc.sdp import addresses, is_ip_literal, parse_sdp


def test_hosts_are_found_wherever_they_stand() -> None:
    """RFC 8866 origin and connections, RFC 3605 rtcp, RFC 8839 candidates, vendors' own attributes, MSRP paths."""
    lines = [
        "v=0",
        "o=10.0.0.9 1 1 IN IP4 pbx.example.net",
        "s=call from 10.0.0.1",
        "u=http://10.0.0.2:80/x",
        "c=IN IP4 10.0.0.3/127",
        "t=0 0",
        "f=10.0.0.4",
        "a=source-filter: incl IN IP4 * 10.0.0.5",
        "m=audio 9 RTP/AVP 0",
        "c=IN IP6 2001:db8::7",
        "a=rtcp:9 IN IP4 10.0.0.6",
        "a=candidate:1 1 UDP 1 10.0.0.7 9 typ srflx raddr fe80::1%eth0 rport 9",
        "a=x-candidate-ipv6:3 1 UDP 1 2001:0:5ef5:79fb::1 9 typ host",
        "a=alt:1 1 : u p 10.0.0.8 9",
        "a=path:msrp://[2001:db8::8]:7394/2s93i93idj;tcp",
        "a=fmtp:101 0-15",
        "a=version:1.2.3",
    ]
    session = parse_sdp("\r\n".join(lines).encode())

    assert set(addresses(session)) == {
        "pbx.example.net",
        *[f"10.0.0.{number}" for number in range(1, 10)],
        "2001:db8::7",
        "2001:db8::8",
        "fe80::1%eth0",
        "2001:0:5ef5:79fb::1",
    }


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1%eth0", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"]
)
def test_address_is_recognised(text: str) -> None:
    """RFC 4291 section 2.2."""
    assert is_ip_literal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":::",
        "1.2.3",
        "1.2.3.256",
        "1.2.3.4.5",
        "1:2",
        "1::2::3",
        "12345::",
        "g::",
        "::1.2.3",
        "1:2:3:4:5:6:7::8:9",
    ],
)
def test_other_text_is_not_an_address(text: str) -> None:
    """RFC 4291 section 2.2."""
    assert not is_ip_literal(text)
