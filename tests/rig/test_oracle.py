"""The leak oracle judged: planted leaks are found in every place, clean pairs are not flagged."""

from __future__ import annotations

import pytest

from tests.rig.frames import Frame, Packet
from tests.rig.oracle import assert_no_leak, find_leaks, names_of_engine
from tests.rig.tokens import Tokens, sdes_items

A_INVITE = """INVITE sip:4930222@198.51.100.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.10:5090;branch=z9hG4bK-a-branch-77
From: "Alice" <sip:4930111@198.51.100.10>;tag=atag
To: <sip:4930222@198.51.100.1>
Call-ID: a-call-1@198.51.100.10
CSeq: 1 INVITE
Contact: <sip:acontact@198.51.100.10:5090>;+sip.instance="<urn:uuid:aaaa-instance>"
Max-Forwards: 70
User-Agent: OutsidePhone/7.2 (lab)
Organization: Outside Organization
X-Outside-Secret: private-value-a
P-Charging-Vector: icid-value=icidofa123;orig-ioi=ioi.outside.example.org
Call-Info: <http://www.outside.example.org/card>;purpose=info
Content-Type: application/sdp

v=0
o=aowner 536557651 23536876 IN IP4 198.51.100.10
s=a session name
e=admin@media.outside.example.org
c=IN IP4 198.51.100.10
t=0 0
m=audio 20000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=tool:atool-4
a=ice-ufrag:aUfr
a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11
a=ssrc:99 cname:acname-xyz
a=sendrecv
"""

B_INVITE = """INVITE sip:4930222@10.20.0.10:5080 SIP/2.0
Via: SIP/2.0/UDP 10.20.0.1:5070;branch=z9hG4bKnodebranch1
From: "Alice" <sip:4930111@core.example.com>;tag=nodetag1
To: <sip:4930222@core.example.com>
Call-ID: nodecall1
CSeq: 7 INVITE
Contact: <sip:nodecontact1@10.20.0.1:5070>
Max-Forwards: 69
Allow: INVITE, ACK, BYE
@HEADER@Content-Type: application/sdp

v=0
o=- 900001 1 IN IP4 10.20.0.1
s=-
c=IN IP4 10.20.0.1
t=0 0
m=audio 30000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
@SDP@a=sendrecv
"""

B_ANSWER = """SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 10.20.0.1:5070;branch=z9hG4bKnodebranch1
From: "Alice" <sip:4930111@core.example.com>;tag=nodetag1
To: <sip:4930222@core.example.com>;tag=btag22
Call-ID: nodecall1
CSeq: 7 INVITE
Contact: <sip:bcontact@10.20.0.10:5080>
Server: InsideSwitch/9
"""

A_ANSWER = """SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 198.51.100.10:5090;branch=z9hG4bK-a-branch-77
From: "Alice" <sip:4930111@198.51.100.10>;tag=atag
To: <sip:4930222@198.51.100.1>;tag=nodetag2
Call-ID: a-call-1@198.51.100.10
CSeq: 1 INVITE
Contact: <sip:nodecontact2@198.51.100.1:5060>
@HEADER@Content-Length: 0
"""

_WIRES = {"outside": ("198.51.100.10", "198.51.100.1"), "inside": ("10.20.0.10", "10.20.0.1")}


def packet(realm: str, from_node: bool, text: str | bytes, when: float = 0.0, port: int = 5060) -> Packet:
    payload = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    peer, node = _WIRES[realm]
    source, destination = (node, peer) if from_node else (peer, node)
    return Packet(Frame(when, realm, from_node, b""), "udp", source, port, destination, port, payload)


def call(header: str = "", sdp: str = "", answer_header: str = "") -> list[Packet]:
    """INVITE from outside, INVITE to inside, ringing back; with lines planted in what the node sends."""
    return [
        packet("outside", False, A_INVITE, 1),
        packet("inside", True, B_INVITE.replace("@HEADER@", header).replace("@SDP@", sdp), 2),
        packet("inside", False, B_ANSWER, 3),
        packet("outside", True, A_ANSWER.replace("@HEADER@", answer_header), 4),
    ]


