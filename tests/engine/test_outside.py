"""Requests outside dialogs: OPTIONS, REGISTER, MESSAGE, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.outputs import Dropped, DropReason
from sbc.sip import Response
from tests.kit.flows import answer, assert_no_leak, hang_up
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX2, Node, config
from tests.kit.peer import Peer


def register(phone: Peer, contact: str = "", extra: str = "Expires: 600\n") -> None:
    """A REGISTER for alice with the phone's own Contact, or the one given."""
    phone.cseq += 1
    phone.send(
        f"REGISTER sip:sbc.example.net SIP/2.0\n"
        f"Via: SIP/2.0/UDP {phone.host}:{phone.port};branch=z9hG4bKreg{phone.cseq}{phone.name};rport\n"
        f"Max-Forwards: 70\nFrom: <sip:alice@sbc.example.net>;tag={phone.tag}\nTo: <sip:alice@sbc.example.net>\n"
        f"Call-ID: {phone.call_id}\nCSeq: {phone.cseq} REGISTER\n"
        f"Contact: {contact or f'<sip:alice@{phone.host}:{phone.port}>'}\n{extra}".strip()
    )


def test_options_is_answered_here() -> None:
    """RFC 3261 section 11.2: a probe of a carrier never reaches the PBX."""
    node = Node()
    node.carrier.target = "sip:sbc.example.net"
    node.carrier.request("OPTIONS")
    response = node.carrier.expect_response(200)
    assert "INVITE" in (response.get("Allow") or "")
    assert node.pbx.idle()


def test_options_for_a_user_is_relayed_for_a_trunk_that_wants_it() -> None:
    """RFC 3261 section 11: the far end says whether the user can be reached; what it can do is said by us."""
    settings = config()
    carrier = replace(settings.trunks["carrier"], options="relay")
    node = Node(replace(settings, trunks=settings.trunks | {"carrier": carrier}))
    node.carrier.target = "sip:+4930@sbc.example.net"
    node.carrier.request("OPTIONS")
    node.pbx.reply(node.pbx.expect_request("OPTIONS"), 404)
    node.carrier.expect_response(404)
    node.carrier.target = "sip:sbc.example.net"
    node.carrier.request("OPTIONS")
    node.carrier.expect_response(200)
    assert node.pbx.idle()
    assert_no_leak(node)
    node.assert_clean()


def test_unknown_method_gets_501_and_refer_403() -> None:
    """RFC 3261 sections 8.2.1 and 21.5.2; design 3a."""
    node = Node()
    node.carrier.target = "sip:sbc.example.net"
    node.carrier.request("FROBNICATE")
    node.carrier.expect_response(501)
    node.carrier.request("REFER")
    node.carrier.expect_response(403)


def test_required_extension_that_we_lack_gets_420_with_its_name() -> None:
    """RFC 3261 section 8.2.2.3."""
    node = Node()
    node.carrier.invite(extra="Require: timer, frobnicate\n")
    response = node.carrier.expect_response(420)
    assert response.tokens("Unsupported") == ["frobnicate"]


def test_register_reaches_the_registrar_with_a_contact_of_ours_and_calls_find_the_way_back() -> None:
    """RFC 3261 section 10 through a B2BUA: the registrar never sees the phone's address."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(phone)
    request = node.pbx.expect_request("REGISTER")
    contact = request.contacts[0]
    assert contact.uri.host == "10.20.0.1"
    node.pbx.send(
        "SIP/2.0 200 OK\n" + "\n".join(f"Via: {via}" for via in request.vias) + f"\nFrom: {request.require('From')}\n"
        f"To: {request.require('To')};tag=registrar\nCall-ID: {request.call_id}\nCSeq: {request.cseq}\n"
        f"Contact: {contact};expires=300, <sip:bob@10.20.0.99>;expires=60"
    )
    response = phone.expect_response(200)
    assert [str(c) for c in response.contacts] == ["<sip:alice@203.0.113.66:5060>;expires=300"]

    node.pbx.remote, node.pbx.target = "<sip:alice@pbx.corp.local>", str(contact.uri)
    node.pbx.request("INVITE", b"v=0\r\no=- 1 1 IN IP4 10.20.0.5\r\ns=-\r\nc=IN IP4 10.20.0.5\r\nt=0 0\r\n")
    node.pbx.expect_response(100)
    invite = phone.expect_request("INVITE")
    assert invite.request_uri == "sip:alice@203.0.113.66:5060"
    answer(node, node.pbx, phone, invite)
    hang_up(node, phone, node.pbx)
    node.assert_clean()


def test_refresh_keeps_call_id_contact_and_counts_cseq_up() -> None:
    """RFC 3261 section 10.2.4."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(phone)
    first = node.pbx.expect_request("REGISTER")
    register(phone)
    second = node.pbx.expect_request("REGISTER")
    assert first.call_id == second.call_id
    assert first.contacts[0].uri == second.contacts[0].uri
    assert second.cseq.number == first.cseq.number + 1
    assert_no_leak(node)


