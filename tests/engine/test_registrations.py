"""We as a user of a trunk: registered there, and answering its challenges to calls; the caller sees nothing of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from sbc.config import Auth, Config, Register
from sbc.digest import challenges_in, response_of
from sbc.outputs import CallEnded, RegistrationChanged
from sbc.registrations import FIRST_WITHIN, PATIENCE
from sbc.sip import Request, parse_authentication
from sbc.wire import Flow
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import CARRIER, OUTSIDE, STRANGER, Node, config
from tests.kit.peer import Peer, sdp

AUTH = Auth("acme", "zanzibar")
ASK = 'WWW-Authenticate: Digest realm="carrier", nonce="{nonce}", qop="auth", algorithm=SHA-256\n'
ASK_PROXY = 'Proxy-Authenticate: Digest realm="carrier", nonce="{nonce}", qop="auth"\n'
SECOND = "198.51.100.11"


def carrier(register: Register | None = None, auth: Auth | None = AUTH, **keys: object) -> Config:
    made = config()
    trunk = replace(made.trunks["carrier"], auth=auth, register=register, **keys)  # type: ignore[arg-type]
    return replace(made, trunks={**made.trunks, "carrier": trunk})


def registering(expires: int = 600, **keys: object) -> Node:
    """A node that is about to register `+4930` at the carrier."""
    node = Node(carrier(Register("+4930", "carrier.example", expires), **keys))  # type: ignore[arg-type]
    node.act(node.engine.start(node.now))
    node.advance(FIRST_WITHIN + 0.1)
    return node


def ask(peer: Peer, request: Request, nonce: str = "n1", status: int = 401, more: str = "") -> None:
    text = (ASK if status == 401 else ASK_PROXY).format(nonce=nonce)
    peer.reply(request, status, extra=text.rstrip("\n") + more)


def assert_authorised(request: Request, nonce: str, uses: str = "00000001", header: str = "Authorization") -> None:
    """The credentials are those of our user for this request."""
    value = request.get(header)
    assert value is not None
    found = parse_authentication(value)
    texts = (ASK.format(nonce=nonce), ASK_PROXY.format(nonce=nonce))
    asked = challenges_in([texts[header != "Authorization"].partition(": ")[2].strip()], [])[0]
    expected = response_of(
        asked,
        nonce,
        AUTH.username,
        AUTH.password,
        request.method,
        request.request_uri,
        request.body,
        uses,
        found.get("cnonce"),
    )
    assert (found.get("response"), found.get("nc"), found.get("uri")) == (expected, uses, request.request_uri)


def accept(peer: Peer, request: Request, expires: int = 600) -> None:
    contact = request.require("Contact")
    peer.send(
        "\n".join(
            [
                "SIP/2.0 200 OK",
                *[f"Via: {via}" for via in request.vias],
                f"From: {request.require('From')}",
                f"To: {request.require('To')};tag=r",
                f"Call-ID: {request.call_id}",
                f"CSeq: {request.cseq}",
                f"Contact: <sip:else@192.0.2.9>;expires=7, {contact};expires={expires}",
            ]
        )
    )


def state(node: Node) -> object:
    row = next(row for row in node.engine.trunks(node.now) if row["name"] == "carrier")
    found = row["registration"]
    assert isinstance(found, dict)
    return found["state"]


def is_leaving(node: Node) -> bool:
    return node.engine.is_leaving


def registered(expires: int = 600) -> tuple[Node, Request]:
    node = registering(expires)
    ask(node.carrier, node.carrier.expect_request("REGISTER"))
    second = node.carrier.expect_request("REGISTER")
    accept(node.carrier, second, expires)
    return node, second


# Registration


def test_a_trunk_is_registered_at_and_its_challenge_answered() -> None:
    """RFC 3261 section 10.2: the domain as Request-URI, the address of record as From and To, a Contact of ours."""
    node = registering()
    first = node.carrier.expect_request("REGISTER")
    assert first.request_uri == "sip:carrier.example"
    assert first.require("To") == "<sip:+4930@carrier.example>"
    assert first.get("Authorization") is None
    ask(node.carrier, first)
    second = node.carrier.expect_request("REGISTER")
    assert_authorised(second, "n1")
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert second.require("Contact") == first.require("Contact")
    assert state(node) == "trying"
    accept(node.carrier, second)
    assert state(node) == "registered"
    (event,) = node.events_of(RegistrationChanged)
    assert isinstance(event, RegistrationChanged)
    assert (event.trunk, event.state) == ("carrier", "registered")


def test_it_is_refreshed_before_it_ends_with_the_nonce_it_has() -> None:
    """Sections 10.2.1.1 and 10.2.4: the same Call-ID, a higher CSeq; RFC 7616 section 3.4: nc counts."""
    node, before = registered(600)
    node.advance(400)
    assert node.carrier.idle()
    node.advance(100)
    again = node.carrier.expect_request("REGISTER")
    assert (again.call_id, again.cseq.number) == (before.call_id, before.cseq.number + 1)
    assert_authorised(again, "n1", "00000002")


def test_a_stale_nonce_is_exchanged_and_a_second_refusal_is_the_end() -> None:
    """RFC 7616 section 3.3; RFC 3261 section 22.2: no third try with the same name and password."""
    node, _ = registered(600)
    while node.carrier.idle():
        node.advance(1)
    ask(node.carrier, node.carrier.expect_request("REGISTER"), "n2", more=", stale=true")
    again = node.carrier.expect_request("REGISTER")
    assert_authorised(again, "n2")
    ask(node.carrier, again, "n3")
    assert node.carrier.idle()
    assert state(node) == "failed"


def test_failures_are_tried_again_ever_more_seldom() -> None:
    node = registering()
    times: list[float] = []
    while len(times) < 8:
        while node.carrier.idle():
            node.advance(0.5)
        node.carrier.reply(node.carrier.expect_request("REGISTER"), 403)
        times.append(node.time)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 3 < gaps[0] < 7
    assert 220 < gaps[-1] < 380
    assert node.engine.registrations.failed == 8


def test_retry_after_is_heeded() -> None:
    node = registering()
    node.carrier.reply(node.carrier.expect_request("REGISTER"), 480, extra="Retry-After: 100 (closed)")
    node.advance(99)
    assert node.carrier.idle()
    node.advance(2)
    node.carrier.expect_request("REGISTER")


def test_the_next_target_is_asked_where_the_first_is_silent() -> None:
    made = carrier(Register("+4930", "carrier.example"))
    trunk = made.trunks["carrier"]
    second_target = replace(trunk.targets[0], uri=trunk.targets[0].uri.__class__("sip", "", SECOND), priority=2)
    trunk = replace(trunk, targets=(*trunk.targets, second_target))
    node = Node(replace(made, trunks={**made.trunks, "carrier": trunk}))
    second = node.peer("second", SECOND, OUTSIDE)
    node.act(node.engine.start(node.now))
    node.advance(FIRST_WITHIN + 0.1)
    node.carrier.expect_request("REGISTER")
    node.advance(PATIENCE)
    accept(second, second.expect_request("REGISTER"))
    assert state(node) == "registered"


def test_a_registrar_may_ask_for_longer_bindings() -> None:
    """RFC 3261 section 10.2.8."""
    node = registering(60)
    first = node.carrier.expect_request("REGISTER")
    assert first.get("Expires") == "60"
    node.carrier.reply(first, 423, extra="Min-Expires: 300")
    assert node.carrier.expect_request("REGISTER").get("Expires") == "300"


def test_the_binding_is_given_back_when_the_node_drains() -> None:
    """Section 10.2.2: with the nonce we have; the node waits for the answer."""
    node, _ = registered()
    node.act(node.engine.drain(node.now))
    assert is_leaving(node)
    last = node.carrier.expect_request("REGISTER")
    assert last.get("Expires") == "0"
    assert_authorised(last, "n1", "00000002")
    node.carrier.reply(last, 200)
    assert not is_leaving(node)
    assert state(node) == "gone"
    node.advance(4000)
    assert node.carrier.idle()


def test_a_registrar_that_is_silent_at_the_end_is_not_waited_for_long() -> None:
    node, _ = registered()
    node.act(node.engine.drain(node.now))
    node.advance(PATIENCE + 0.1)
    assert not is_leaving(node)


def test_a_call_to_our_contact_is_for_the_user_that_is_registered() -> None:
    """The policy sees the user, and so does the PBX; the token is nobody's business."""
    node, before = registered()
    token = before.contacts[0].uri.user
    node.carrier.invite(token)
    assert node.pbx.expect_request("INVITE").uri.user == "+4930"


