"""Subscriptions through the node: each arrow of the machine, both directions (RFC 6665)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.outputs import Leaked
from sbc.sip import Request, Response
from tests.kit.flows import answer, assert_no_leak, ring
from tests.kit.node import OUTSIDE, STRANGER, Node, config
from tests.kit.peer import Peer

SUMMARY = b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.corp.local\r\nVoice-Message: 2/1\r\n"
MWI = "application/simple-message-summary"


def subscribe(peer: Peer, event: str = "message-summary", expires: int = 600, extra: str = "") -> Request:
    """A SUBSCRIBE for alice, in the dialog where there is one."""
    if not peer.remote_tag:
        peer.remote = "<sip:alice@sbc.example.net>"
        peer.target = "sip:alice@sbc.example.net"
    lines = f"Event: {event}\nExpires: {expires}\n" if event else f"Expires: {expires}\n"
    return peer.request("SUBSCRIBE", extra=lines + extra)


def notify(
    peer: Peer,
    request: Request,
    state: str = "active;expires=600",
    body: bytes = b"",
    *,
    tag: str = "",
    event: str = "message-summary",
    kind: str = MWI,
) -> None:
    """A NOTIFY of whoever got this SUBSCRIBE."""
    peer.cseq += 1
    content = f"Content-Type: {kind}\n" if body else ""
    peer.send(
        f"NOTIFY {request.contacts[0].uri} SIP/2.0\n"
        f"Via: SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bK{peer.name}n{peer.cseq};rport\nMax-Forwards: 70\n"
        f"From: {request.require('To').partition(';tag=')[0]};tag={tag or peer.tag}\nTo: {request.require('From')}\n"
        f"Call-ID: {request.call_id}\nCSeq: {peer.cseq} NOTIFY\nContact: <sip:alice@{peer.host}:{peer.port}>\n"
        f"Event: {event}\nSubscription-State: {state}\nUser-Agent: {peer.name}-agent/9\n{content}".strip(),
        body,
    )


def accept(node: Node, expires: int = 600, *, tag: str = "") -> Request:
    """The PBX accepts the SUBSCRIBE it has; the carrier hears of it and may go on in the dialog."""
    request = node.pbx.expect_request("SUBSCRIBE")
    node.pbx.reply(request, 200, extra=f"Expires: {expires}\n", tag=tag)
    response = node.carrier.expect_response(200)
    node.carrier.remote_tag = response.to_tag
    node.carrier.target = str(response.contacts[0].uri)
    return request


def heard(node: Node, peer: Peer, status: int = 200) -> Request:
    """The NOTIFY a peer has got, which it answers; its notifier hears the same."""
    request = peer.expect_request("NOTIFY")
    peer.reply(request, status)
    return request


def assert_over(node: Node) -> None:
    """Nothing of any subscription is left."""
    assert_no_leak(node)
    assert node.events_of(Leaked) == []
    assert len(node.engine.egress.subscriptions) == 0
    assert len(node.engine.egress.dialogs) == 0
    node.advance(200)
    assert len(node.engine.egress.transactions) == 0


def test_subscription_from_the_first_word_to_the_last() -> None:
    """RFC 6665 section 4: SUBSCRIBE, 200, NOTIFY, refresh, NOTIFY, end; each side with a dialog of its own."""
    node = Node()
    asked = subscribe(node.carrier, extra="Accept: application/simple-message-summary\n")
    request = accept(node)
    assert (request.get("Event"), request.get("Expires"), request.get("Accept")) == ("message-summary", "600", MWI)
    assert request.call_id != asked.call_id
    assert request.contacts[0].uri.host == "10.20.0.1"
    notify(node.pbx, request, body=SUMMARY)
    first = heard(node, node.carrier)
    assert first.body == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@sbc.example.net\r\nVoice-Message: 2/1\r\n"
    )
    assert first.require("Subscription-State") == "active;expires=600"
    assert first.require("Event") == "message-summary"
    assert (first.from_tag, first.to_tag) == (node.carrier.remote_tag, node.carrier.tag)
    node.pbx.expect_response(200)

    subscribe(node.carrier, expires=300)
    again = node.pbx.expect_request("SUBSCRIBE")
    assert again.to_tag == node.pbx.tag
    assert again.cseq.number == request.cseq.number + 1
    node.pbx.reply(again, 200, extra="Expires: 300\n")
    assert node.carrier.expect_response(200).get("Expires") == "300"

    subscribe(node.carrier, expires=0)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), 200, extra="Expires: 0\n")
    node.carrier.expect_response(200)
    notify(node.pbx, request, "terminated;reason=timeout")
    assert heard(node, node.carrier).require("Subscription-State") == "terminated;reason=timeout"
    node.pbx.expect_response(200)
    assert_over(node)


def test_notify_may_come_before_the_answer() -> None:
    """RFC 6665 section 4.4.1: the NOTIFY makes the dialog, whichever comes first."""
    node = Node()
    subscribe(node.carrier)
    request = node.pbx.expect_request("SUBSCRIBE")
    notify(node.pbx, request, "pending;expires=600")
    first = heard(node, node.carrier)
    assert first.require("Subscription-State") == "pending;expires=600"
    node.pbx.expect_response(200)
    node.pbx.reply(request, 202, extra="Expires: 600\n")
    response = node.carrier.expect_response(200)
    assert response.to_tag == first.from_tag
    notify(node.pbx, request, "terminated;reason=rejected")
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    assert_over(node)


def test_poll_that_is_over_before_its_answer_comes() -> None:
    """RFC 6665 section 4.4.3: Expires 0 asks for one NOTIFY."""
    node = Node()
    subscribe(node.carrier, expires=0)
    request = node.pbx.expect_request("SUBSCRIBE")
    notify(node.pbx, request, "terminated;reason=timeout", SUMMARY)
    assert heard(node, node.carrier).body
    node.pbx.expect_response(200)
    node.pbx.reply(request, 200, extra="Expires: 0\n")
    node.carrier.expect_response(200)
    node.advance(70)
    assert node.carrier.idle()
    assert_over(node)


def test_forked_subscription_has_a_dialog_for_each_notifier() -> None:
    """RFC 6665 section 4.4.1: further notifiers are told apart by tags of ours on the subscriber's side."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node, tag="fork-one-secret")
    tags = []
    for tag in ("fork-one-secret", "fork-two-secret", "fork-three-secret"):
        notify(node.pbx, request, tag=tag)
        tags.append(heard(node, node.carrier).from_tag)
        node.pbx.expect_response(200)
    assert len(set(tags)) == 3
    assert tags[0] == node.carrier.remote_tag
    node.carrier.remote_tag = tags[1]
    subscribe(node.carrier, expires=0)
    again = node.pbx.expect_request("SUBSCRIBE")
    assert again.to_tag == "fork-two-secret"
    node.pbx.reply(again, 200, extra="Expires: 0\n")
    node.carrier.expect_response(200)
    for tag in ("fork-one-secret", "fork-two-secret", "fork-three-secret"):
        notify(node.pbx, request, "terminated;reason=noresource", tag=tag)
        heard(node, node.carrier)
        node.pbx.expect_response(200)
    assert_over(node)


