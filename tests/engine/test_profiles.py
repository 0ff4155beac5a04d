"""Interop profiles: each position of each switch, by what the peer then sees. A position without a case fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import SWITCHES, Profile
from sbc.sip import Request, Response
from tests.config.test_load import BASE, load, node
from tests.engine import test_profiles_identity as identity
from tests.kit.flows import assert_no_leak, hang_up, ring, talk
from tests.kit.node import CARRIER, INSIDE, MEDIA_IN, MEDIA_OUT, PBX, Node, config
from tests.kit.peer import sdp
from tests.kit.profiles import CASES, called, case, node_with


def rung(node: Node, invite: Request, status: int, body: bytes = b"", tag: str = "") -> Response | None:
    """What the carrier hears of a provisional response, None for nothing."""
    node.pbx.reply(invite, status, body, tag=tag)
    message = None if node.carrier.idle() else node.carrier.take()
    assert message is None or isinstance(message, Response)
    return message


def check_answered(node: Node, invite: Request) -> Response:
    """The call comes up with a session, whatever was shown before."""
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(200)
    assert response.body
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
    return response


# REFER: who transfers is tests/engine's; here, that the choice arrives where it is looked up.


def check_refer_arrives(value: str, expected: str) -> None:
    made = node_with("pbx", refer=value).config
    trunk = replace(made.trunks["pbx"], refer=Profile(refer=value).refer)
    assert replace(made, trunks={**made.trunks, "pbx": trunk}).refer_of("inside", "pbx") == expected


@case("refer", "")
def check_refer_unset() -> None:
    check_refer_arrives("", "terminate")


@case("refer", "terminate")
def check_refer_terminate() -> None:
    check_refer_arrives("terminate", "terminate")


@case("refer", "bridge")
def check_refer_bridge() -> None:
    check_refer_arrives("bridge", "bridge")


@case("refer", "refuse")
def check_refer_refuse() -> None:
    check_refer_arrives("refuse", "refuse")


# Replaces.


def check_replaces(value: str, status: int, extra: str = "") -> Response:
    """A second line of the PBX wants to take the first one's place."""
    node = node_with("pbx", replaces=value)
    talk(node, node.carrier, node.pbx)
    line2 = node.peer("linetwo", PBX, INSIDE, 5070)
    named = f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n"
    line2.invite(extra=named + extra)
    response = line2.expect_response(status)
    shown = [wire for wire in node.pbx.wires if b"\r\nSupported: " in wire]
    assert all((b"replaces" in wire) is (value == "accept") for wire in shown)
    return response


@case("replaces", "accept")
def check_replaces_accepted() -> None:
    check_replaces("accept", 100)


@case("replaces", "refuse")
def check_replaces_refused() -> None:
    check_replaces("refuse", 403)
    assert check_replaces("refuse", 420, "Require: replaces\n").get("Unsupported") == "replaces"


# 3xx: likewise.


def check_redirect_arrives(value: str, expected: str, key: str = "") -> None:
    made = load(node(f'{BASE}profile = "x"\n{key}[profile.x]\nredirect = "{value}"\n'))
    assert made.trunks["carrier"].redirect.mode == expected


@case("redirect", "")
def check_redirect_unset() -> None:
    check_redirect_arrives("", "refuse")


@case("redirect", "refuse")
def check_redirect_refuse() -> None:
    check_redirect_arrives("refuse", "refuse")


@case("redirect", "follow")
def check_redirect_follow() -> None:
    check_redirect_arrives("follow", "follow")


@case("redirect", "pass")
def check_redirect_pass() -> None:
    check_redirect_arrives("pass", "pass")
    check_redirect_arrives("pass", "follow", 'redirect = { mode = "follow" }\n')


# Session timers


@case("session_timer", "offer")
def check_session_timer_offer() -> None:
    invite = called(node_with("pbx", session_timer="offer"))
    assert "timer" in invite.tokens("Supported")
    assert invite.get("Session-Expires") == "1800"