def test_a_stranger_s_call_to_our_contact_is_what_it_says() -> None:
    node, before = registered()
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    token = before.contacts[0].uri.user
    stranger.invite(token)
    assert node.pbx.expect_request("INVITE").uri.user == token


def test_a_reload_gives_up_and_begins_what_it_says() -> None:
    node, before = registered()
    node.act(node.engine.swap(carrier(Register("+4930", "carrier.example", 600)), node.now))
    node.advance(10)
    assert node.carrier.idle()  # nothing has changed
    node.act(node.engine.swap(carrier(Register("+4931", "carrier.example", 600)), node.now))
    gone = node.carrier.expect_request("REGISTER")
    assert (gone.call_id, gone.get("Expires")) == (before.call_id, "0")
    node.advance(FIRST_WITHIN + 0.1)
    fresh = node.carrier.expect_request("REGISTER")
    assert fresh.require("To") == "<sip:+4931@carrier.example>"
    assert fresh.call_id != before.call_id


# Calls


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_challenge_to_a_call_is_answered_and_the_caller_sees_nothing(status: int, header: str) -> None:
    """RFC 3261 section 22.2: the same Call-ID, a higher CSeq; section 22.1: the ACK bears what its INVITE bore."""
    node = Node(carrier())
    node.pbx.invite()
    first = node.carrier.expect_request("INVITE")
    ask(node.carrier, first, status=status)
    node.carrier.expect_request("ACK")
    second = node.carrier.expect_request("INVITE")
    assert_authorised(second, "n1", header=header)
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    node.pbx.expect_response(100)
    assert node.pbx.idle()
    node.carrier.reply(second, 200, sdp(CARRIER))
    ack = node.carrier.expect_request("ACK")
    assert ack.get(header) == second.get(header)
    node.pbx.expect_response(200)
    node.pbx.ack()
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    bye = node.carrier.expect_request("BYE")
    assert bye.get(header) is None
    node.carrier.reply(bye, 200)
    node.assert_clean()