def test_a_clean_pair_is_not_flagged() -> None:
    """Numbers, display names and codecs cross; nothing else does."""
    assert find_leaks(call()) == []


@pytest.mark.parametrize(
    "header",
    [
        "Via: SIP/2.0/UDP 198.51.100.10:5090;branch=z9hG4bKother",
        "Via: SIP/2.0/UDP 10.20.0.9;received=198.51.100.10;branch=z9hG4bKother",
        "Via: SIP/2.0/UDP 10.20.0.9;branch=z9hG4bK-a-branch-77",
        "X-Anything: a-branch-77",
        "Record-Route: <sip:198.51.100.10;lr>",
        "Route: <sip:edge.outside.example.org;lr>, <sip:198.51.100.10;lr>",
        "Call-ID: a-call-1@198.51.100.10",
        "In-Reply-To: a-call-1",
        "Replaces: other;from-tag=atag;to-tag=x",
        "From: <sip:4930111@core.example.com>;tag=atag",
        "P-Asserted-Identity: <sip:4930111@198.51.100.10>",
        "History-Info: <sip:4930111@198-51-100-10.example.net>;index=1",
        "Diversion: <sip:1@198.051.100.010>",
        "Contact: <sip:acontact@10.20.0.1>",
        'Contact: <sip:n@10.20.0.1>;+sip.instance="<urn:uuid:aaaa-instance>"',
        "User-Agent: OutsidePhone/7.2 (lab)",
        "Server: made for OutsidePhone",
        "Organization: Outside Organization",
        "X-Outside-Secret: other",
        "X-Other: private-value-a",
        "P-Charging-Vector: icid-value=icidofa123",
        "P-Charging-Vector: icid-value=1;icid-generated-at=ioi.outside.example.org",
        "Call-Info: <http://www.outside.example.org/card>",
        'Warning: 399 198.51.100.10 "no"',
        'Reason: SIP;cause=200;text="from 198.51.100.10"',
        "Subject: c633640a is 198.51.100.10 in hexadecimal",
        "Subject: 3325256714 is 198.51.100.10 in decimal",
        "Referred-By: <sip:a%63ontact@x>;host=198%2E51%2E100%2E10",
    ],
)
def test_a_token_planted_in_a_header_is_found(header: str) -> None:
    """Leak checklist 4.1 to 4.4: the place does not matter, nor does the spelling."""
    leaks = find_leaks(call(header=header + "\n"))
    assert leaks
    assert all(leak.packet.realm == "inside" for leak in leaks)


@pytest.mark.parametrize(
    "line",
    [
        "o=aowner 1 1 IN IP4 10.20.0.1",
        "o=- 536557651 1 IN IP4 10.20.0.1",
        "s=a session name",
        "e=admin@media.outside.example.org",
        "c=IN IP4 198.51.100.10",
        "a=rtcp:20001 IN IP4 198.51.100.10",
        "a=candidate:1 1 UDP 1 10.20.0.9 1 typ srflx raddr 198.51.100.10 rport 9",
        "a=tool:atool-4",
        "a=ice-ufrag:aUfr",
        "a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11",
        "a=ssrc:99 cname:acname-xyz",
        "a=x-vendor:198-51-100-10",
    ],
)
def test_a_token_planted_in_sdp_is_found(line: str) -> None:
    """Leak checklist 4.5."""
    assert find_leaks(call(sdp=line + "\n"))


@pytest.mark.parametrize(
    "header",
    [
        "Server: InsideSwitch/9",
        'Warning: 399 10.20.0.10 "x"',
        "X-Tag: nodetag1",
        "Contact: <sip:bcontact@198.51.100.1>",
    ],
)
def test_a_leak_the_other_way_is_found(header: str) -> None:
    """What the node itself used inside (its tag there) is a token of the inside too."""
    leaks = find_leaks(call(answer_header=header + "\n"))
    assert leaks
    assert all(leak.packet.realm == "outside" for leak in leaks)