def test_two_contacts_that_differ_behind_an_escaped_null_are_two_bindings() -> None:
    """RFC 4475 section 3.1.1.4."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(phone, "<sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>")
    request = node.pbx.expect_request("REGISTER")
    assert len({contact.uri.user for contact in request.contacts}) == 2


def test_message_crosses_and_an_unknown_body_does_not() -> None:
    """RFC 3428; RFC 5621: a body we do not know is refused, not passed."""
    node = Node()
    node.carrier.target = "sip:+4930@sbc.example.net"
    node.carrier.request("MESSAGE", b"hello", content_type="text/plain")
    message = node.pbx.expect_request("MESSAGE")
    assert message.body == b"hello"
    node.pbx.reply(message, 202)
    node.carrier.expect_response(202)
    node.carrier.request("MESSAGE", b"<x/>", content_type="application/xml")
    node.carrier.expect_response(415)
    node.assert_clean()


def test_relayed_message_is_given_up_before_the_asker_is() -> None:
    """RFC 4320: 504 within Timer F, never 408."""
    node = Node()
    node.peers.pop((node.pbx.host, 5060))
    node.carrier.target = "sip:+4930@sbc.example.net"
    node.carrier.request("MESSAGE", b"hello", content_type="text/plain")
    node.advance(3)
    assert node.carrier.idle()
    node.advance(1)
    node.carrier.expect_response(100)
    node.advance(25)
    node.carrier.expect_response(504)
    node.assert_clean()


def test_same_request_on_two_ways_gets_482() -> None:
    """RFC 3261 section 8.2.2.2."""
    node = Node()
    request = node.carrier.invite()
    node.carrier.expect_response(100)
    copy = node.carrier.wires  # keep the first branch's answer apart
    del copy[:]
    data = request.vias[0]
    other = data.replace("branch=z9hG4bK", "branch=z9hG4bKother")
    text = "\n".join(
        [f"INVITE {request.request_uri} SIP/2.0", f"Via: {other}"]
        + [f"{name}: {value}" for name, value in request.fields if name not in ("Via", "Content-Length")]
    )
    node.carrier.send(text, request.body)
    node.carrier.expect_response(482)


def test_stray_response_is_dropped_by_name() -> None:
    """RFC 3261 section 18.1.2, and design 3a: every drop has a reason."""
    node = Node()
    node.carrier.send(
        f"SIP/2.0 200 OK\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKnobody\nFrom: <sip:a@{CARRIER}>;tag=1\n"
        f"To: <sip:b@x.example>;tag=2\nCall-ID: stray\nCSeq: 1 INVITE"
    )
    (event,) = node.events_of(Dropped)
    assert isinstance(event, Dropped)
    assert event.reason is DropReason.STRAY_RESPONSE
    assert node.carrier.idle()


def test_malformed_request_is_answered_with_its_own_vias_only() -> None:
    """RFC 3261 section 18.3 and 21.4.1: a 400 that names nothing but the asker's own."""
    node = Node()
    node.carrier.send(
        f"INVITE sip:x@sbc.example.net SIP/2.0\nVia: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bKbad;rport\n"
        f"From: <sip:a@{CARRIER}>;tag=1\nTo: <sip:x@sbc.example.net>\nCall-ID: bad\nCSeq: 1 OPTIONS"
    )
    response = node.carrier.take()
    assert isinstance(response, Response)
    assert response.status == 400
    assert_no_leak(node)
    assert node.events_of(Dropped) == []