def test_first_word_of_a_notifier_is_not_taken_from_a_stranger() -> None:
    """Its Contact would make the dialog; who has seen the SUBSCRIBE knows the rest (ADR 8)."""
    node = Node()
    thief = node.peer("thief", STRANGER, OUTSIDE)
    node.pbx.remote = "<sip:alice@sbc.example.net>"
    node.pbx.target = "sip:alice@sbc.example.net"
    node.pbx.request("SUBSCRIBE", extra="Event: message-summary\nExpires: 600\n")
    request = node.carrier.expect_request("SUBSCRIBE")
    notify(thief, request)
    thief.expect_response(481)
    notify(node.carrier, request)
    assert node.pbx.expect_request("NOTIFY").to_tag == node.pbx.tag


def test_fork_that_comes_after_timer_n_is_refused() -> None:
    """RFC 6665 section 4.1.2.4: 64*T1 after the SUBSCRIBE no new dialog is made."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node)
    notify(node.pbx, request)
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    node.advance(33)
    notify(node.pbx, request, tag="late-fork")
    node.pbx.expect_response(481)
    assert node.carrier.idle()


def test_without_a_notify_within_timer_n_the_subscriber_is_told() -> None:
    """RFC 6665 section 4.1.2.4 on our side toward the notifier, 4.2.1.2 toward the subscriber."""
    node = Node()
    subscribe(node.carrier)
    accept(node)
    node.advance(31)
    assert node.carrier.idle()
    node.advance(2)
    assert heard(node, node.carrier).require("Subscription-State") == "terminated;reason=timeout"
    node.advance(40)
    assert_over(node)


def test_expired_subscription_is_ended_where_the_notifier_says_nothing() -> None:
    """RFC 6665 section 4.2.2: the subscriber is told once the time is up, and some."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node, expires=100)
    notify(node.pbx, request, "active;expires=100")
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    node.advance(131)
    assert node.carrier.idle()
    node.advance(2)
    assert heard(node, node.carrier).require("Subscription-State") == "terminated;reason=timeout"
    node.advance(40)
    assert_over(node)


