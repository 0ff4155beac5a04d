"""Digest across the edge: a challenge of the far side, and the credentials that answer it (RFC 3261 section 22)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config
from sbc.sip import Request, Response, parse_authentication
from tests.engine.test_outside import register
from tests.kit.flows import answer, assert_no_leak, hang_up, ring, talk
from tests.kit.node import OUTSIDE, Node, config
from tests.kit.peer import Peer, sdp

NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
CHALLENGE = (
    f'Digest realm="example.net", nonce="{NONCE}", opaque="pbx-secret-state", qop="auth,auth-int", algorithm=MD5'
)


def passing(*realms: str, trunk: str = "pbx") -> Config:
    """The kit's configuration with digest realms that may be shown."""
    made = config()
    return replace(made, trunks=made.trunks | {trunk: replace(made.trunks[trunk], challenges=realms)})


def credentials(challenge: str, uri: str = "sip:sbc.example.net") -> str:
    """What a phone answers, with the opaque it was shown."""
    found = parse_authentication(challenge)
    return (
        f'Digest username="alice", realm="{found.get("realm")}", nonce="{found.get("nonce")}", uri="{uri}", '
        f'response="6629fae49393a05397450978507c4ef1", opaque="{found.get("opaque")}", algorithm=MD5, '
        f'cnonce="0a4f113b", qop=auth, nc=00000001'
    )


def challenged(node: Node, phone: Peer, text: str = CHALLENGE, status: int = 401) -> Response:
    """A REGISTER that the registrar challenges; what the phone hears."""
    register(phone)
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    node.pbx.reply(node.pbx.expect_request("REGISTER"), status, extra=f"{name}: {text}\n")
    response = phone.take()
    assert isinstance(response, Response)
    return response


def test_challenge_does_not_cross_unless_its_realm_is_named() -> None:
    """Default: the digest realm of the far side must not show (leak checklist 4.3)."""
    for settings in (config(), passing("other.example"), passing("example.net", trunk="carrier")):
        node = Node(settings)
        response = challenged(node, node.peer("alice", "203.0.113.66", OUTSIDE))
        assert response.status == 403
        assert response.get("WWW-Authenticate") is None


@pytest.mark.parametrize("status", [401, 407])
def test_register_with_digest_goes_through_us(status: int) -> None:
    """RFC 7616: realm and nonce cross as they are, for they are hashed; opaque is ours and comes back as theirs."""
    node = Node(passing("example.net"))
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    response = challenged(node, phone, status=status)
    assert response.status == status
    shown = parse_authentication(response.require("WWW-Authenticate" if status == 401 else "Proxy-Authenticate"))
    assert (shown.get("realm"), shown.get("nonce"), shown.get("qop")) == ("example.net", NONCE, "auth")
    assert shown.get("opaque") not in ("", "pbx-secret-state")
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    register(phone, extra=f"{name}: {credentials(str(shown))}\n")
    request = node.pbx.expect_request("REGISTER")
    sent = parse_authentication(request.require(name))
    assert sent.get("opaque") == "pbx-secret-state"
    assert (sent.get("uri"), sent.get("nc"), sent.get("response")) == (
        "sip:sbc.example.net",
        "00000001",
        "6629fae49393a05397450978507c4ef1",
    )
    node.pbx.reply(request, 200, extra='Authentication-Info: nextnonce="abcdef0123", qop=auth, rspauth="00ff"\n')
    assert phone.expect_response(200).get("Authentication-Info") == 'nextnonce="abcdef0123", rspauth="00ff", qop=auth'
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize(
    "text",
    [
        'Digest realm="pbx.corp.local", nonce="abc"',
        'Digest realm="10.20.0.5", nonce="abc"',
        'Digest realm="example.net", nonce="1700000000:10.20.0.5:x"',
        'Digest realm="example.net", nonce="MTcwMDAwMDAwMDoxMC4yMC4wLjU6eA=="',
        'Digest realm="example.net", nonce="abc", qop="auth-int"',
        'Digest realm="example.net", nonce="abc", algorithm=ROT13',
        'Digest realm="example.net", nonce="abc", realm="again"',
        'Bearer authz_server="https://10.20.0.5/"',
        'Basic realm="example.net"',
    ],
)
def test_challenge_that_would_show_or_cannot_work_does_not_cross(text: str) -> None:
    """Inner names as realm, addresses in nonces, in clear or in base64, quality of protection over a body we change."""
    node = Node(passing("example.net"))
    assert challenged(node, node.peer("alice", "203.0.113.66", OUTSIDE), text).status == 403
    assert_no_leak(node)


def test_inner_name_crosses_where_the_operator_names_it() -> None:
    """The audit knows what was named on purpose, in these headers only."""
    node = Node(passing("pbx.corp.local"))
    text = 'Digest realm="pbx.corp.local", nonce="abc", domain="sip:10.20.0.5", stale=TRUE'
    response = challenged(node, node.peer("alice", "203.0.113.66", OUTSIDE), text)
    assert response.require("WWW-Authenticate") == 'Digest realm="pbx.corp.local", nonce="abc", stale=true'
    node.assert_clean()


