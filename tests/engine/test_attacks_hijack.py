"""Strangers who want somebody else's call, registration or route."""

from __future__ import annotations

from dataclasses import replace

from sbc.config import Config
from sbc.outputs import Dropped, DropReason
from sbc.wire import Flow
from tests.engine.test_outside import register
from tests.kit.flows import ring, talk
from tests.kit.node import INSIDE, OUTSIDE, PBX, STRANGER, Node, config
from tests.kit.peer import Peer, sdp

VICTIM = "198.51.100.77"


def _dial(node: Node, token: str) -> None:
    node.pbx.invite(number=token)


def test_register_of_a_stranger_moves_no_binding_before_the_registrar_agrees() -> None:
    """RFC 3261 section 10.3: who may register is the registrar's to say; a claim alone must not turn calls away."""
    node = Node()
    victim, thief = node.peer("alice", VICTIM, OUTSIDE), node.peer("thief", STRANGER, OUTSIDE)
    register(victim)
    request = node.pbx.expect_request("REGISTER")
    token = request.contacts[0].uri.user
    node.pbx.reply(request, 200, extra=f"Contact: <sip:{token}@198.51.100.1>;expires=600")
    register(thief, contact=f"<sip:alice@{VICTIM}:5060>")
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 401)
    _dial(node, token)
    victim.expect_response(200)
    assert victim.expect_request("INVITE").uri.host == VICTIM
    thief.expect_response(403)
    assert thief.idle()


def test_refused_registers_leave_no_binding_behind() -> None:
    """Each costs memory for a day, and a full table pushes out the bindings of others."""
    node = Node()
    phone = node.peer("phone", STRANGER, OUTSIDE)
    for number in range(20):
        register(phone, contact=f"<sip:u{number}@{STRANGER}>", extra="Expires: 86400\n")
        node.pbx.reply(node.pbx.expect_request("REGISTER"), 403)
    assert len(node.engine.egress.bindings) == 0


def test_registered_phone_is_not_shown_the_token_that_names_it_to_the_registrar() -> None:
    """Who knows the token can call past the registrar's rules."""
    node = Node()
    phone = node.peer("alice", VICTIM, OUTSIDE)
    register(phone)
    request = node.pbx.expect_request("REGISTER")
    token = request.contacts[0].uri.user
    node.pbx.reply(request, 200, extra=f"Contact: <sip:{token}@198.51.100.1>;expires=600")
    _dial(node, token)
    assert token.encode() not in b"".join(phone.wires)


def test_cancel_from_another_address_is_answered_481_and_stops_nothing() -> None:
    """RFC 3261 section 22.1: a CANCEL comes from the hop that sent the INVITE, or it is nobody's."""
    node = Node()
    ring(node, node.carrier, node.pbx)
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite_sent, stranger.call_id = node.carrier.invite_sent, node.carrier.call_id
    stranger.cancel()
    stranger.expect_response(481)
    assert node.engine.active_calls == 1
    assert node.pbx.idle()


