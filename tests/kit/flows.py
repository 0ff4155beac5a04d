"""Calls in a few lines: the flows many tests begin with, and an eye that finds leaks without the product's help."""

from __future__ import annotations

from sbc.sip import Request
from tests.kit.node import CARRIER, EDGE_IN, EDGE_OUT, MEDIA_IN, MEDIA_OUT, PBX, PBX2, STRANGER, Node
from tests.kit.peer import Peer, sdp


def ring(node: Node, caller: Peer, callee: Peer, body: bytes | None = None, extra: str = "") -> Request:
    """INVITE, 100, 180: the callee rings. Gives the INVITE the callee got."""
    caller.invite(body=body, extra=extra)
    caller.expect_response(100)
    invite = callee.expect_request("INVITE")
    callee.reply(invite, 100)
    callee.reply(invite, 180)
    caller.expect_response(180)
    return invite


def answer(node: Node, caller: Peer, callee: Peer, invite: Request) -> None:
    """200 and both ACKs: the call talks."""
    callee.reply(invite, 200, sdp(callee.host))
    callee.expect_request("ACK")
    caller.expect_response(200)
    caller.ack()


def talk(node: Node, caller: Peer, callee: Peer, extra: str = "") -> None:
    """A whole set-up."""
    answer(node, caller, callee, ring(node, caller, callee, extra=extra))


def hang_up(node: Node, who: Peer, other: Peer) -> None:
    """BYE from `who`, answered on both sides; nothing may be left."""
    who.request("BYE")
    who.expect_response(200)
    other.reply(other.expect_request("BYE"), 200)
    assert who.idle()
    assert other.idle()


_SIDES = {
    "outside": ((CARRIER, STRANGER), (PBX, PBX2, EDGE_IN, MEDIA_IN, "10.20.", "10-20-", "pbx.corp", "secret-pbx")),
    "inside": ((PBX, PBX2), (CARRIER, STRANGER, EDGE_OUT, MEDIA_OUT, "198.51.100", "203.0.113", "198-51-100")),
}


def assert_no_leak(node: Node, allowed: tuple[str, ...] = ()) -> None:
    """No byte sent to one side names anything of the other: addresses, tags, Call-IDs, branches, agents.

    Plain substring search over every datagram, sharing nothing with the product's audit.
    """
    for hosts, foreign in _SIDES.values():
        own = [peer for peer in node.peers.values() if peer.host in hosts]
        others = [peer for peer in node.peers.values() if peer.host not in hosts]
        tokens = set(foreign)
        for peer in others:
            tokens |= {peer.tag, peer.call_id, f"{peer.name}-agent", f"{peer.name}-server", f"z9hG4bK{peer.name}"}
            tokens |= {part for wire in peer.wires for part in _minted(wire)}
        for peer in own:
            tokens -= {peer.tag, peer.call_id}
        for peer in own:
            seen = b"\n".join(peer.wires).decode("utf-8", "replace")
            for token in tokens - set(allowed):
                assert token not in seen, f"{token!r} was shown to {peer.name}"


def _minted(wire: bytes) -> set[str]:
    """Branches and tags of ours in a message we sent to the other side."""
    text = wire.decode("utf-8", "replace")
    found = set()
    for mark in ("branch=", "tag="):
        for part in text.split(mark)[1:]:
            value = part.split(";")[0].split("\r")[0].split(">")[0]
            if len(value) >= 20:
                found.add(value)
    return found