def test_challenged_call_is_answered_on_the_second_invite_and_its_ack_bears_the_credentials() -> None:
    """RFC 3261 section 22.3 and 13.2.2.4: the ACK has the credentials of its INVITE."""
    node = Node(passing("example.net"))
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.pbx.reply(node.pbx.expect_request("INVITE"), 407, extra=f"Proxy-Authenticate: {CHALLENGE}\n")
    node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(407)
    node.carrier.ack_failure(response)
    shown = response.require("Proxy-Authenticate")
    header = f"Proxy-Authorization: {credentials(shown, 'sip:+493012345@sbc.example.net')}\n"
    node.carrier.remote = ""
    node.carrier.invite(extra=header)
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    assert 'opaque="pbx-secret-state"' in invite.require("Proxy-Authorization")
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    ack = node.pbx.expect_request("ACK")
    assert ack.get("Proxy-Authorization") == invite.get("Proxy-Authorization")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)


def test_credentials_go_to_who_challenged_and_to_nobody_else() -> None:
    """Digest leak: what a user sends for one realm is not shown to another trunk, nor in a BYE."""
    node = Node(passing("example.net"))
    header = f"Authorization: {credentials(CHALLENGE)}\n"
    node.carrier.invite(extra=header.replace('realm="example.net"', 'realm="elsewhere.example"'))
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    assert invite.get("Authorization") is None
    node.pbx.reply(invite, 180)
    node.carrier.expect_response(180)
    answer(node, node.carrier, node.pbx, invite)
    node.carrier.request("BYE", extra=header)
    node.carrier.expect_response(200)
    assert node.pbx.expect_request("BYE").get("Authorization") is None


def test_challenge_of_our_bye_reaches_nobody() -> None:
    """SIP digest leak: a callee that challenges the BYE gets no credentials, and the caller no challenge."""
    node = Node(passing("example.net"))
    talk(node, node.carrier, node.pbx)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 407, extra=f"Proxy-Authenticate: {CHALLENGE}\n")
    assert node.carrier.idle()
    node.assert_clean()


def test_digest_uri_of_the_inside_is_not_shown_outside() -> None:
    """The uri is hashed too: where it names an inner host the credentials stay inside."""
    node = Node(passing("carrier.example", trunk="carrier"))
    text = CHALLENGE.replace("example.net", "carrier.example")
    node.pbx.target = "sip:+4930@pbx.corp.local"
    node.pbx.request("MESSAGE", b"hello", content_type="text/plain")
    node.carrier.reply(node.carrier.expect_request("MESSAGE"), 401, extra=f"WWW-Authenticate: {text}\n")
    shown = node.pbx.expect_response(401).require("WWW-Authenticate")
    for uri, crosses in (("sip:+4930@10.20.0.1", False), ("sip:+4930@carrier.example", True)):
        header = f"Authorization: {credentials(shown, uri)}\n"
        node.pbx.request("MESSAGE", b"hello", extra=header, content_type="text/plain")
        message = node.carrier.expect_request("MESSAGE")
        assert isinstance(message, Request)
        assert (message.get("Authorization") is not None) is crosses
        node.carrier.reply(message, 200)
        node.pbx.expect_response(200)
    assert_no_leak(node)


def test_challenged_re_invite_and_info_reach_the_one_who_asked() -> None:
    """RFC 3261 section 22: requests inside a dialog may be challenged too; the call goes on."""
    node = Node(passing("example.net"))
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, 4002, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 407, extra=f"Proxy-Authenticate: {CHALLENGE}\n")
    node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(407)
    assert NONCE in response.require("Proxy-Authenticate")
    node.carrier.ack_failure(response)
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.pbx.reply(node.pbx.expect_request("INFO"), 401, extra=f"WWW-Authenticate: {CHALLENGE}\n")
    assert NONCE in node.carrier.expect_response(401).require("WWW-Authenticate")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_credentials_follow_a_dialog_no_further_than_to_who_has_challenged() -> None:
    """RFC 7616 section 5.8: whoever the trunk's dialog leads to could use them against the trunk."""
    node = Node(passing("example.net", trunk="carrier"))
    gateway = node.peer("gateway", "203.0.113.66", OUTSIDE)
    node.carrier.claims = "<sip:gateway@203.0.113.66>"
    node.carrier.reply(ring(node, node.pbx, node.carrier), 200, sdp(node.carrier.host))
    gateway.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    header = f"Authorization: {credentials(CHALLENGE, 'sip:+493012345@sbc.example.net')}\n"
    node.pbx.request("INVITE", sdp(node.pbx.host, version=2), extra=header)
    assert gateway.expect_request("INVITE").get("Authorization") is None


def test_withheld_challenges_are_counted_by_reason() -> None:
    """Design 3a: every drop has a name."""
    node = Node(passing("example.net"))
    challenged(node, node.peer("alice", "203.0.113.66", OUTSIDE), 'Digest realm="inner", nonce="abc"')
    counters = node.engine.status(node.now)["counters"]
    assert isinstance(counters, dict)
    assert counters["challenge.realm"] == 1