def test_expiry_is_bounded_by_us_in_every_place() -> None:
    """`node.timers.subscription`: in SUBSCRIBE, its answer and NOTIFY."""
    settings = config()
    node = Node(replace(settings, timers=replace(settings.timers, subscription=120)))
    subscribe(node.carrier, expires=99999)
    request = node.pbx.expect_request("SUBSCRIBE")
    assert request.get("Expires") == "120"
    node.pbx.reply(request, 200, extra="Expires: 7200\n")
    response = node.carrier.expect_response(200)
    assert response.get("Expires") == "120"
    notify(node.pbx, request, "active;expires=7200")
    assert heard(node, node.carrier).require("Subscription-State") == "active;expires=120"


@pytest.mark.parametrize("status", [403, 404, 481, 489, 503])
def test_refused_subscription_leaves_nothing(status: int) -> None:
    """RFC 6665 section 4.1.2.1."""
    node = Node()
    subscribe(node.carrier)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), status)
    node.carrier.expect_response(status)
    assert_over(node)


def test_interval_too_brief_crosses_with_its_minimum() -> None:
    """RFC 6665 section 4.2.1.1: 423 and Min-Expires."""
    node = Node()
    subscribe(node.carrier, expires=10)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), 423, extra="Min-Expires: 60 \n")
    assert node.carrier.expect_response(423).get("Min-Expires") == "60"
    assert_over(node)


def test_silent_notifier_gives_504_and_nothing_is_left() -> None:
    """RFC 4320: never 408 to a non-INVITE."""
    node = Node()
    node.peers.pop((node.pbx.host, 5060))
    subscribe(node.carrier)
    node.advance(29)
    node.carrier.expect_response(504)
    node.advance(10)
    assert_over(node)


ENDS = [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]
LEAVES = [302, 400, 401, 403, 406, 407, 408, 412, 413, 415, 420, 421, 423, 429, 486, 487, 488, 491, 493]
LEAVES += [500, 503, 504, 505, 513, 580, 600, 603, 606]
SHOWN = {302: 480, 401: 403, 407: 403, 408: 504}
"""What does not cross as it came: redirects, challenges of nobody that may ask, and RFC 4320."""


@pytest.mark.parametrize(("status", "is_over"), [(one, True) for one in ENDS] + [(one, False) for one in LEAVES])
def test_refused_refresh_ends_the_subscription_where_the_rfc_says_so(status: int, is_over: bool) -> None:
    """RFC 6665 section 4.1.2.2: 404, 405, 410, 416, 480 to 485, 489, 501, 604; others leave it until it expires."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node)
    notify(node.pbx, request)
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    subscribe(node.carrier)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), status)
    node.carrier.expect_response(SHOWN.get(status, status))
    assert (len(node.engine.egress.subscriptions) == 0) is is_over
    notify(node.pbx, request)
    if is_over:
        node.pbx.expect_response(481)
    else:
        heard(node, node.carrier)
        node.pbx.expect_response(200)


@pytest.mark.parametrize("status", [*ENDS, 0])
def test_subscriber_that_is_gone_ends_the_subscription_at_the_notifier(status: int) -> None:
    """RFC 6665 section 4.2.2: a NOTIFY answered 481, or not at all, removes the subscription."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node)
    if not status:
        node.peers.pop((node.carrier.host, 5060))
    notify(node.pbx, request)
    if status:
        heard(node, node.carrier, status)
        node.pbx.expect_response(status)
    else:
        node.advance(29)
        node.pbx.expect_response(504)
        node.advance(5)
    assert len(node.engine.egress.subscriptions) == 0
    notify(node.pbx, request)
    node.pbx.expect_response(481)


@pytest.mark.parametrize("event", ["", "kpml", "refer", "presence.winfo"])
def test_unknown_package_gets_489_with_those_we_know(event: str) -> None:
    """RFC 6665 section 4.2.1.1 and 8.3.2."""
    node = Node()
    subscribe(node.carrier, event)
    response = node.carrier.expect_response(489)
    assert response.tokens("Allow-Events") == ["conference", "dialog", "message-summary", "presence", "reg"]
    assert node.pbx.idle()
    assert_over(node)


def test_subscriber_that_takes_no_body_of_the_package_gets_406() -> None:
    """RFC 6665 section 3.1.3: only what we can show is asked for."""
    node = Node()
    subscribe(node.carrier, extra="Accept: application/rlmi+xml, multipart/related\n")
    assert node.carrier.expect_response(406).get("Accept") == MWI
    subscribe(node.carrier, extra="Accept: application/*\n")
    assert node.pbx.expect_request("SUBSCRIBE").get("Accept") == MWI


def test_event_id_is_the_subscribers_own_and_comes_back_to_it() -> None:
    """RFC 6665 section 4.2.1: every NOTIFY repeats it; the notifier does not learn it."""
    node = Node()
    subscribe(node.carrier, "message-summary;id=secret-id-10.20.0.5")
    request = accept(node)
    assert request.get("Event") == "message-summary"
    notify(node.pbx, request)
    assert heard(node, node.carrier).require("Event") == "message-summary;id=secret-id-10.20.0.5"


