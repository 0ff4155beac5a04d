"""What a failed request inside a call means for the call: RFC 5057 section 5, row by row."""

from __future__ import annotations

import pytest

from sbc.outputs import CallEnded
from tests.kit.flows import hang_up, talk
from tests.kit.node import Node, config
from tests.kit.peer import sdp

TRANSACTION_ONLY = [400, 402, 403, 406, 412, 413, 414, 415, 420, 421, 423, 429, 480, 486, 487, 488, 491, 493]
TRANSACTION_ONLY += [500, 503, 504, 505, 513, 580, 600, 603, 606]
TRANSACTION_ONLY += [300, 302, 305, 380, 401, 407, 417, 422, 424, 428, 433, 436, 437, 438, 439, 440, 469, 470, 494]
TRANSACTION_ONLY += [499, 555, 607, 608, 699]
DIALOG_GONE = [404, 410, 416, 482, 483, 484, 485, 502, 604]


def ask(node: Node, method: str, status: int) -> None:
    """A request of the carrier inside the call, which the PBX answers so."""
    body, kind = (b"Signal=5\r\n", "application/dtmf-relay") if method == "INFO" else (b"", "")
    if method == "MESSAGE":
        body, kind = b"hello", "text/plain"
    node.carrier.request(method, body, content_type=kind)
    node.pbx.reply(node.pbx.expect_request(method), status)
    node.carrier.take()


def assert_over(node: Node) -> None:
    """Both sides have their BYE."""
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    assert len(node.events_of(CallEnded)) == 1
    node.assert_clean()


@pytest.mark.parametrize("method", ["INFO", "OPTIONS", "MESSAGE"])
@pytest.mark.parametrize("status", [*TRANSACTION_ONLY, 405, 489, 501])
def test_failure_of_one_transaction_leaves_the_call_up(method: str, status: int) -> None:
    """RFC 5057 section 5.1: most failures concern the request alone, an unknown method (405, 501) too."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    ask(node, method, status)
    assert node.engine.active_calls == 1
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("method", ["INFO", "OPTIONS", "MESSAGE"])
@pytest.mark.parametrize("status", DIALOG_GONE)
def test_dialog_that_cannot_be_reached_ends_the_call(method: str, status: int) -> None:
    """RFC 5057 section 5.1: the remote target or the route to it is gone, whatever was asked."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    ask(node, method, status)
    assert_over(node)


@pytest.mark.parametrize("status", [408, 481])
def test_lost_usage_ends_the_call_where_the_request_belongs_to_it(status: int) -> None:
    """RFC 5057 sections 5.1 and 5.3: an INFO is of the INVITE's usage, OPTIONS and MESSAGE are of none."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    ask(node, "OPTIONS", status)
    ask(node, "MESSAGE", status)
    assert node.engine.active_calls == 1
    ask(node, "INFO", status)
    assert_over(node)


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE"])
def test_silence_to_a_request_of_no_usage_leaves_the_call_up(method: str) -> None:
    """RFC 5057 section 5.2: what belongs to no usage times out without effect; the asker has its 504."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    body, kind = (b"hello", "text/plain") if method == "MESSAGE" else (b"", "")
    node.carrier.request(method, body, content_type=kind)
    node.pbx.expect_request(method)
    node.advance(40)
    node.carrier.expect_response(504)
    assert node.engine.active_calls == 1
    hang_up(node, node.carrier, node.pbx)


def test_silence_to_an_info_ends_the_call() -> None:
    """RFC 5057 section 5.2 with RFC 3261 section 12.2.1.2: a timeout ends the usage that the request was of."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.pbx.expect_request("INFO")
    node.advance(29)
    node.carrier.expect_response(504)
    assert node.engine.active_calls == 1
    node.advance(5)
    assert_over(node)


@pytest.mark.parametrize("status", [*DIALOG_GONE, 405, 408, 481, 501])
def test_re_invite_to_a_lost_dialog_ends_the_call(status: int) -> None:
    """RFC 5057 section 5.1: for an INVITE a 405 or 501 says that the usage is not there either."""
    node = Node(config())
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, 4002, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), status)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(status))
    assert_over(node)


@pytest.mark.parametrize("status", [403, 480, 488, 500, 503, 603])
def test_refused_re_invite_leaves_the_call_up(status: int) -> None:
    """RFC 3261 section 14.1, RFC 5057 section 5.1."""
    node = Node(config())
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, 4002, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), status)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(status))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
