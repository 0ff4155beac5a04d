"""REFER passed on to the other side (RFC 3515), every id exchanged."""

from __future__ import annotations

import pytest

from tests.kit.flows import assert_no_leak, hang_up
from tests.kit.transfers import TO_CARRIER2, Transfers, accept_call, accepted, expect_notify, refer, transfer_config

_ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, NOTIFY, REFER\n"


def bridged(node: Transfers) -> None:
    """The carrier, which takes REFER, talks to the PBX."""
    node.carrier.invite(extra=_ALLOW)
    node.carrier.expect_response(100)
    accept_call(node.pbx)
    node.carrier.expect_response(200)
    node.carrier.ack()


@pytest.mark.parametrize("is_second", [False, True])
def test_refer_and_its_notifies_cross_with_their_ids_exchanged(is_second: bool) -> None:
    """RFC 3515 section 2.4.6: the id counts requests of its own leg; of a NOTIFY the status line alone crosses."""
    node = Transfers(transfer_config(inside="bridge"))
    bridged(node)
    for turn in range(2 if is_second else 1):
        asked = refer(node.pbx, f"sip:{TO_CARRIER2}@pbx.corp.local?Subject=x", "Referred-By: <sip:x@10.20.0.5>\n")
        crossed = node.carrier.expect_request("REFER")
        assert crossed.get("Refer-To") == f"<sip:{TO_CARRIER2}@sbc.example.net>"
        assert crossed.get("Referred-By") == "<sip:+493012345@sbc.example.net>"
        node.carrier.reply(crossed, 202)
        node.pbx.expect_response(202)
        id_ = f";id={crossed.cseq.number}" if turn else ""
        for status, state in ((100, "active;expires=60"), (200, "terminated;reason=noresource")):
            body = f"SIP/2.0 {status} From the inside\r\nVia: SIP/2.0/UDP {node.carrier.host}\r\n".encode()
            extra = f"Event: refer{id_}\nSubscription-State: {state}\n"
            node.carrier.request("NOTIFY", body, extra, "message/sipfrag;version=2.0")
            node.carrier.expect_response(200)
            told = expect_notify(node.pbx, status)
            assert told.get("Event") == (f"refer;id={asked.cseq.number}" if turn else "refer")
    hang_up(node, node.pbx, node.carrier)
    assert_no_leak(node)
    node.assert_clean()


def test_a_peer_that_lacks_refer_gets_none() -> None:
    """The transfer is carried out here instead."""
    node = Transfers(transfer_config(inside="bridge"))
    node.carrier.invite(extra=_ALLOW.replace(", REFER", ""))
    node.carrier.expect_response(100)
    accept_call(node.pbx)
    node.carrier.expect_response(200)
    node.carrier.ack()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    accepted(node.pbx)
    assert node.carrier.idle()
    node.carrier2.expect_request("INVITE")


def test_a_refused_refer_is_told() -> None:
    """Who is asked says no; nothing has changed."""
    node = Transfers(transfer_config(inside="bridge"))
    bridged(node)
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    node.carrier.reply(node.carrier.expect_request("REFER"), 603)
    node.pbx.expect_response(603)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("Event: dialog\n", b"SIP/2.0 200 OK\r\n", 489),
        ("Event: refer;id=7\n", b"SIP/2.0 200 OK\r\n", 481),
        ("Event: refer\n", b"nonsense", 400),
    ],
)
def test_notifies_that_are_not_awaited_are_refused(event: str, body: bytes, status: int) -> None:
    """RFC 6665 section 4.1.3: 481 and 489."""
    node = Transfers(transfer_config(inside="bridge"))
    bridged(node)
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    node.carrier.reply(node.carrier.expect_request("REFER"), 202)
    node.pbx.expect_response(202)
    extra = f"{event}Subscription-State: active\n"
    node.carrier.request("NOTIFY", body, extra, "message/sipfrag;version=2.0")
    node.carrier.expect_response(status)
    assert node.pbx.idle()
