"""The egress check: planted tokens are found in every form, honest messages are not touched."""

from __future__ import annotations

import pytest

from sbc.config import Config
from sbc.topology import Audit, Finding, Learned
from tests.topology.sides import SDP, config, edge, ours, quickstart, realm, request, request_bytes, response, trunk

CLEAN_SDP = SDP.replace("{host}", "203.0.113.9").replace("8812345670", "5")


def foreign(node: Config, host: str = "10.20.0.5") -> tuple[Audit, Learned]:
    audit = Audit(node)
    leg = Learned(audit.shared)
    leg.learn_message(request(host=host))
    leg.learn_sdp(SDP.replace("{host}", host).encode())
    return audit, leg


def seen(findings: list[Finding]) -> list[tuple[bytes, str]]:
    return [(finding.token, finding.place) for finding in findings]


def test_an_honest_message_gives_no_finding() -> None:
    audit, inner = foreign(edge(hide=["10.20.0.0/16", "corp.local"]))
    assert audit.check(ours(body=CLEAN_SDP), "outside", inner, Learned(audit.shared)) == []


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("X-A: 10.20.0.5", b"10.20.0.5"),
        ("X-A: sip:x@10.20.0.5:4444;lr", b"10.20.0.5"),
        ("X-A: ip-10-20-0-5.cloud.example", b"10.20.0.5"),
        ("X-A: 10%2E20.0.5", b"10.20.0.5"),
        ("X-A: [::ffff:10.20.0.5]", b"10.20.0.5"),
        ("X-A: Inner-Call-ID-0001", b"inner-call-id-0001"),
        ("X-A: inner%2dcall-id-0001@x", b"inner-call-id-0001"),
        ("X-A: <sip:x@y>;tag=INNER-FROM-TAG-1", b"inner-from-tag-1"),
        ("X-A: z9hG4bK-inner-branch-01", b"z9hg4bk-inner-branch-01"),
        ("X-A: inner-device-77", b"inner-device-77"),
        ("X-A: 8812345670", b"8812345670"),
        ("X-A: PBX.corp.local.", b"pbx.corp.local"),
        ("X-A: edge.corp.local", b"edge.corp.local"),
        ("X-A: 10.20.0.1", b"10.20.0.1"),
        ("X-A: <sip:gw-10.20.0.5@x>", b"10.20.0.5"),
        ("X-A: foo10.20.0.5", b"10.20.0.5"),
        ("X-A: 10.20.0.5.nip.example", b"10.20.0.5"),
        ("X-A: sip:x@y;gw=t-10%2E20%2E0%2E5-1", b"10.20.0.5"),
        ("X-A: ip_10_20_0_5", b"10.20.0.5"),
    ],
)
def test_a_planted_token_is_found_in_every_form(line: str, token: bytes) -> None:
    audit, inner = foreign(edge())
    assert seen(audit.check(ours(line), "outside", inner, None)) == [(token, "X-A")]


def test_ipv6_is_found_in_every_spelling() -> None:
    audit = Audit(edge())
    inner = Learned(audit.shared)
    inner.learn_message(request(Via="SIP/2.0/UDP [2001:db8::5];branch=z9hG4bK-x"))
    for spelling in ("[2001:DB8::5]", "2001:db8:0:0:0:0:0:5", "2001:0DB8::0005", "[2001:db8:0::5]:5080"):
        assert seen(audit.check(ours(f"X-A: {spelling}"), "outside", inner)) == [(b"2001:db8::5", "X-A")]
    assert audit.check(ours("X-A: [2001:db8::55] AA:BB:CC:DD:EE:FF:00:11"), "outside", inner) == []