def test_audit_off_and_on_give_the_same_call() -> None:
    """The audit only takes away."""
    wires = []
    for audit in ("off", "strip"):
        node = Node(config(audit=audit))
        node.carrier.call_id = "same"
        node.carrier.tag = "same"
        node.carrier.invite()
        wires.append(len(node.pbx.wires[-1]))
    assert wires[0] == wires[1]


def test_policy_decides_on_options_too() -> None:
    """Design 3a, order of admission: everything outside a dialog goes to policy."""
    settings = config()
    refusing = replace(settings, policy=replace(settings.policy, rules=()))
    node = Node(refusing)
    stranger = node.peer("stranger", "203.0.113.66", OUTSIDE)
    for peer, status in ((stranger, 403), (node.carrier, 200)):
        peer.target = "sip:sbc.example.net"
        peer.request("OPTIONS")
        peer.expect_response(status)


def test_trunk_written_as_a_name_is_looked_up_at_start_and_its_calls_recognised() -> None:
    """Design 3a, who is calling: resolved targets."""
    node = Node(config(pbx=("sip:pbx.corp.example",)))
    node.act(node.engine.start(node.now))
    (lookup,) = node.lookups
    assert lookup.sought.name == "pbx.corp.example"
    node.locate(lookup, node.pbx.host)
    router = node.engine.egress.snapshot.router
    assert router.identify(node.config.listeners[INSIDE], node.pbx.host).trunk == "pbx"
    node.carrier.invite()
    node.pbx.expect_request("INVITE")
    assert len(node.lookups) == 1


def test_call_to_a_name_without_an_address_fails_over_or_fails() -> None:
    """RFC 3263 section 4.3: no address, so the next target, or 503 where none is left."""
    node = Node(config(pbx=("sip:pbx.corp.example", f"sip:{PBX2}")))
    second = node.peer("pbx2", PBX2, INSIDE)
    node.carrier.invite()
    (lookup,) = node.lookups
    node.locate(lookup)
    second.expect_request("INVITE")


def test_look_up_that_is_never_answered_fails_what_waited_for_it() -> None:
    """Design 3a, async facts: a deadline that is itself a timer."""
    node = Node(config(pbx=("sip:pbx.corp.example",)))
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.advance(11)
    node.carrier.ack_failure(node.carrier.expect_response(503))
    node.assert_clean()


def test_bye_that_names_no_dialog_gets_481() -> None:
    """RFC 3261 section 15.1.2: also where it has no To tag at all."""
    node = Node()
    node.carrier.target = "sip:sbc.example.net"
    node.carrier.request("BYE")
    node.carrier.expect_response(481)


def publish(peer: Peer, body: bytes = b"", extra: str = "") -> None:
    """A PUBLISH of presence for alice."""
    peer.remote, peer.target = "<sip:alice@sbc.example.net>", "sip:alice@sbc.example.net"
    peer.request("PUBLISH", body, f"Event: presence\nExpires: 9999\n{extra}", "application/pidf+xml")


PRESENCE = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@198.51.100.10"><tuple id="t"><status>'
    b"<basic>open</basic></status><contact>sip:alice@198.51.100.10:5060</contact></tuple></presence>"
)


def test_published_state_is_refreshed_and_removed_by_tags_of_ours() -> None:
    """RFC 3903: SIP-ETag and SIP-If-Match name state at the server; the publisher sees others in their place."""
    node = Node()
    publish(node.carrier, PRESENCE)
    request = node.pbx.expect_request("PUBLISH")
    assert b"pres:alice@pbx.corp.local" in request.body
    assert b"198.51.100" not in request.body
    assert request.get("Expires") == "3600"
    node.pbx.reply(request, 200, extra="SIP-ETag: secret-state-1\nExpires: 1800\n")
    response = node.carrier.expect_response(200)
    assert response.get("Expires") == "1800"
    first = response.require("SIP-ETag")
    assert first != "secret-state-1"
    publish(node.carrier, b"", f"SIP-If-Match: {first}\n")
    request = node.pbx.expect_request("PUBLISH")
    assert request.get("SIP-If-Match") == "secret-state-1"
    node.pbx.reply(request, 200, extra="SIP-ETag: secret-state-2\nExpires: 1800\n")
    second = node.carrier.expect_response(200).require("SIP-ETag")
    publish(node.carrier, b"", f"SIP-If-Match: {first}\n")
    node.carrier.expect_response(412)
    stranger = node.peer("stranger", "10.20.0.6", INSIDE)
    publish(stranger, b"", f"SIP-If-Match: {second}\n")
    stranger.expect_response(412)
    node.advance(1900)
    publish(node.carrier, b"", f"SIP-If-Match: {second}\n")
    node.carrier.expect_response(412)
    assert_no_leak(node)
    node.assert_clean()