@pytest.mark.parametrize(
    ("line", "status"), [("event", 481), ("state", 400), ("garbage", 400)], ids=["other-event", "no-state", "garbage"]
)
def test_notify_that_fits_no_subscription_is_refused_and_does_not_cross(line: str, status: int) -> None:
    """RFC 6665 section 4.1.3."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node)
    if line == "event":
        notify(node.pbx, request, event="dialog")
    else:
        notify(node.pbx, request, "" if line == "state" else ";;;")
    node.pbx.expect_response(status)
    assert node.carrier.idle()


def test_body_that_may_not_cross_is_refused_and_the_end_is_told_all_the_same() -> None:
    """Default-deny: 415 to the notifier; a `terminated` crosses without its body."""
    node = Node()
    subscribe(node.carrier, "dialog")
    request = accept(node)
    bad = b'<!DOCTYPE x [<!ENTITY a "b">]><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info">&a;</dialog-info>'
    notify(node.pbx, request, body=bad, event="dialog", kind="application/dialog-info+xml")
    assert node.pbx.expect_response(415).get("Accept") == "application/dialog-info+xml"
    assert node.carrier.idle()
    notify(node.pbx, request, "terminated", bad, event="dialog", kind="application/dialog-info+xml")
    last = heard(node, node.carrier)
    assert (last.body, last.require("Subscription-State")) == (b"", "terminated")
    node.pbx.expect_response(200)
    assert_over(node)


def test_dialog_of_a_call_through_us_is_named_as_the_watcher_knows_it() -> None:
    """RFC 4235 across the edge: the ids in the body are those of our dialog on the watcher's side."""
    node = Node()
    watcher = node.peer("watcher", "203.0.113.66", OUTSIDE)
    subscribe(watcher, "dialog")
    request = node.pbx.expect_request("SUBSCRIBE")
    node.pbx.reply(request, 200)
    watcher.expect_response(200)
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    body = (
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" '
        f'entity="sip:alice@pbx.corp.local"><dialog id="d1" call-id="{invite.call_id}" local-tag="{node.pbx.tag}" '
        f'remote-tag="{invite.from_tag}" direction="recipient"><state>confirmed</state></dialog></dialog-info>'
    )
    notify(node.pbx, request, body=body.encode(), event="dialog", kind="application/dialog-info+xml")
    shown = heard(node, watcher).body.decode()
    ours = node.carrier.remote_tag
    assert f'call-id="{node.carrier.call_id}" local-tag="{ours}" remote-tag="{node.carrier.tag}"' in shown


def test_requests_of_the_wrong_side_and_other_methods_are_refused() -> None:
    """A subscription has one subscriber; a BYE does not end it (RFC 5057)."""
    node = Node()
    subscribe(node.carrier)
    request = accept(node)
    notify(node.pbx, request)
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    for method, status in (("BYE", 481), ("INFO", 405), ("NOTIFY", 405)):
        node.carrier.request(method, extra="Event: message-summary\nSubscription-State: active\n")
        node.carrier.expect_response(status)
    subscribe(node.carrier, "dialog")
    node.carrier.expect_response(481)
    assert node.pbx.idle()
    assert len(node.engine.egress.subscriptions) == 1


def test_subscriptions_of_a_realm_are_limited() -> None:
    """`realm.X.limits.subscriptions`: 503 with Retry-After, and room again once one is over."""
    settings = config()
    outside = replace(settings.realms["outside"], subscriptions=1)
    node = Node(replace(settings, realms=settings.realms | {"outside": outside}))
    subscribe(node.carrier)
    request = accept(node)
    other = node.peer("other", "203.0.113.66", OUTSIDE)
    subscribe(other)
    assert other.expect_response(503).get("Retry-After") is not None
    notify(node.pbx, request, "terminated")
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    subscribe(other)
    node.pbx.expect_request("SUBSCRIBE")


def test_phones_behind_us_watch_from_the_inside_too() -> None:
    """The other direction: a subscriber inside, a notifier outside."""
    node = Node()
    node.pbx.remote = node.pbx.target = ""
    node.pbx.remote, node.pbx.target = "<sip:bob@pbx.corp.local>", "sip:bob@10.20.0.1"
    node.pbx.request("SUBSCRIBE", extra="Event: presence\nExpires: 60\n")
    request = node.carrier.expect_request("SUBSCRIBE")
    assert request.require("Accept") == "application/pidf+xml"
    node.carrier.reply(request, 200, extra="Expires: 60\n")
    node.pbx.expect_response(200)
    pidf = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:bob@198.51.100.10"/>'
    notify(node.carrier, request, body=pidf, event="presence", kind="application/pidf+xml")
    shown = heard(node, node.pbx)
    assert b'entity="pres:bob@pbx.corp.local"' in shown.body
    assert isinstance(node.carrier.take(), Response)
    assert_no_leak(node)
