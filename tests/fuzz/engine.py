"""The whole engine as a fuzz target: any datagram, from either side, at a node with a call up and one ringing."""

from __future__ import annotations

from sbc.config import Timers
from sbc.wire import Flow
from tests.fuzz.corpora import ROOT
from tests.kit.flows import ring, talk
from tests.kit.node import CARRIER, EDGE_IN, INSIDE, MEDIA_IN, OUTSIDE, PBX, Node, config
from tests.kit.peer import Peer, sdp

_INNER = (PBX.encode(), EDGE_IN.encode(), MEDIA_IN.encode(), b"secret-pbx", b"pbx-server")


def fresh() -> tuple[Node, Peer, Peer]:
    """A node in the same state every time, tags and branches included: a talking call, and one that rings."""
    node = Node(config(mode="anchor", timers=Timers(ringing=30, liveness=0)))
    other = node.peer("second", CARRIER, OUTSIDE, port=5066)
    callee = node.peer("third", PBX, INSIDE, port=5060)
    for peer in (node.carrier, node.pbx, other, callee):
        peer.tag, peer.call_id, peer.cseq = f"{peer.name}-tag", f"{peer.name}-call@{peer.host}", 100
    talk(node, node.carrier, callee)
    callee.tag = "fourth-tag"
    ring(node, other, callee)
    return node, node.carrier, callee


def run_engine(data: bytes) -> None:
    """Nothing raises, nothing leaks, and when time has passed nothing is left."""
    node, carrier, callee = fresh()
    before = len(node.sent)
    source = carrier if len(data) % 2 else callee
    flow = Flow(source.listener, "UDP", source.host, source.port)
    for _ in range(2):
        node.carry(data, flow)
        node.advance(0.6)
    for sent in node.sent[before:]:
        if sent.flow.host == CARRIER:
            for token in _INNER:
                if token in sent.data and token not in data:
                    raise AssertionError(f"{token!r} was shown to the carrier")
    for row in node.engine.calls(node.now):
        node.act(node.engine.hangup(str(row["id"]), node.now))
    node.advance(400)
    egress = node.engine.egress
    left = (node.engine.active_calls, len(egress.dialogs), len(egress.transactions), len(egress.waiting))
    if left != (0, 0, 0, 0):
        raise AssertionError(f"calls, dialogs, transactions, media commands left: {left}")


def engine_seeds() -> list[bytes]:
    """What the peers of the two calls could say next, and messages of all kinds."""
    from tests.fuzz.targets import sip_seeds

    found: list[bytes] = []
    for action in range(12):
        node, carrier, callee = fresh()
        sent: list[bytes] = []
        node.carry = lambda data, flow, sent=sent: sent.append(data)  # type: ignore[method-assign, misc]
        _say(action, carrier, callee)
        found += sent
    return found + (sip_seeds()[::5] if ROOT.is_dir() else sip_seeds())


def _say(action: int, carrier: Peer, callee: Peer) -> None:
    invite = callee.invite_got
    assert invite is not None
    offer = sdp(carrier.host, version=2)
    if action < 6:
        method = ("BYE", "INVITE", "INFO", "OPTIONS", "UPDATE", "REFER")[action]
        carrier.request(method, offer if method in ("INVITE", "UPDATE") else b"")
    elif action < 9:
        callee.reply(invite, (183, 200, 486)[action - 6], sdp(callee.host))
    elif action == 9:
        carrier.ack(offer)
    elif action == 10:
        carrier.cancel()
    else:
        carrier.remote_tag = ""
        carrier.invite(extra="Require: 100rel\nReplaces: a;to-tag=b;from-tag=c\nSession-Expires: 90;refresher=uac\n")