def test_a_configured_ipv6_address_is_found_without_any_leg() -> None:
    node = config([realm("outside", "2001:db8:1::1"), realm("inside", "2001:db8:2::1", trusted=True)])
    assert seen(Audit(node).check(ours("X-A: 2001:db8:2:0::1"), "outside")) == [(b"2001:db8:2::1", "X-A")]
    assert Audit(node).check(ours("X-A: 2001:db8:1:0::1"), "outside") == []


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (ours().replace(b"sip:+4989222@198.51.100.10 ", b"sip:+4989222@10.20.0.5 "), "start-line"),
        (ours().replace(b"Via: SIP/2.0/UDP 203.0.113.5", b"Via: SIP/2.0/UDP 10.20.0.5"), "Via"),
        (ours().replace(b"+4930111@203.0.113.5", b"+4930111@10.20.0.5"), "From"),
        (ours().replace(b"+4930111@", b"10.20.0.5@"), "From"),
        (ours(body="c=IN IP4 10.20.0.5\r\n"), "body"),
    ],
)
def test_a_finding_tells_its_place(data: bytes, place: str) -> None:
    audit, inner = foreign(edge())
    assert seen(audit.check(data, "outside", inner)) == [(b"10.20.0.5", place)]


def test_what_the_receiver_sent_itself_may_go_back() -> None:
    audit, inner = foreign(edge())
    own = Learned(audit.shared)
    own.learn_message(request(Via="SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK-y;received=10.20.0.5", host="198.51.100.9"))
    own.learn_own("inner-call-id-0001")
    data = ours("X-A: 10.20.0.5 inner-call-id-0001 inner-device-77")
    assert seen(audit.check(data, "outside", inner, own)) == []


def test_what_the_realm_itself_is_configured_with_may_be_shown() -> None:
    """The other side may well call our outer address by its name."""
    audit = Audit(edge())
    inner = Learned(audit.shared)
    inner.learn_message(request(To="<sip:+4989222@sbc.example.net>", Contact="<sip:x@198.51.100.10>"))
    assert audit.check(ours("X-A: sbc.example.net"), "outside", inner) == []


def test_users_cross_and_addresses_in_their_place_do_not() -> None:
    """A device name that is also what somebody dials is no leak where users stand."""
    audit, inner = foreign(edge())
    assert audit.check(ours().replace(b"+4930111@", b"inner-device-77@"), "outside", inner) == []
    found = audit.check(ours("X-A: inner-device-77"), "outside", inner)
    assert seen(found) == [(b"inner-device-77", "X-A")]


def test_a_message_outside_any_call_is_held_against_the_configuration() -> None:
    audit = Audit(edge())
    found = audit.check(ours("Warning: 399 pbx.corp.local x"), "outside")
    assert seen(found) == [(b"pbx.corp.local", "Warning")]
    assert not found[0].peer_chosen
    assert seen(audit.check(ours("X-A: 198.51.100.10"), "inside"))[0] == (b"198.51.100.10", "start-line")


def test_a_peer_chosen_token_is_told_from_a_configured_one() -> None:
    """Design: toward the trusted side the former is only reported."""
    audit, inner = foreign(edge())
    found = audit.check(ours("X-A: inner-device-77 pbx.corp.local"), "outside", inner)
    assert {finding.token: finding.peer_chosen for finding in found} == {
        b"inner-device-77": True,
        b"pbx.corp.local": False,
    }


