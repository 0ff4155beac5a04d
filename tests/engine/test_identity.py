"""Who is calling, as each side may see it: privacy, forwarding, Session-ID, calls for help."""

from __future__ import annotations

import pytest

from policies import HeaderRule
from sbc.sip import parse_session_id
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import PBX, Node, config
from tests.kit.peer import sdp

UUID = "0123456789abcdef0123456789abcdef"


def leaving(node: Node, extra: str) -> str:
    """The From of a call out of the trusted side."""
    node.pbx.invite(extra=extra)
    node.pbx.expect_response(100)
    return node.carrier.expect_request("INVITE").require("From").partition(";tag=")[0]


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        ("user", '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        ("USER, id", '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        ("id", "<sip:pbx@sbc.example.net>"),
        ("header;session", "<sip:pbx@sbc.example.net>"),
        ("none", "<sip:pbx@sbc.example.net>"),
    ],
)
def test_a_caller_who_wants_to_be_nobody_is_nobody_outside(wish: str, shown: str) -> None:
    """RFC 3323 section 5.3: `user` is carried out by the last one who is trusted."""
    assert leaving(Node(), f"Privacy: {wish}\n") == shown


def test_whoever_is_trusted_sees_the_caller_and_the_wish() -> None:
    """RFC 3324: inside the trust domain identity crosses; whoever lets it out carries the wish out."""
    node = Node()
    node.carrier.invite(extra="Privacy: user;id\n")
    invite = node.pbx.expect_request("INVITE")
    assert invite.from_address.uri.user == "carrier"
    assert invite.get("Privacy") == "user;id"


def test_a_wish_that_was_carried_out_goes_no_further() -> None:
    """RFC 3323 section 5.1; `id` stays: whoever terminates the call wants to show that the number is withheld."""
    node = Node()
    node.pbx.invite(extra="Privacy: user;header;session;id;critical\n")
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("Privacy") == "id;critical"
    node.pbx.call_id = "another"
    node.pbx.invite(extra="Privacy: user;critical\n")
    assert node.carrier.expect_request("INVITE").get("Privacy") is None


def test_privacy_lasts_for_the_whole_dialog() -> None:
    node = Node()
    invite = ring(node, node.pbx, node.carrier, extra="Privacy: user\n")
    answer(node, node.pbx, node.carrier, invite)
    hang_up(node, node.pbx, node.carrier)
    assert all(b"sip:pbx@" not in wire for wire in node.carrier.wires)
    node.assert_clean()


def test_forwarding_enters_with_the_hosts_replaced() -> None:
    """RFC 5806, RFC 7044: voice mail on the trusted side needs the numbers, nobody needs the hosts."""
    node = Node()
    tree = "<sip:1@a.carrier.example;cause=302?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@b.carrier.example>;index=1.1"
    node.carrier.invite(extra=f"Diversion: <sip:1@a.carrier.example>;reason=unconditional\nHistory-Info: {tree}\n")
    invite = node.pbx.expect_request("INVITE")
    assert invite.get("Diversion") == "<sip:1@pbx.corp.local>;reason=unconditional"
    assert invite.get("History-Info") == (
        "<sip:1@pbx.corp.local;cause=302?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@pbx.corp.local>;index=1.1"
    )


def test_forwarding_does_not_leave_by_itself() -> None:
    node = Node()
    node.pbx.invite(extra="Diversion: <sip:1@pbx.example>\nHistory-Info: <sip:1@pbx.example>;index=1\n")
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("Diversion") is None
    assert invite.get("History-Info") is None


def test_forwarding_that_a_policy_lets_out_keeps_private_parties_private() -> None:
    """RFC 5806 section 5, RFC 7044 section 10.1."""
    rules = (HeaderRule("outside", "", "Diversion", "pass"), HeaderRule("outside", "", "History-Info", "pass"))
    node = Node(config(headers=rules))
    node.pbx.invite(
        extra='Diversion: "A" <sip:1@p.example>;privacy=full, "B" <sip:2@p.example>;privacy=name\n'
        "History-Info: <sip:1@p.example?Privacy=history>;index=1, <sip:2@p.example>;index=1.1;rc=1\n"
    )
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("Diversion") == "<sip:2@sbc.example.net>;privacy=name"
    assert invite.get("History-Info") == (
        "<sip:anonymous@anonymous.invalid>;index=1, <sip:2@sbc.example.net>;index=1.1;rc=1"
    )
    node.pbx.call_id = "another"
    node.pbx.invite(extra="Privacy: history\nHistory-Info: <sip:1@p.example>;index=1\nDiversion: <sip:1@p.example>\n")
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("History-Info") is None
    assert invite.get("Diversion") is not None