def test_bye_with_the_tags_of_the_other_realm_finds_no_dialog() -> None:
    """A dialog of one realm cannot be known in another: whoever shows its tags there has them by theft."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    thief = node.peer("thief", "10.20.0.99", INSIDE)
    _steal(thief, node.carrier)
    thief.request("BYE")
    thief.expect_response(481)
    assert node.engine.active_calls == 1


def _steal(thief: Peer, owner: Peer) -> None:
    thief.name, thief.tag, thief.call_id, thief.cseq = owner.name, owner.tag, owner.call_id, 900
    thief.remote, thief.remote_tag, thief.target = owner.remote, owner.remote_tag, owner.target


def test_response_through_another_realm_is_dropped() -> None:
    """RFC 3261 section 17.1.3 compares the branch; the realm is ours to compare."""
    node = Node()
    node.carrier.invite()
    invite = node.pbx.expect_request("INVITE")
    before = len(node.sent)
    vias = "".join(f"Via: {via}\r\n" for via in invite.vias)
    node.carry(
        f"SIP/2.0 486 Busy\r\n{vias}From: {invite.require('From')}\r\nTo: {invite.require('To')};tag=x\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: {invite.cseq}\r\nContent-Length: 0\r\n\r\n".encode(),
        Flow(OUTSIDE, "UDP", STRANGER, 5060),
    )
    assert len(node.sent) == before
    (dropped,) = node.events_of(Dropped)
    assert isinstance(dropped, Dropped)
    assert dropped.reason is DropReason.WRONG_SOURCE


def test_tel_uri_cannot_smuggle_a_host_into_the_request_uri() -> None:
    """RFC 3966 section 3: a number is digits and separators; `tel:100@evil.example` is neither number nor host."""
    node = Node()
    node.carrier.invite()
    node.carrier.inbox.clear()
    node.pbx.inbox.clear()
    node.carrier.remote, node.carrier.target = "<sip:100@sbc.example.net>", "tel:100@evil.example:5060"
    node.carrier.request("INVITE")
    invite = node.pbx.expect_request("INVITE")
    assert invite.uri.host == PBX
    assert "evil" not in invite.request_uri


def test_reinvite_from_a_third_address_with_stolen_tags_moves_no_media() -> None:
    """Who saw one packet knows the tags; a dialog is bound to its realm only. Carriers do speak from many addresses."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    thief = node.peer("thief", STRANGER, OUTSIDE)
    _steal(thief, node.carrier)
    thief.request("INVITE", sdp(STRANGER, version=9))
    assert node.pbx.idle()


def test_contact_of_an_outside_peer_cannot_make_us_send_to_inner_hosts() -> None:
    """A Contact or Record-Route of the other side's network: our BYE goes there, from the outside listener."""
    node = Node(config(hide=("10.20.0.0/16",)))
    node.carrier.send(
        "INVITE sip:+4930@sbc.example.net SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKq\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:+4930@x>\nCall-ID: q\nCSeq: 1 INVITE\nMax-Forwards: 70\n"
        "Contact: <sip:a@10.20.0.99:8080>\nContent-Type: application/sdp",
        sdp(node.carrier.host),
    )
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    answer = node.carrier.expect_response(200)
    node.carrier.send(
        "ACK sip:x SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\n"
        f"To: {answer.require('To')}\nCall-ID: q\nCSeq: 1 ACK\nMax-Forwards: 70"
    )
    node.pbx.request("BYE")
    assert not [sent for sent in node.sent if sent.flow.host == "10.20.0.99"]


def _named(owner: Peer, header: str, ours: str, theirs: str) -> str:
    return f"{header}: {owner.call_id};{ours}={owner.remote_tag};{theirs}={owner.tag}\n"


def test_invite_with_replaces_of_a_stranger_with_stolen_tags_takes_no_place() -> None:
    """RFC 3891 section 8 wants more than tags: without a trunk, only its own host speaks for a peer."""
    node = Node()
    victim, thief = node.peer("alice", VICTIM, OUTSIDE), node.peer("thief", STRANGER, OUTSIDE)
    talk(node, victim, node.pbx)
    thief.invite(extra=_named(victim, "Replaces", "to-tag", "from-tag"))
    thief.expect_response(481)
    assert node.pbx.idle()
    assert victim.idle()


def test_refer_of_a_stranger_with_a_stolen_target_dialog_transfers_nobody() -> None:
    """RFC 4538 section 5: knowing the tags authorises nobody by itself."""
    node = Node(_with_refer())
    victim, thief = node.peer("alice", VICTIM, OUTSIDE), node.peer("thief", STRANGER, OUTSIDE)
    talk(node, victim, node.pbx)
    thief.remote, thief.target = "<sip:x@sbc.example.net>", "sip:x@sbc.example.net"
    target = "Refer-To: <sip:666@sbc.example.net>\n"
    thief.request("REFER", extra=target + _named(victim, "Target-Dialog", "remote-tag", "local-tag"))
    thief.expect_response(403)
    assert node.pbx.idle()


