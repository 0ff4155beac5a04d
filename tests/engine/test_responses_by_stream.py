"""Where responses to requests that came by a connection go (RFC 3261 section 18.2.2)."""

from __future__ import annotations

import pytest

from sbc.build import reply_flow
from sbc.sip import Request, parse_message
from sbc.wire import Flow
from tests.engine.test_large import TCP_OUT, with_tcp
from tests.engine.test_tls import TLS_OUT, tls_config
from tests.kit.node import CARRIER, Node

NAME = "sip.carrier.example"


def options(via: str) -> Request:
    made = parse_message(
        f"OPTIONS sip:sbc.example.net SIP/2.0\r\nVia: {via};branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:sbc.example.net>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("via", "flow", "back"),
    [
        (f"SIP/2.0/TCP {CARRIER}", Flow(TCP_OUT, "TCP", CARRIER, 40000, 7), 5060),
        (f"SIP/2.0/TCP {CARRIER}:5080", Flow(TCP_OUT, "TCP", CARRIER, 40000, 7), 5080),
        ("SIP/2.0/TCP 192.168.1.20:5060", Flow(TCP_OUT, "TCP", CARRIER, 40000, 7), 0),
        (f"SIP/2.0/TLS {CARRIER}", Flow(TLS_OUT, "TLS", CARRIER, 40000, 7, (NAME,)), 5061),
        (f"SIP/2.0/TLS {CARRIER}", Flow(TLS_OUT, "TLS", CARRIER, 40000, 7), 0),
    ],
)
def test_a_peer_that_is_where_it_says_may_be_called_back(via: str, flow: Flow, back: int) -> None:
    """Not one behind a NAT, and by TLS none that has proved no name."""
    found = reply_flow(options(via), flow, tls_config())
    assert found == flow
    assert (found.back, found.forth.back) == (back, 0)


def test_requests_in_a_dialog_do_not_take_that_way() -> None:
    """They have the Contact."""
    node = Node(with_tcp())
    seen = Flow(TCP_OUT, "TCP", CARRIER, 40000, 7)
    node.carry(
        (
            f"INVITE sip:+49@sbc.example.net SIP/2.0\r\nVia: SIP/2.0/TCP {CARRIER}:5060;branch=z9hG4bK2\r\n"
            f"From: <sip:a@b>;tag=1\r\nTo: <sip:+49@sbc.example.net>\r\nCall-ID: 2\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:a@{CARRIER};transport=tcp>\r\nContent-Length: 0\r\n\r\n"
        ).encode(),
        seen,
    )
    (call,) = node.engine.egress.calls.values()
    assert call.caller_leg.flow.back == 0
    assert call.invite_in is not None
    assert call.invite_in.reply_flow.back == 5060