@pytest.mark.parametrize(
    ("hide", "text", "token"),
    [
        ("10.20.0.0/16", "10.20.255.254", b"10.20.255.254"),
        ("10.20.0.0/16", "sip:x@10.20.7.7:5060", b"10.20.7.7"),
        ("10.20.0.0/16", "ip-10-20-7-7.cloud.example", b"10.20.7.7"),
        ("172.16.0.0/12", "172.31.0.1", b"172.31.0.1"),
        ("192.0.2.128/28", "192.0.2.140", b"192.0.2.140"),
        ("0.0.0.0/1", "8.8.8.8", b"8.8.8.8"),
        ("2001:db8:5::/48", "[2001:DB8:5::99]", b"2001:db8:5::99"),
        ("corp.local", "pbx-7.corp.local", b"pbx-7.corp.local"),
        ("*.corp.local", "pbx-7.corp.local", b"pbx-7.corp.local"),
        ("pbx", "the pbx said", b"pbx"),
        ("pbx", "7.pbx", b"7.pbx"),
        ("10.20.0.0/16", "sip:gw-10.20.7.7@x", b"10.20.7.7"),
        ("10.20.0.0/16", "foo10.20.7.7", b"10.20.7.7"),
        ("10.20.0.0/16", "ip_10_20_7_7", b"10.20.7.7"),
        ("2001:db8:5::/48", "sip:gw%5B2001:db8:5::99%5D@x", b"2001:db8:5::99"),
        ("pbx.corp.local", "sip:gw-pbx.corp.local@x", b"gw-pbx.corp.local"),
        ("corp.local", "pbx.corp.local-7", b"pbx.corp.local-7"),
        ("corp.local", "pbx.corp.local.nip.example", b"pbx.corp.local.nip.example"),
        ("10.77.0.5", "10.77.0.5", b"10.77.0.5"),
    ],
)
def test_the_hide_list_holds_toward_sides_that_are_not_trusted(hide: str, text: str, token: bytes) -> None:
    audit = Audit(edge(hide=[hide]))
    assert (token, "X-A") in seen(audit.check(ours(f"X-A: {text}"), "outside"))
    assert (token, "X-A") not in seen(audit.check(ours(f"X-A: {text}", listener="10.20.0.1:5060"), "inside"))


def test_an_address_of_a_hidden_network_goes_back_to_whoever_sent_it() -> None:
    audit = Audit(edge(hide=["10.20.0.0/16"]))
    own = Learned(audit.shared)
    own.learn_message(request(host="10.20.9.9"))
    assert seen(audit.check(ours("X-A: 10.20.9.9"), "outside")) == [(b"10.20.9.9", "X-A")]
    assert audit.check(ours("X-A: 10.20.9.9"), "outside", None, own) == []


@pytest.mark.parametrize(
    "text",
    [
        "110.20.0.5",
        "10.200.0.5",
        "172.32.0.1",
        "192.0.2.144",
        "mycorp.local",
        "gw.corp.localhost",
        "1.10.20.3",
        "x110.20.0.5",
        "x-voip-7",
    ],
)
def test_what_is_next_to_a_hidden_network_is_not_in_it(text: str) -> None:
    audit = Audit(edge(hide=["10.20.0.0/16", "172.16.0.0/12", "192.0.2.128/28", "corp.local", "voip"]))
    assert audit.check(ours(f"X-A: {text}"), "outside") == []


def test_an_address_inside_a_word_goes_back_to_whoever_sent_that_word() -> None:
    """A carrier behind a NAT may number its calls by an address that is one of ours too."""
    audit = Audit(edge(hide=["10.20.0.0/16"]))
    own = Learned(audit.shared)
    own.learn_message(request(host="198.51.100.10", Call_ID="77-10.20.9.9"))
    assert seen(audit.check(ours("X-A: 77-10.20.9.9"), "outside")) == [(b"10.20.9.9", "X-A")]
    assert audit.check(ours("X-A: 77-10.20.9.9"), "outside", None, own) == []


def test_names_without_a_dot_count_with_their_port_only() -> None:
    """`pbx` may be somebody's user name; `pbx:5080` is where the PBX listens."""
    node = config(
        [realm("outside", "203.0.113.5"), realm("inside", "10.20.0.1", trusted=True)],
        [trunk("t", "inside", "sip:pbx:5080")],
    )
    audit = Audit(node)
    assert audit.check(ours("X-A: pbx"), "outside") == []
    assert seen(audit.check(ours("X-A: sip:pbx:5080"), "outside")) == [(b"pbx:5080", "X-A")]


def test_sources_of_a_trunk_are_hosts_of_its_realm() -> None:
    node = config(
        [realm("outside", "203.0.113.5"), realm("inside", "10.20.0.1", trusted=True)],
        [trunk("t", "inside", "sip:10.20.0.5", "10.66.0.1", "10.67.0.2/32", "10.68.0.0/16")],
    )
    audit = Audit(node)
    found = seen(audit.check(ours("X-A: 10.66.0.1 10.67.0.2 10.68.0.0"), "outside"))
    assert found == [(b"10.66.0.1", "X-A"), (b"10.67.0.2", "X-A")]


