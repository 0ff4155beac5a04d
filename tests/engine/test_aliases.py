"""Connection reuse by `alias` (RFC 5923): where both agree, by TLS, and for proven names only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config, Target
from sbc.outputs import Transmit
from sbc.records import Located, Server
from sbc.sip import parse_uri
from sbc.wire import Flow
from tests.engine.test_tls import TLS_OUT, tls_config
from tests.kit.node import CARRIER, Node

NAME = "sip.carrier.example"
CONNECTION = Flow(TLS_OUT, "TLS", CARRIER, 40000, 7, (NAME,))


def agreed(alias: bool = True) -> Config:
    made = tls_config(names=(NAME,))
    target = Target(parse_uri(f"sip:{NAME}:5061;transport=tls"))
    trunk = replace(made.trunks["carrier"], targets=(target,), sources=(), tls_names=(NAME,), alias=alias)
    return replace(made, trunks={**made.trunks, "carrier": trunk})


def offer(node: Node, via: str = f"{NAME}:5061", flow: Flow = CONNECTION, param: str = ";alias") -> None:
    """The carrier asks whether we live, by its own connection."""
    node.carry(
        (
            f"OPTIONS sip:sbc.example.net SIP/2.0\r\nVia: SIP/2.0/TLS {via};branch=z9hG4bKalias{via}{param}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{NAME}>;tag=1\r\nTo: <sip:sbc.example.net>\r\nCall-ID: {via}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode(),
        flow,
    )


def invite(node: Node) -> Transmit:
    """The PBX calls the carrier; what leaves."""
    node.pbx.invite()
    for lookup in node.lookups:
        if lookup.sought.name == NAME:
            place = Located((Server("TLS", 5061, (CARRIER,)),), 60.0)
            node.act(node.engine.lookup_answer(lookup.id, place, node.now))
            break
    return [sent for sent in node.sent if sent.data.startswith(b"INVITE ")][-1]


def test_partners_connection_is_taken_for_a_call_to_it() -> None:
    """RFC 5923 section 8.2; our Via offers the same in return."""
    node = Node(agreed())
    offer(node)
    sent = invite(node)
    assert (sent.flow.connection, sent.flow.port) == (7, 40000)
    assert b";alias\r\n" in sent.data.partition(b"\r\nMax-Forwards")[0] + b"\r\n"


def test_connection_that_broke_is_replaced_by_a_new_one() -> None:
    """The call loses no more than the time to notice."""
    node = Node(agreed())
    offer(node)
    sent = invite(node)
    node.act(node.engine.send_failed(sent.flow, node.now))
    again = [sent for sent in node.sent if sent.data.startswith(b"INVITE ")][-1]
    assert again is not sent
    assert (again.flow.connection, again.flow.host, again.flow.port) == (0, CARRIER, 5061)
    assert len(node.engine.egress.aliases) == 0


@pytest.mark.parametrize(
    ("via", "flow", "param"),
    [
        (f"{NAME}:5061", CONNECTION, ""),
        ("other.example:5061", CONNECTION, ";alias"),
        (f"{NAME}:5062", CONNECTION, ";alias"),
        (f"{NAME}:5061", Flow(TLS_OUT, "TLS", CARRIER, 40000, 7, ("other.example",)), ";alias"),
        (f"{NAME}:5061", Flow(TLS_OUT, "TLS", CARRIER, 40000, 7), ";alias"),
    ],
)
def test_what_is_not_offered_or_not_proved_is_not_taken(via: str, flow: Flow, param: str) -> None:
    """No alias; a host that the certificate is not for; another port; another certificate; none at all."""
    node = Node(agreed())
    offer(node, via, flow, param)
    assert invite(node).flow.connection == 0


def test_trunk_has_to_agree() -> None:
    """RFC 5923 is a matter of two."""
    node = Node(agreed(alias=False))
    offer(node)
    sent = invite(node)
    assert sent.flow.connection == 0
    assert b"alias" not in sent.data