def test_each_side_has_a_session_id_of_its_own() -> None:
    """RFC 7989: halves of one zone do not name the other; the same for the whole of a leg."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx, extra=f"Session-ID: {UUID};remote={'0' * 32}\n")
    seen = parse_session_id(invite.require("Session-ID"))
    assert UUID not in str(seen)
    assert seen.remote == "0" * 32
    callee = "f" * 32
    node.pbx.reply(invite, 200, sdp(PBX), extra=f"Session-ID: {callee};remote={seen.local}\n")
    ack = node.pbx.expect_request("ACK")
    assert ack.require("Session-ID") == f"{seen.local};remote={callee}"
    shown = parse_session_id(node.carrier.expect_response(200).require("Session-ID"))
    assert shown.remote == UUID
    assert shown.local not in (callee, seen.local)
    node.carrier.ack()
    node.carrier.request("BYE")
    bye = node.pbx.expect_request("BYE")
    assert bye.require("Session-ID") == f"{seen.local};remote={callee}"
    node.pbx.reply(bye, 200)
    assert node.carrier.expect_response(200).require("Session-ID") == str(shown)
    node.assert_clean()


@pytest.mark.parametrize("value", ["", "nonsense", "Session-ID: zz\n"])
def test_without_a_session_id_none_is_made_up(value: str) -> None:
    node = Node()
    talk(node, node.carrier, node.pbx, extra=value if value.startswith("S") else "")
    assert all(b"Session-ID" not in wire for wire in node.pbx.wires)
    hang_up(node, node.carrier, node.pbx)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("urn:service:sos", "urn:service:sos"),
        ("urn:service:sos.FIRE", "urn:service:sos.fire"),
        ("urn:service:sos.ecall.manual", "urn:service:sos.ecall.manual"),
        ("urn:service:sos.fire.pbx7-corp-local", "urn:service:sos.fire"),
        ("urn:service:sos.leak", "urn:service:sos"),
    ],
)
def test_a_call_for_help_crosses_by_a_known_name(asked: str, shown: str) -> None:
    """RFC 5031 section 4.2: what a peer puts behind a known service is text of its own."""
    node = Node()
    node.pbx.target, node.pbx.remote = asked, f"<{asked}>"
    node.pbx.request("INVITE", sdp(PBX))
    invite = node.carrier.expect_request("INVITE")
    assert invite.request_uri == shown
    assert invite.get("To") == f"<{shown}>"


def test_a_call_for_help_says_who_and_where() -> None:
    """RFC 6881 section 6, RFC 6442: references to a place cross; wishes for privacy do not hide who needs help."""
    node = Node()
    node.pbx.target = node.pbx.remote = "urn:service:sos"
    node.pbx.remote = "<urn:service:sos>"
    node.pbx.request(
        "INVITE",
        sdp(PBX),
        extra="Privacy: user\nGeolocation: <https://lis.example/x1>, <cid:1@pbx>\nGeolocation-Routing: yes\n",
    )
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("Geolocation") == "<https://lis.example/x1>"
    assert invite.get("Geolocation-Routing") == "yes"
    assert invite.from_address.uri.user == "pbx"


def test_a_place_does_not_cross_with_other_calls() -> None:
    node = Node()
    node.pbx.invite(extra="Geolocation: <https://lis.example/x1>\nGeolocation-Routing: yes\n")
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("Geolocation") is None
    assert invite.get("Geolocation-Routing") is None


def test_a_warning_is_ours_in_the_words_of_its_rfc() -> None:
    """RFC 3261 section 20.43: the agent is who inserts it."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 488, extra='Warning: 305 pbx7.corp.local "no G.729 on pbx7", 399 pbx7 "x"\n')
    node.pbx.expect_request("ACK")
    refusal = node.carrier.expect_response(488)
    assert refusal.get("Warning") == '305 sbc.example.net "Incompatible media format"'
    node.carrier.ack_failure(refusal)
    node.assert_clean()