def test_addresses_of_bypassed_media_are_disclosed_by_definition() -> None:
    audit, inner = foreign(edge())
    data = ours("X-A: inner-device-77", body="c=IN IP4 10.20.0.5\r\n")
    assert seen(audit.check(data, "outside", inner, disclosed=True)) == [(b"inner-device-77", "X-A")]


def straight_call(
    node: Config, sides: tuple[str, str], listeners: tuple[str, str], peers: tuple[str, str]
) -> list[Finding]:
    """Everything we say in an ordinary call from `peers[0]` to `peers[1]`, each message checked."""
    audit = Audit(node)
    legs = (Learned(audit.shared), Learned(audit.shared))
    hosts = tuple(listener.partition(":")[0] for listener in listeners)
    homes = tuple(peer.partition(":")[0] for peer in peers)
    invite = request(
        host=homes[0],
        Via=f"SIP/2.0/UDP {peers[0]};branch=z9hG4bK-ext-1",
        Contact=f"<sip:alice@{peers[0]}>",
        To=f"<sip:+4989222@{listeners[0]}>",
    )
    legs[0].learn_message(invite)
    legs[0].learn_sdp(SDP.replace("{host}", homes[0]).encode())
    legs[0].learn_own("00token-of-a-side-1", "00contact-of-a-side")
    legs[1].learn_own("003344556677889900aabb", "00aabbccddeeff00112233", "00deadbeefcafe00112233")
    toward_b = ours(listener=listeners[1], target=peers[1], body=CLEAN_SDP.replace("203.0.113.9", hosts[1]))
    found = audit.check(toward_b, sides[1], legs[0], legs[1])
    answer = response(200, "INVITE", host=homes[1])
    legs[1].learn_message(answer)
    legs[1].learn_sdp(SDP.replace("{host}", homes[1]).encode())
    toward_a = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {peers[0]};branch=z9hG4bK-ext-1;received={homes[0]};rport=5061\r\n"
        f"From: {invite.get('From')}\r\nTo: {invite.get('To')};tag=00token-of-a-side-1\r\nCall-ID: {invite.call_id}\r\n"
        f"CSeq: 4711 INVITE\r\nContact: <sip:00contact-of-a-side@{listeners[0]}>\r\n\r\n"
        + CLEAN_SDP.replace("203.0.113.9", hosts[0])
    )
    return found + audit.check(toward_a.encode(), sides[0], legs[1], legs[0])


@pytest.mark.parametrize("inbound", [True, False])
def test_an_ordinary_call_on_the_quickstart_gives_no_finding(inbound: bool) -> None:
    """Both sides are 127.0.0.1: hosts tell nothing there, ports do."""
    if inbound:
        sides, listeners = ("outside", "inside"), ("127.0.0.1:5060", "127.0.0.1:5070")
        peers = ("127.0.0.1:5061", "127.0.0.1:5080")
    else:
        sides, listeners = ("inside", "outside"), ("127.0.0.1:5070", "127.0.0.1:5060")
        peers = ("127.0.0.1:5061", "127.0.0.1:5090")
    assert straight_call(quickstart(), sides, listeners, peers) == []


def test_an_ordinary_call_between_networks_gives_no_finding() -> None:
    node = edge(hide=["10.20.0.0/16", "corp.local"])
    listeners = ("10.20.0.1:5060", "203.0.113.5:5060")
    assert straight_call(node, ("inside", "outside"), listeners, ("10.20.0.5:5080", "198.51.100.10:5060")) == []


@pytest.mark.parametrize(
    "text", ["127.0.0.1:5080", "sip:x@127.0.0.1:5070;lr", "127.0.0.1:5099", "gw127.0.0.1:5080", "gw-127.0.0.1:5080"]
)
def test_on_the_quickstart_host_and_port_together_are_a_token(text: str) -> None:
    audit = Audit(quickstart())
    inner = Learned(audit.shared)
    inner.learn_message(request(host="127.0.0.1", Via="SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK-x"))
    data = ours(f"X-A: {text}", listener="127.0.0.1:5060", target="127.0.0.1:5090")
    assert [place for _, place in seen(audit.check(data, "outside", inner))] == ["X-A"]