def test_the_next_call_bears_credentials_at_once() -> None:
    node = Node(carrier())
    node.pbx.invite()
    ask(node.carrier, node.carrier.expect_request("INVITE"))
    node.carrier.expect_request("ACK")
    node.carrier.reply(node.carrier.expect_request("INVITE"), 486)
    node.carrier.expect_request("ACK")
    node.peer("other", "10.20.0.7", 1).invite()
    assert_authorised(node.carrier.expect_request("INVITE"), "n1", "00000002")


def test_a_wrong_password_is_told_once_and_the_caller_gets_403() -> None:
    node = Node(carrier())
    node.pbx.invite()
    ask(node.carrier, node.carrier.expect_request("INVITE"))
    node.carrier.expect_request("ACK")
    ask(node.carrier, node.carrier.expect_request("INVITE"), "n2")
    node.carrier.expect_request("ACK")
    assert node.carrier.idle()
    node.pbx.ack_failure(node.pbx.expect_response(403))
    (ended,) = node.events_of(CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.status == 403


def test_a_challenge_to_a_bye_is_not_answered() -> None:
    """Who calls us and challenges our BYE wants a hash of the password."""
    node = Node(carrier())
    node.carrier.invite()
    invite = node.pbx.expect_request("INVITE")
    node.carrier.expect_response(100)
    answer(node, node.carrier, node.pbx, invite)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    ask(node.carrier, node.carrier.expect_request("BYE"))
    assert node.carrier.idle()
    assert node.engine.egress.users.answered == 0


def test_a_challenge_to_a_re_invite_is_answered_and_the_other_side_sees_nothing() -> None:
    """RFC 3261 section 22.2: same dialog, higher CSeq; with another nonce than the INVITE's, as some trunks want it."""
    node = Node(carrier())
    talk(node, node.pbx, node.carrier)
    node.pbx.request("INVITE", sdp(node.pbx.host, 4002, version=2))
    first = node.carrier.expect_request("INVITE")
    ask(node.carrier, first, status=407)
    node.carrier.expect_request("ACK")
    second = node.carrier.expect_request("INVITE")
    assert_authorised(second, "n1", header="Proxy-Authorization")
    assert (second.to_tag, second.cseq.number, second.body) == (first.to_tag, first.cseq.number + 1, first.body)
    node.carrier.reply(second, 200, sdp(CARRIER, version=2))
    node.carrier.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_wrong_password_in_a_call_is_told_once_and_the_call_goes_on() -> None:
    node = Node(carrier())
    talk(node, node.pbx, node.carrier)
    node.pbx.request("INVITE", sdp(node.pbx.host, 4002, version=2))
    for nonce in ("n1", "n2"):
        ask(node.carrier, node.carrier.expect_request("INVITE"), nonce)
        node.carrier.expect_request("ACK")
    assert node.carrier.idle()
    node.pbx.ack_failure(node.pbx.expect_response(488))
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_challenge_in_a_call_from_behind_the_trunk_is_not_answered() -> None:
    """The dialog leads past the trunk, to whoever answered there: its nonce is no business of ours."""
    node = Node(carrier())
    behind = node.peer("behind", STRANGER, OUTSIDE)
    node.carrier.claims = f"<sip:b@{STRANGER}>"
    node.carrier.reply(ring(node, node.pbx, node.carrier), 200, sdp(CARRIER))
    behind.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    node.pbx.request("INVITE", sdp(node.pbx.host, 4002, version=2))
    ask(behind, behind.expect_request("INVITE"))
    behind.expect_request("ACK")
    assert behind.idle()
    assert node.engine.egress.users.answered == 0


def test_what_goes_past_the_trunk_in_a_call_that_was_challenged_bears_no_credentials() -> None:
    """A hash with its nonce is all that a guesser of passwords needs; ACK and re-INVITE go to whoever answered."""
    node = Node(carrier())
    behind = node.peer("behind", STRANGER, OUTSIDE)
    node.carrier.claims = f"<sip:b@{STRANGER}>"
    node.pbx.invite()
    ask(node.carrier, node.carrier.expect_request("INVITE"))
    node.carrier.expect_request("ACK")
    second = node.carrier.expect_request("INVITE")
    assert_authorised(second, "n1")
    node.carrier.reply(second, 200, sdp(CARRIER))
    behind.expect_request("ACK")
    node.pbx.expect_response(100)
    node.pbx.expect_response(200)
    node.pbx.ack()
    node.pbx.request("INVITE", sdp(node.pbx.host, 4002, version=2))
    behind.reply(behind.expect_request("INVITE"), 200, sdp(STRANGER))
    behind.expect_request("ACK")
    assert b"uthorization" not in b"".join(behind.wires)


def test_a_challenge_to_a_refresh_of_ours_is_answered() -> None:
    """RFC 4028 section 7.4: a refresh that is refused is no refresh."""
    node = Node(carrier())
    node.pbx.invite()
    node.pbx.expect_response(100)
    invite = node.carrier.expect_request("INVITE")
    timer = "Supported: timer\nSession-Expires: 600;refresher=uac\nAllow: INVITE, ACK, BYE, UPDATE\n"
    node.carrier.reply(invite, 200, sdp(CARRIER), extra=timer)
    node.carrier.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    node.advance(301)
    ask(node.carrier, node.carrier.expect_request("UPDATE"))
    again = node.carrier.expect_request("UPDATE")
    assert_authorised(again, "n1")
    node.carrier.reply(again, 200, extra=timer)
    node.advance(320)
    assert node.engine.active_calls == 1


def test_a_challenge_from_elsewhere_is_not_answered() -> None:
    node = Node(carrier())
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    node.pbx.invite()
    invite = node.carrier.expect_request("INVITE")
    ask(stranger, invite)
    sent = [one for one in node.sent if b"uthorization" in one.data]
    assert sent == []
    assert node.engine.egress.users.answered == 0


def test_a_trunk_without_credentials_passes_no_challenge_and_gets_no_answer() -> None:
    node = Node(carrier(auth=None))
    node.pbx.invite()
    ask(node.carrier, node.carrier.expect_request("INVITE"))
    node.carrier.expect_request("ACK")
    assert node.carrier.idle()
    node.pbx.expect_response(403)


def test_a_message_is_authorised_as_a_call_is() -> None:
    node = Node(carrier())
    node.pbx.target = "sip:100@sbc.example.net"
    node.pbx.request("MESSAGE", b"hello", content_type="text/plain")
    ask(node.carrier, node.carrier.expect_request("MESSAGE"))
    second = node.carrier.expect_request("MESSAGE")
    assert_authorised(second, "n1")
    node.carrier.reply(second, 200)
    node.pbx.expect_response(200)


def test_credentials_of_ours_go_nowhere_else() -> None:
    """Neither to the PBX nor to a caller, whatever they ask."""
    node = Node(carrier())
    node.carrier.invite()
    invite = node.pbx.expect_request("INVITE")
    ask(node.pbx, invite)
    assert [one for one in node.sent if b"uthorization" in one.data] == []
    node.carrier.expect_response(100)
    node.carrier.expect_response(403)


def test_a_call_in_progress_ends_as_any_other() -> None:
    node = Node(carrier())
    node.pbx.invite()
    ask(node.carrier, node.carrier.expect_request("INVITE"))
    node.carrier.expect_request("ACK")
    node.pbx.expect_response(100)
    answer(node, node.pbx, node.carrier, node.carrier.expect_request("INVITE"))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_an_undeliverable_register_is_a_failure_like_any_other() -> None:
    node = registering()
    node.carrier.expect_request("REGISTER")
    node.act(node.engine.send_failed(Flow(OUTSIDE, "UDP", CARRIER, 5060), node.now))
    assert state(node) == "failed"