def test_a_tag_of_two_characters_is_found_in_its_place() -> None:
    """A short tag cannot be sought everywhere, but From and To are compared."""
    packets = call()
    packets[0] = packet("outside", False, A_INVITE.replace("tag=atag", "tag=q7"), 1)
    packets[1] = packet("inside", True, packets[1].payload.replace(b"nodetag1", b"q7"), 2)
    assert [leak.token.kind for leak in find_leaks(packets)] == ["tag"]


def test_what_a_realms_own_peer_said_first_is_its_own() -> None:
    """The caller's tag in the node's answer to the caller is no leak, even if the node let it slip elsewhere."""
    leaks = find_leaks(call(header="X-Slip: atag\n"))
    assert {leak.packet.realm for leak in leaks} == {"inside"}


def test_a_secret_must_not_reach_the_untrusted_side() -> None:
    """Configured secrets are sought outside, whoever said them."""
    leaks = find_leaks(call(answer_header="X-Where: PBX.corp.local\n"), secrets=["pbx.corp.local"])
    assert [leak.token.kind for leak in leaks] == ["secret"]


def test_an_allowed_token_is_let_through() -> None:
    """A rule that passes one header on purpose is named to the oracle."""
    packets = call(header="X-Other: private-value-a\n")
    assert find_leaks(packets)
    assert find_leaks(packets, allowed=["private-value-a"]) == []


def names(text: bytes) -> bytes:
    """RTCP with a CNAME (RFC 3550 section 6.5)."""
    item = bytes([1, len(text)]) + text
    chunk = b"\x00\x00\x00\x01" + item + bytes(4 - len(item) % 4)
    return bytes([0x81, 202]) + (len(chunk) // 4).to_bytes(2, "big") + chunk


def test_a_name_that_the_engine_has_on_both_sides_is_its_own_unless_a_peer_said_it() -> None:
    """What a daemon calls itself is told apart from what it passes on."""
    sides = [
        packet("outside", True, names(b"e5f974ad3e48"), 4, 30000),
        packet("inside", True, names(b"e5f974ad3e48"), 5),
    ]
    assert names_of_engine(sides) == {"e5f974ad3e48"}
    assert names_of_engine([packet("outside", False, names(b"e5f974ad3e48"), 3, 30000), *sides]) == set()
    assert names_of_engine([*sides[:1], packet("inside", True, names(b"another"), 5)]) == set()
    assert find_leaks([*call(), *sides])
    assert find_leaks([*call(), *sides], allowed=names_of_engine(sides)) == []


def test_an_address_inside_rtcp_is_found_as_bytes_and_as_cname() -> None:
    """RFC 3550 section 6.5.1: the CNAME is user@host, the most common leak of media."""
    sdes = names(b"alice@198.51.100.10")
    assert list(sdes_items(sdes)) == ["alice@198.51.100.10"]
    assert find_leaks([*call(), packet("inside", True, sdes, 5, 30001)])
    assert find_leaks([*call(), packet("inside", True, b"\x80\xc9\x00\x01" + bytes([198, 51, 100, 10]), 5, 30001)])


def test_ipv6_is_found_however_it_is_written() -> None:
    """RFC 5952 has one form, peers have many."""
    tokens = Tokens()
    tokens.learn(packet("outside", False, A_INVITE.replace("198.51.100.10:5090", "[2001:DB8:1:0::0010]:5090")))
    assert "2001:db8:1::10" in tokens.addresses
    packets = call(header="X-Where: 2001:0db8:0001:0:0:0:0:10\n")
    packets[0] = packet(
        "outside", False, A_INVITE.replace("<sip:acontact@198.51.100.10", "<sip:acontact@[2001:db8:1::10]"), 1
    )
    assert find_leaks(packets)


def test_an_oracle_that_saw_nothing_complains() -> None:
    """An empty capture proves nothing."""
    with pytest.raises(AssertionError, match="saw nothing"):
        assert_no_leak([])