def test_publication_that_we_cannot_rewrite_is_refused() -> None:
    """RFC 3903 section 6: 489 for the package, 415 for the body, 400 for an initial one without."""
    node = Node()
    for body, kind, event, status in (
        (PRESENCE, "application/pidf+xml", "kpml", 489),
        (b"<x/>", "application/cpim-pidf+xml", "presence", 415),
        (b"<presence/>", "application/pidf+xml", "presence", 415),
        (b"", "", "presence", 400),
    ):
        node.carrier.target = "sip:alice@sbc.example.net"
        node.carrier.request("PUBLISH", body, f"Event: {event}\n", kind)
        node.carrier.expect_response(status)
    assert node.pbx.idle()


def registered(node: Node, phone: Peer) -> str:
    """The phone registers; the Contact that the registrar keeps."""
    register(phone)
    request = node.pbx.expect_request("REGISTER")
    contact = str(request.contacts[0].uri)
    node.pbx.reply(request, 200, extra=f"Contact: <{contact}>;expires=300\n".replace("Contact: <", "Contact: <", 1))
    phone.take()
    return contact


def test_registered_phone_is_asked_and_told_by_its_registrar() -> None:
    """OPTIONS to a registered Contact and a NOTIFY that nobody asked for (message waiting) reach the phone."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    node.pbx.target = registered(node, phone)
    node.pbx.remote = "<sip:alice@pbx.corp.local>"
    node.pbx.request("OPTIONS")
    phone.reply(phone.expect_request("OPTIONS"), 200)
    node.pbx.expect_response(200)
    body = b"Messages-Waiting: no\r\nMessage-Account: sip:alice@pbx.corp.local\r\n"
    extra = "Event: message-summary\nSubscription-State: active\n"
    node.pbx.request("NOTIFY", body, extra, "application/simple-message-summary")
    shown = phone.expect_request("NOTIFY")
    assert shown.request_uri == "sip:alice@203.0.113.66:5060"
    assert shown.body == b"Messages-Waiting: no\r\nMessage-Account: sip:alice@sbc.example.net\r\n"
    phone.reply(shown, 200)
    node.pbx.expect_response(200)
    node.pbx.request("MESSAGE", b"hello", content_type="text/plain")
    phone.reply(phone.expect_request("MESSAGE"), 200)
    node.pbx.expect_response(200)
    assert_no_leak(node)
    node.assert_clean()


def test_notify_that_nobody_asked_for_and_that_is_for_no_phone_of_ours_gets_481() -> None:
    """RFC 6665 section 4.1.3."""
    node = Node()
    node.carrier.target = "sip:alice@sbc.example.net"
    node.carrier.request("NOTIFY", extra="Event: message-summary\nSubscription-State: active\n")
    node.carrier.expect_response(481)


def test_message_in_parts_crosses_part_by_part() -> None:
    """RFC 5621: the text crosses, what is optional and unknown does not."""
    node = Node()
    node.carrier.target = "sip:+4930@sbc.example.net"
    body = (
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: image/png\r\n"
        b"Content-Disposition: render;handling=optional\r\n\r\n198.51.100.10\r\n--b--\r\n"
    )
    node.carrier.request("MESSAGE", body, content_type="multipart/mixed;boundary=b")
    message = node.pbx.expect_request("MESSAGE")
    assert (message.body, message.content_type) == (b"hello", "text/plain")
    assert_no_leak(node)


def test_a_contact_counts_for_as_long_as_the_registrar_has_granted() -> None:
    """RFC 3261 section 10.2.4: not for as long as the phone would have liked to be registered."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(phone, extra="Expires: 86400\n")
    request = node.pbx.expect_request("REGISTER")
    token = request.contacts[0].uri.user
    node.pbx.claims = ""
    node.pbx.reply(request, 200, extra=f"Contact: <sip:{token}@10.20.0.1>;expires=60\n")
    bindings = node.engine.egress.bindings
    assert bindings.has_host("outside", phone.host, node.time + 59)
    assert not bindings.has_host("outside", phone.host, node.time + 61)