@case("session_timer", "accept")
def check_session_timer_accept() -> None:
    invite = called(node_with("pbx", session_timer="accept"))
    assert "timer" in invite.tokens("Supported")
    assert invite.get("Session-Expires") is None
    node = node_with("carrier", session_timer="accept")
    invite = called(node, "Supported: timer\n")
    assert check_answered(node, invite).get("Session-Expires") is None
    node = node_with("carrier", session_timer="accept")
    invite = called(node, "Supported: timer\nSession-Expires: 600\n")
    assert check_answered(node, invite).get("Session-Expires") == "600;refresher=uac"


@case("session_timer", "off")
def check_session_timer_off() -> None:
    node = node_with("pbx", session_timer="off")
    invite = called(node)
    assert "timer" not in invite.tokens("Supported")
    assert invite.get("Session-Expires") is None
    node = node_with("carrier", session_timer="off")
    answer = check_answered(node, called(node, "Supported: timer\nSession-Expires: 600\n"))
    assert answer.get("Session-Expires") is None
    assert "timer" not in answer.tokens("Supported")
    node = node_with("carrier", session_timer="off")
    answer = check_answered(node, called(node, "Require: timer\nSession-Expires: 600;refresher=uac\n"))
    assert answer.get("Session-Expires") == "600;refresher=uac"


# Reliable provisional responses


@case("reliable", "offer")
def check_reliable_offer() -> None:
    invite = called(node_with("pbx", reliable="offer"))
    assert "100rel" in invite.tokens("Supported")
    node = node_with("carrier", reliable="offer")
    heard = rung(node, called(node, "Supported: 100rel\n"), 183, sdp(PBX))
    assert heard is not None
    assert heard.tokens("Require") == ["100rel"]


@case("reliable", "require")
def check_reliable_require() -> None:
    node = node_with("pbx", reliable="require")
    invite = called(node)
    assert invite.tokens("Require") == ["100rel"]
    assert called(node_with("carrier", reliable="require")).tokens("Require") == []


@case("reliable", "off")
def check_reliable_off() -> None:
    node = node_with("pbx", reliable="off")
    assert "100rel" not in called(node).tokens("Supported")
    node = node_with("carrier", reliable="off")
    invite = called(node, "Supported: 100rel\n")
    heard = rung(node, invite, 183, sdp(PBX))
    assert heard is not None
    assert heard.tokens("Require") == []
    check_answered(node, invite)
    node = node_with("carrier", reliable="off")
    heard = rung(node, called(node, "Require: 100rel\n"), 183, sdp(PBX))
    assert heard is not None
    assert heard.tokens("Require") == ["100rel"]


# UPDATE


def asked_by(value: str) -> tuple[str, list[str]]:
    """The method by which a PBX that knows UPDATE hears of a carrier's UPDATE, and the Allow it was shown."""
    node = node_with("pbx", update=value)
    invite = called(node)
    node.pbx.reply(invite, 200, sdp(PBX), extra="Allow: INVITE, UPDATE\n")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.carrier.request("UPDATE", sdp(CARRIER, 4002, version=2))
    message = node.pbx.take()
    assert isinstance(message, Request)
    return message.method, invite.tokens("Allow")


@case("update", "allow")
def check_update_allow() -> None:
    method, allowed = asked_by("allow")
    assert method == "UPDATE"
    assert "UPDATE" in allowed


@case("update", "never")
def check_update_never() -> None:
    method, allowed = asked_by("never")
    assert method == "INVITE"
    assert "UPDATE" not in allowed


# Delayed offers


@case("delayed_offer", "pass")
def check_delayed_offer_pass() -> None:
    assert called(node_with("pbx", delayed_offer="pass"), body=b"").body == b""