@pytest.mark.parametrize("is_moved", [False, True], ids=["learnt here", "brought back"])
@pytest.mark.parametrize("port", [7, 80, 443])
def test_a_short_port_of_a_shared_host_is_found(port: int, is_moved: bool) -> None:
    """Words too short to be any token are left out of the look-up; these are short, and tokens."""
    audit = Audit(quickstart())
    inner = Learned(audit.shared)
    inner.learn_message(request(host="127.0.0.1", Via=f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-x"))
    if is_moved:
        other = Learned(audit.shared)
        other.bring_back(*inner.kept, has_ipv6=inner.has_ipv6)
        inner = other
    data = ours(f"X-A: 127.0.0.1:{port}", listener="127.0.0.1:5060", target="127.0.0.1:5090")
    assert [place for _, place in seen(audit.check(data, "outside", inner))] == ["X-A"]


def test_the_shortest_of_addresses_is_found() -> None:
    audit, inner = foreign(edge(), host="1.1.1.1")
    assert seen(audit.check(ours("X-A: 1.1.1.1"), "outside", inner, None)) == [(b"1.1.1.1", "X-A")]


def test_the_pair_that_the_receiver_showed_itself_may_go_back() -> None:
    audit = Audit(quickstart())
    legs = (Learned(audit.shared), Learned(audit.shared))
    for leg in legs:
        leg.learn_message(request(host="127.0.0.1", Via="SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK-x"))
    data = ours("X-A: 127.0.0.1:5099", listener="127.0.0.1:5060", target="127.0.0.1:5090")
    assert len(audit.check(data, "outside", legs[0], None)) == 1
    assert audit.check(data, "outside", *legs) == []


@pytest.mark.parametrize(
    "text", ["127.0.0.1:50800", "127.0.0.1:50800 5080", "127.0.0.1", "5080", "227.0.0.1:5080", "10.127.0.0.1:5080"]
)
def test_on_the_quickstart_half_a_pair_is_none(text: str) -> None:
    data = ours(f"X-A: {text}", listener="127.0.0.1:5060", target="127.0.0.1:5090")
    assert Audit(quickstart()).check(data, "outside") == []


def test_a_peer_cannot_make_words_of_the_protocol_forbidden() -> None:
    audit = Audit(edge())
    hostile = Learned(audit.shared)
    hostile.learn_message(
        request(Call_ID="sendrecv", From="<sip:a@telephone-event>;tag=Max-Forwards", To="<sip:b@application>")
    )
    assert audit.check(ours(body=CLEAN_SDP), "outside", hostile) == []


def test_the_sets_of_legs_that_fell_silent_are_dropped() -> None:
    audit = Audit(edge())
    legs = [Learned(audit.shared) for _ in range(600)]
    for leg in legs:
        leg.learn_own("something-of-the-leg")
        audit.check(ours(), "outside", leg)
    assert sum(leg.is_warm for leg in legs) == 512
    assert not legs[0].is_warm
    assert len(audit.check(ours("X-A: something-of-the-leg"), "outside", legs[0])) == 1


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\xff\xfe%", b"%" * 50, b":" * 100, b"-" * 100, b"1-" * 50, b"a\r\nb: %zz"]
)
def test_any_bytes_can_be_checked(data: bytes) -> None:
    audit, inner = foreign(edge(hide=["10.20.0.0/16", "2001:db8::/32"]))
    assert audit.check(data, "outside", inner, inner) == []


def test_the_messages_of_the_peer_itself_are_full_of_findings() -> None:
    """The control: what a transparent node would send is caught everywhere."""
    audit, inner = foreign(edge())
    places = {finding.place for finding in audit.check(request_bytes(body=SDP), "outside", inner)}
    assert places == {"start-line", "Via", "From", "To", "Call-ID", "Contact", "body"}