def test_a_contact_that_was_taken_back_is_over() -> None:
    """RFC 3261 section 10.2.2; what is on its way to it still has half a minute."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    node.pbx.claims = ""
    register(phone)
    token = node.pbx.inbox[0].contacts[0].uri.user
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 200, extra=f"Contact: <sip:{token}@10.20.0.1>;expires=600\n")
    register(phone, extra="Expires: 0\n")
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 200)
    bindings = node.engine.egress.bindings
    assert bindings.find(token, node.time + 29) is not None
    assert bindings.find(token, node.time + 31) is None


def test_taking_back_all_contacts_ends_those_of_every_phone_of_the_record() -> None:
    """RFC 3261 section 10.2.2: `*` with Expires 0; another record's, or another realm's, are not meant."""
    node = Node()
    node.pbx.claims = ""
    desk = node.peer("alice", "203.0.113.66", OUTSIDE)
    tablet = node.peer("tablet", "203.0.113.67", OUTSIDE)
    inner = node.peer("inner", "10.20.0.66", INSIDE)
    tokens = [_token(node, phone) for phone in (desk, tablet)]
    other = _token(node, inner, at=node.carrier)
    register(desk, "*", "Expires: 0\n")
    request = node.pbx.expect_request("REGISTER")
    assert (request.get("Contact"), request.get("Expires")) == ("*", "0")
    bindings = node.engine.egress.bindings
    assert all(bindings.find(token, node.time + 31) is not None for token in tokens), "the registrar has not agreed yet"
    node.pbx.reply(request, 200)
    assert desk.expect_response(200).get("Contact") is None
    assert all(bindings.find(token, node.time + 29) is not None for token in tokens), "calls may be on their way"
    assert bindings.find(other, node.time + 31) is not None
    assert all(bindings.find(token, node.time + 31) is None for token in tokens)


def test_a_phone_that_came_after_all_were_taken_back_stays() -> None:
    """The answer to the one may come late, or once more."""
    node = Node()
    node.pbx.claims = ""
    desk = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(desk, "*", "Expires: 0\n")
    request = node.pbx.expect_request("REGISTER")
    node.advance(1)
    token = _token(node, node.peer("tablet", "203.0.113.67", OUTSIDE))
    node.pbx.inbox.clear()
    node.pbx.reply(request, 200)
    desk.expect_response(200)
    assert node.engine.egress.bindings.find(token, node.time + 31) is not None


@pytest.mark.parametrize("extra", ["", "Expires: 600\n", "Expires: never\n"])
def test_all_contacts_are_taken_back_or_the_request_is_none(extra: str) -> None:
    """RFC 3261 section 10.3, step 6: 400, and no registrar is asked."""
    node = Node()
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    register(phone, "*", extra)
    phone.expect_response(400)
    assert node.pbx.idle()
    node.assert_clean()


def test_the_next_process_knows_whose_contacts_they_are() -> None:
    """Its phones may be taken back there; notes of a version without records are read as well."""
    first = Node()
    first.pbx.claims = ""
    token = _token(first, first.peer("alice", "203.0.113.66", OUTSIDE))
    notes = first.engine.relief.notes()
    for text, is_known in ((notes, True), (notes.replace(b'"records"', b'"unknown"'), False)):
        node = Node()
        node.engine.relief.read(text)
        desk = node.peer("desk", "203.0.113.67", OUTSIDE)
        register(desk, "*", "Expires: 0\n")
        node.pbx.reply(node.pbx.expect_request("REGISTER"), 200)
        desk.expect_response(200)
        assert (node.engine.egress.bindings.find(token, node.time + 31) is None) is is_known


def _token(node: Node, phone: Peer, at: Peer | None = None) -> str:
    """The user of the Contact that a registrar keeps for a phone."""
    registrar = at or node.pbx
    register(phone)
    request = registrar.expect_request("REGISTER")
    registrar.claims = ""
    registrar.reply(request, 200, extra=f"Contact: {request.contacts[0]};expires=600\n")
    phone.expect_response(200)
    return request.contacts[0].uri.user
