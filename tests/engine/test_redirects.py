"""3xx to an INVITE: refused, followed under policy, or shown (RFC 3261 sections 8.1.3.4 and 21.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Action, Condition, Rule
from sbc.config import Config, Listener, Redirect, Target
from sbc.outputs import CallEnded
from sbc.sip import Request, parse_uri
from tests.kit.flows import answer, assert_no_leak, hang_up
from tests.kit.node import CARRIER, INSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer


def following(mode: str = "follow", limit: int = 5, hosts: tuple[str, ...] = (PBX2 + "/32",), **more: object) -> Config:
    """The kit's configuration with a PBX that may redirect."""
    made = config(mode="anchor")
    pbx = replace(made.trunks["pbx"], redirect=Redirect(mode, limit, hosts))
    return replace(made, trunks=made.trunks | {"pbx": pbx}, **more)  # type: ignore[arg-type]


def send_away(peer: Peer, request: Request, *contacts: str, status: int = 302) -> None:
    """A 3xx with these Contacts and none of the peer's own."""
    lines = [f"SIP/2.0 {status} Elsewhere", *[f"Via: {via}" for via in request.vias]]
    lines += [f"From: {request.require('From')}", f"To: {request.require('To')};tag={peer.tag}"]
    lines += [f"Call-ID: {request.call_id}", f"CSeq: {request.cseq}", *[f"Contact: {one}" for one in contacts]]
    peer.send("\n".join(lines))


def redirect(node: Node, *contacts: str, status: int = 302, number: str = "+493012345") -> Request:
    """The carrier calls, and the PBX sends it elsewhere."""
    node.carrier.invite(number)
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    send_away(node.pbx, invite, *contacts, status=status)
    return invite


def refused(node: Node) -> dict[str, int]:
    """Why Contacts were not followed."""
    return node.engine.egress.redirects.counters


def second(node: Node) -> Peer:
    """The other PBX."""
    return node.peer("pbx2", PBX2, INSIDE)


@pytest.mark.parametrize("status", [300, 301, 302, 305, 380])
def test_by_default_a_redirect_is_a_failure(status: int) -> None:
    """Nothing of it crosses: its Contacts name inner hosts."""
    node = Node(config(mode="anchor"))
    redirect(node, f"<sip:+4930@{PBX2}>", status=status)
    node.carrier.ack_failure(node.carrier.expect_response(480))
    node.pbx.expect_request("ACK")
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize("status", [300, 301, 302])
def test_redirect_is_followed_to_where_the_operator_allows(status: int) -> None:
    """RFC 3261 section 8.1.3.4: a new INVITE for the user in the Contact, of which the caller hears nothing."""
    node = Node(following())
    other = second(node)
    first = redirect(node, f"<sip:+493099@{PBX2}:5060;secret=1?Replaces=x>", status=status)
    node.pbx.expect_request("ACK")
    invite = other.expect_request("INVITE")
    assert invite.request_uri == f"sip:+493099@{PBX2}:5060"
    assert invite.call_id != first.call_id
    assert invite.get("Replaces") is None
    other.reply(invite, 180)
    node.carrier.expect_response(180)
    answer(node, node.carrier, other, invite)
    hang_up(node, node.carrier, other)
    assert_no_leak(node)
    node.assert_clean()


def test_contacts_are_tried_by_their_q_and_one_after_the_other() -> None:
    """RFC 3261 section 20.10; those that are over already are left out, a busy one makes way for the next."""
    node = Node(following(hosts=("10.20.0.0/16",)))
    peers = [node.peer(f"pbx{n}", f"10.20.0.{n}", INSIDE) for n in (6, 7, 8, 9)]
    redirect(
        node,
        "<sip:low@10.20.0.6>;q=0.1, <sip:high@10.20.0.7>;q=0.9",
        "<sip:gone@10.20.0.8>;expires=0",
        "<sip:middle@10.20.0.9>;q=0.5",
    )
    for peer, user in ((peers[1], "high"), (peers[3], "middle")):
        invite = peer.expect_request("INVITE")
        assert invite.uri.user == user
        peer.reply(invite, 486)
        peer.expect_request("ACK")
    invite = peers[0].expect_request("INVITE")
    peers[0].reply(invite, 603)
    node.carrier.ack_failure(node.carrier.expect_response(603))
    assert peers[2].idle()
    node.assert_clean()