@case("delayed_offer", "insert")
def check_delayed_offer_insert() -> None:
    """The callee answers ours, the caller sees an offer in its 2xx, and its answer reaches the engine only."""
    node = node_with("pbx", mode="anchor", delayed_offer="insert")
    invite = called(node, body=b"")
    assert f"c=IN IP4 {MEDIA_IN}".encode() in invite.body
    assert b" RTP/AVP 8 0 101\r\n" in invite.body
    heard = rung(node, invite, 183, sdp(PBX))
    assert heard is not None
    assert heard.body == b""
    node.pbx.reply(invite, 200, sdp(PBX))
    assert node.pbx.expect_request("ACK").body == b""
    offer = node.carrier.expect_response(200).body
    assert f"c=IN IP4 {MEDIA_OUT}".encode() in offer
    node.carrier.ack(sdp(CARRIER))
    assert node.pbx.idle()
    node.carrier.request("INVITE", sdp(CARRIER, 4002, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.pbx, node.carrier)
    assert_no_leak(node)
    node.assert_clean()
    assert called(node_with("pbx", mode="bypass", delayed_offer="insert"), body=b"").body == b""


def test_a_caller_who_does_not_answer_the_offer_made_for_it_is_hung_up_on() -> None:
    node = node_with("pbx", mode="anchor", delayed_offer="insert")
    invite = called(node, body=b"")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.assert_clean()


# Early media


@case("early_media", "pass")
def check_early_media_pass() -> None:
    node = node_with("carrier", early_media="pass")
    invite = called(node)
    heard = rung(node, invite, 183, sdp(PBX))
    assert heard is not None
    assert (heard.status, bool(heard.body)) == (183, True)
    check_answered(node, invite)


@case("early_media", "ringing")
def check_early_media_ringing() -> None:
    node = node_with("carrier", early_media="ringing")
    invite = called(node)
    heard = rung(node, invite, 183, sdp(PBX))
    assert heard is not None
    assert (heard.status, bool(heard.body)) == (180, False)
    check_answered(node, invite)


@case("early_media", "ignore")
def check_early_media_ignore() -> None:
    node = node_with("carrier", early_media="ignore")
    invite = called(node)
    assert rung(node, invite, 183, sdp(PBX)) is None
    heard = rung(node, invite, 180)
    assert heard is not None
    assert heard.status == 180
    check_answered(node, invite)


def heard_of_many(value: str) -> list[tuple[int, bool]]:
    """What a carrier hears of 180, 180, 183 with a session and 183 with another."""
    node = node_with("carrier", provisionals=value)
    invite = called(node)
    heard = [
        rung(node, invite, 180),
        rung(node, invite, 182),
        rung(node, invite, 183, sdp(PBX)),
        rung(node, invite, 180, sdp(PBX, 4004, version=2)),
        rung(node, invite, 181),
    ]
    check_answered(node, invite)
    return [(one.status, bool(one.body)) for one in heard if one is not None]


@case("provisionals", "all")
def check_provisionals_all() -> None:
    assert heard_of_many("all") == [(180, False), (182, False), (183, True), (180, True), (181, False)]


@case("provisionals", "first")
def check_provisionals_first() -> None:
    assert heard_of_many("first") == [(180, False), (183, True)]


def tags_of_forks(value: str) -> tuple[set[str], str]:
    """The To tags under which a carrier hears of two forks, and the one of the answer by the second."""
    node = node_with("carrier", early_dialogs=value)
    invite = called(node)
    tags = {one.to_tag for one in (rung(node, invite, 180, tag="f1"), rung(node, invite, 180, tag="f2")) if one}
    node.pbx.reply(invite, 200, sdp(PBX), tag="f2")
    node.pbx.expect_request("ACK")
    answer = node.carrier.expect_response(200)
    node.carrier.ack()
    node.pbx.tag = "f2"
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
    return tags, answer.to_tag


@case("early_dialogs", "each")
def check_early_dialogs_each() -> None:
    tags, answered = tags_of_forks("each")
    assert len(tags) == 2
    assert answered in tags


@case("early_dialogs", "one")
def check_early_dialogs_one() -> None:
    tags, answered = tags_of_forks("one")
    assert tags == {answered}


# Session descriptions


def held_as(value: str, held: bytes) -> list[bytes]:
    """Direction and connection lines that a PBX sees where the carrier holds with the offer `held`."""
    node = node_with("pbx", hold=value)
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", held)
    body = node.pbx.expect_request("INVITE").body
    lines = body[body.index(b"m=") :].split(b"\r\n")
    return [line for line in lines if line.startswith((b"c=", b"a=send", b"a=recv", b"a=inact"))]


NEW = sdp(CARRIER, direction="sendonly", version=2)
OLD = sdp("0.0.0.0", version=2)


@case("hold", "pass")
def check_hold_pass() -> None:
    assert held_as("pass", NEW) == [b"a=sendonly"]
    assert held_as("pass", OLD) == []


@case("hold", "sendonly")
def check_hold_sendonly() -> None:
    assert held_as("sendonly", NEW) == [b"a=sendonly"]
    assert held_as("sendonly", OLD) == [b"a=sendonly"]
    assert held_as("sendonly", sdp(CARRIER, direction="inactive", version=2)) == [b"a=inactive"]
    assert held_as("sendonly", sdp(CARRIER, direction="sendrecv", version=2)) == [b"a=sendrecv"]


@case("hold", "inactive")
def check_hold_inactive() -> None:
    assert held_as("inactive", NEW) == [b"a=inactive"]
    assert held_as("inactive", OLD) == [b"a=inactive"]
    assert held_as("inactive", sdp(CARRIER, direction="recvonly", version=2)) == [b"a=recvonly"]


@case("hold", "zero")
def check_hold_zero() -> None:
    assert held_as("zero", NEW) == [b"c=IN IP4 0.0.0.0", b"a=inactive"]
    assert held_as("zero", sdp(CARRIER, port=4002, version=2)) == []


def keys_pressed(value: str) -> tuple[bool, bool]:
    """Whether a PBX is offered telephone events, and whether it gets INFO with a digit."""
    node = node_with("pbx", dtmf=value)
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.carrier.request("INFO", b"Signal=1\r\n", content_type="application/dtmf-relay")
    if node.pbx.idle():
        refused = node.carrier.expect_response(415)
        assert "application/dtmf" not in refused.require("Accept")
        return b"telephone-event" in invite.body, False
    node.pbx.reply(node.pbx.expect_request("INFO"), 200)
    node.carrier.expect_response(200)
    return b"telephone-event" in invite.body, True


@case("dtmf", "any")
def check_dtmf_any() -> None:
    assert keys_pressed("any") == (True, True)


@case("dtmf", "events")
def check_dtmf_events() -> None:
    assert keys_pressed("events") == (True, False)


@case("dtmf", "info")
def check_dtmf_info() -> None:
    assert keys_pressed("info") == (False, True)
    body = called(node_with("pbx", dtmf="info")).body
    assert b"m=audio 4000 RTP/AVP 8\r\n" in body
    assert b"101" not in body


FAX = b"m=image 4010 udptl t38\r\na=T38FaxVersion:0\r\n"
ONLY_FAX = sdp(CARRIER, version=2).partition(b"m=")[0] + FAX


@case("fax", "pass")
def check_fax_pass() -> None:
    node = node_with("pbx", fax="pass")
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", ONLY_FAX)
    assert b"m=image 4010 udptl t38" in node.pbx.expect_request("INVITE").body


@case("fax", "refuse")
def check_fax_refuse() -> None:
    node = node_with("pbx", fax="refuse")
    assert b"m=image 0 udptl t38" in called(node, body=sdp(CARRIER) + FAX).body
    node = node_with("pbx", fax="refuse")
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", ONLY_FAX)
    node.carrier.ack_failure(node.carrier.expect_response(488))
    assert node.pbx.idle()
    node.pbx.request("INVITE", ONLY_FAX.replace(CARRIER.encode(), PBX.encode()))
    offer = node.carrier.expect_request("INVITE")
    node.carrier.reply(offer, 200, ONLY_FAX)
    node.carrier.expect_request("ACK")
    assert b"m=image 4010" in node.pbx.expect_response(200).body


def test_a_realm_speaks_for_trunks_without_a_profile_and_for_strangers() -> None:
    made = config()
    realm = replace(made.realms["inside"], profile=Profile("r", hold="zero"))
    made = replace(made, realms={**made.realms, "inside": realm})
    assert made.profile_of(realm, "pbx").name == "r"
    assert made.profile_of(realm, "").name == "r"
    trunk = replace(made.trunks["pbx"], profile=Profile("t"))
    assert replace(made, trunks={"pbx": trunk}).profile_of(realm, "pbx").name == "t"


@pytest.mark.parametrize(("switch", "value"), sorted(CASES))
def test_a_position_shows_on_the_wire(switch: str, value: str) -> None:
    assert_shown = CASES[(switch, value)]
    assert_shown()


def test_every_position_of_every_switch_has_a_case() -> None:
    assert identity.__doc__  # its cases are filed by its import
    positions = {(switch.name, value) for switch in SWITCHES for value, _ in switch.choices}
    assert positions == set(CASES)