def test_refer_of_a_stranger_to_replace_another_strangers_dialog_finds_none() -> None:
    """The asker has a call of its own; that one of the victim's is among ours must not matter."""
    node = Node(_with_refer())
    victim, thief = node.peer("alice", VICTIM, OUTSIDE), node.peer("thief", STRANGER, OUTSIDE)
    talk(node, victim, node.pbx)
    talk(node, thief, node.pbx)
    stolen = f"{victim.call_id}%3Bto-tag%3D{victim.remote_tag}%3Bfrom-tag%3D{victim.tag}"
    thief.request("REFER", extra=f"Refer-To: <sip:x@sbc.example.net?Replaces={stolen}>\n")
    thief.expect_response(202)
    thief.reply(thief.expect_request("NOTIFY"), 200)
    notify = thief.expect_request("NOTIFY")
    assert notify.body.startswith(b"SIP/2.0 481 ")
    assert victim.idle()


def test_registered_phone_may_take_the_place_of_another_peer_without_a_trunk() -> None:
    """RFC 3891 section 1: one phone picks up, or takes over, the call of another; the registrar knows it."""
    node = Node()
    desk, handset = node.peer("desk", VICTIM, OUTSIDE), node.peer("alice", "198.51.100.78", OUTSIDE)
    register(handset)
    request = node.pbx.expect_request("REGISTER")
    token = request.contacts[0].uri.user
    node.pbx.reply(request, 200, extra=f"Contact: <sip:{token}@198.51.100.1>;expires=600")
    handset.expect_response(200)
    talk(node, desk, node.pbx)
    handset.call_id += "x"
    handset.invite(extra=_named(desk, "Replaces", "to-tag", "from-tag"))
    assert node.pbx.expect_request("INVITE").to_tag


class _Shared:
    """What workers share."""

    def __init__(self) -> None:
        self.places: set[str] = set()

    def note(self, place: str, seconds: float) -> None:
        if seconds > 0:
            self.places.add(place)

    def has(self, place: str) -> bool:
        return place in self.places


def test_phone_that_registered_with_another_worker_may_take_a_place_too() -> None:
    """Its REGISTER went by its Call-ID, its INVITE goes to who has the dialog it names."""
    shared, one, other = _Shared(), Node(), Node()
    one.engine.egress.bindings.elsewhere = other.engine.egress.bindings.elsewhere = shared
    register(one.peer("alice", "198.51.100.78", OUTSIDE))
    one.pbx.reply(one.pbx.expect_request("REGISTER"), 200)
    desk, handset = other.peer("desk", VICTIM, OUTSIDE), other.peer("alice", "198.51.100.78", OUTSIDE)
    talk(other, desk, other.pbx)
    handset.invite(extra=_named(desk, "Replaces", "to-tag", "from-tag"))
    assert other.pbx.expect_request("INVITE").to_tag


def _with_refer() -> Config:
    base = config()
    return replace(base, realms={**base.realms, "outside": replace(base.realms["outside"], refer="terminate")})


def test_a_stranger_cannot_forestall_the_next_request_of_somebody_whose_last_it_has_read() -> None:
    """RFC 3261 section 8.2.2.2 answers a copy by another way with 482; a REGISTER's successor is no secret."""
    node = Node()
    victim, thief = node.peer("alice", VICTIM, OUTSIDE), node.peer("thief", STRANGER, OUTSIDE)
    register(victim)
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 200)
    victim.expect_response(200)
    thief.name, thief.tag, thief.call_id, thief.cseq = victim.name, victim.tag, victim.call_id, victim.cseq
    register(thief)
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 403)
    register(victim)
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 200)
    victim.expect_response(200)