def test_final_no_of_a_callee_ends_the_search() -> None:
    """RFC 3261 section 16.7: a 6xx holds for all places."""
    node = Node(following())
    other = second(node)
    redirect(node, f"<sip:a@{PBX2}>", f"<sip:b@{PBX2}>")
    other.reply(other.expect_request("INVITE"), 600)
    node.carrier.expect_response(600)


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ("<sip:x@10.20.0.1>", "own-address"),
        ("<sip:x@10.20.0.1:5070>", "host"),
        ("<sip:x@198.51.100.1:5060;transport=tcp>", "own-address"),
        ("<sip:x@sbc.example.net>", "own-address"),
        ("<sip:x@PBX.corp.local>", "own-address"),
        (f"<sip:x@{CARRIER}>", "other-realm"),
        ("<sip:x@198.51.100.1:9999>", "other-realm"),
        ("<sip:x@10.20.0.77>", "host"),
        ("<sip:x@127.0.0.1>", "host"),
        ("<sip:x@169.254.169.254:80>", "host"),
        ("<sip:x@[::1]>", "host"),
        ("<sip:x@metadata.internal>", "host"),
        ("<sip:x@10.20.0.6;transport=ws>", "transport"),
        ("<tel:+4930>", "scheme"),
        ("<http://10.20.0.6/>", "scheme"),
        ("<sip:premium@10.20.0.6>", "policy"),
        ("<sip:+493012345@10.20.0.5>", "loop"),
    ],
)
def test_redirect_that_aims_us_somewhere_else_is_not_followed(contact: str, reason: str) -> None:
    """A peer must not make this node send to its own addresses, to other realms or to any host it likes."""
    made = config()
    no = Rule("no premium", Condition("", lambda facts: facts.message.uri.user == "premium"), Action(reject=403))
    node = Node(following(policy=replace(made.policy, rules=(no, *made.policy.rules))))
    second(node)
    redirect(node, contact)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(480))
    assert refused(node) == {f"redirect.{reason}": 1}
    assert node.pbx.idle()
    assert [one.data for one in node.sent if one.flow.host not in (CARRIER, PBX)] == []
    assert_no_leak(node)
    node.assert_clean()


def test_listed_network_that_holds_another_realms_peers_opens_no_way_to_them() -> None:
    """Even `0.0.0.0/0` does not let the inside aim at the outside."""
    node = Node(following(hosts=("0.0.0.0/0",)))
    redirect(node, f"<sip:x@{CARRIER}>", "<sip:x@198.51.100.1:9999>")
    node.carrier.expect_response(480)
    assert refused(node) == {"redirect.other-realm": 2}


def test_names_are_followed_where_they_are_listed() -> None:
    """`*.` stands for one label."""
    node = Node(following(hosts=("*.voice.corp.example",)))
    redirect(node, "<sip:x@a.b.voice.corp.example>", "<sip:x@mail.voice.corp.example>")
    (lookup,) = node.lookups
    assert lookup.sought.name == "mail.voice.corp.example"
    assert refused(node) == {"redirect.host": 1}
    other = second(node)
    node.locate(lookup, PBX2)
    assert other.expect_request("INVITE").uri.user == "x"


def test_peers_that_redirect_to_each_other_are_stopped() -> None:
    """RFC 3261 section 8.1.3.4: no place is tried twice."""
    node = Node(following())
    pbx = node.config.trunks["pbx"]
    assert pbx.redirect.limit == 5
    other = second(node)
    redirect(node, f"<sip:a@{PBX2}>")
    send_away(other, other.expect_request("INVITE"), f"<sip:+493012345@{PBX}>, <sip:a@{PBX2}>")
    node.carrier.expect_response(480)
    assert refused(node) == {"redirect.loop": 2}


def test_number_of_places_is_limited() -> None:
    """`redirect.limit`, over all redirects of one call."""
    node = Node(following(limit=2))
    other = second(node)
    redirect(node, *[f"<sip:user{n}@{PBX2}>" for n in range(9)])
    for n in (0, 1):
        invite = other.expect_request("INVITE")
        assert invite.uri.user == f"user{n}"
        send_away(other, invite, f"<sip:more{n}@{PBX2}>")
        other.expect_request("ACK")
    node.carrier.expect_response(480)
    assert refused(node) == {"redirect.limit": 3}
    assert len(node.events_of(CallEnded)) == 1


def test_secure_call_is_not_redirected_to_an_insecure_place() -> None:
    """RFC 5630: never downgraded."""
    made = following()
    tls = Listener(2, "inside", "TLS", "10.20.0.1", 5061)
    inside = replace(made.realms["inside"], listeners=(*made.realms["inside"].listeners, tls))
    pbx = replace(made.trunks["pbx"], targets=(Target(parse_uri(f"sip:{PBX};transport=tls")),))
    settings = replace(made, realms=made.realms | {"inside": inside}, listeners=(*made.listeners, tls))
    node = Node(replace(settings, trunks=settings.trunks | {"pbx": pbx}))
    secure = node.peer("secure", PBX, INSIDE, 5061)
    node.carrier.remote, node.carrier.target = "<sips:x@sbc.example.net>", "sips:x@sbc.example.net"
    node.carrier.request("INVITE")
    node.carrier.expect_response(100)
    send_away(secure, secure.expect_request("INVITE"), f"<sip:x@{PBX2}>")
    node.carrier.expect_response(480)
    assert refused(node) == {"redirect.not-secure": 1}


def test_cancel_during_a_followed_redirect_ends_the_new_attempt() -> None:
    """RFC 3261 section 9: the attempt that is under way is the one to cancel."""
    node = Node(following())
    other = second(node)
    redirect(node, f"<sip:a@{PBX2}>", f"<sip:b@{PBX2}>")
    invite = other.expect_request("INVITE")
    other.reply(invite, 180)
    node.carrier.expect_response(180)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    other.reply(other.expect_request("CANCEL"), 200)
    other.reply(invite, 487)
    other.expect_request("ACK")
    assert other.idle()
    node.assert_clean()


def test_passed_redirect_shows_users_at_our_own_address() -> None:
    """The caller may try them; policy decides on each anew. Hosts, parameters and the user it called are not shown."""
    node = Node(following("pass", limit=2))
    redirect(
        node,
        f"<sip:+493077@{PBX2};secret=1>;q=0.7;expires=60;+sip.instance=secret-pbx",
        f"<sip:+493012345@{PBX2}>",
        f"<sip:+493088@{PBX2}>",
        f"<sip:+493099@{PBX2}>",
    )
    response = node.carrier.expect_response(302)
    assert [str(contact) for contact in response.contacts] == [
        "<sip:+493088@198.51.100.1:5060>",
        "<sip:+493099@198.51.100.1:5060>",
    ]
    node.carrier.ack_failure(response)
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize("contact", [f"<http://{PBX2}/away>", f"<sip:{PBX2}@{PBX2}>", f"<urn:x-{PBX2}>"])
def test_passed_redirect_shows_no_address_in_the_place_of_a_user(contact: str) -> None:
    """RFC 3261 section 20.10: a Contact may be any URI; what is no user is none at our address. Without the audit."""
    made = following("pass")
    node = Node(replace(made, audit=replace(made.audit, mode="off")))
    redirect(node, contact, f"<sip:+497@{PBX2}>")
    response = node.carrier.expect_response(302)
    assert [one.uri.user for one in response.contacts] == ["+497"]
    node.carrier.ack_failure(response)
    assert_no_leak(node)


def test_passed_redirect_that_leads_nowhere_is_a_failure() -> None:
    """The same user at our address would come back to where it was sent away from."""
    node = Node(following("pass"))
    redirect(node, f"<sip:+493012345@{PBX2}>", "<sip:%40@10.20.0.6>")
    node.carrier.expect_response(480)


@pytest.mark.parametrize(("breadth", "crosses"), [("1", "1"), ("60", "60"), ("", None)])
def test_breadth_of_a_request_crosses(breadth: str, crosses: str | None) -> None:
    """RFC 5393 section 5.3.3, RFC 7332: one target at a time gets the whole of it."""
    node = Node()
    node.carrier.invite(extra=f"Max-Breadth: {breadth}\n" if breadth else "")
    assert node.pbx.expect_request("INVITE").get("Max-Breadth") == crosses


@pytest.mark.parametrize("none", ["0", "00"])
def test_request_without_breadth_left_is_not_sent_on(none: str) -> None:
    """RFC 5393 section 5.3.3: 440."""
    node = Node()
    node.carrier.invite(extra=f"Max-Breadth: {none}\n")
    node.carrier.ack_failure(node.carrier.expect_response(440))
    node.carrier.target = "sip:x@sbc.example.net"
    node.carrier.request("MESSAGE", b"hello", "Max-Breadth: 0\n", "text/plain")
    node.carrier.expect_response(440)
    assert node.pbx.idle()
    node.assert_clean()
