"""Mutated messages against the running node: no exception, no growth, and it still takes calls."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.interop.test_races import Talk
from tests.rig.needs import corpora, need
from tests.rig.process import group_rss, wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.ua import Ua

_INPUTS, _WINDOW = 20_000, 40


@pytest.fixture(scope="module")
def target() -> Iterator[Rig]:
    """A node that forgets finished transactions soon, so that growth shows."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(timers={"t1": 0.05, "ringing": 1, "call": 2}, media="bypass")
        yield rig


def test_the_node_survives_mutated_messages_from_both_sides(target: Rig) -> None:
    """Issue: any bytes are parsed, answered or dropped by name; never an exception, a stall or growth."""
    target.begin()
    node, chance = target.node, random.Random(4475)
    seeds = _seeds()
    senders = [target.ua(OUTSIDE, call=True, peer=2), target.ua(INSIDE, call=True, peer=2)]
    sizes: list[int] = []
    for at in range(0, _INPUTS, _WINDOW):
        for _ in range(_WINDOW):
            senders[chance.randrange(2)].send(_mutate(chance.choice(seeds), chance))
        for sender, side in zip(senders, (OUTSIDE, INSIDE), strict=True):
            _answers(sender, side.node_address)
        target.taps.clear()
        if at % (_INPUTS // 10) == 0:
            sizes.append(group_rss(node.process.pid))
    wait_until(
        lambda: node.ask("GET", "/status")["engine"]["transactions"] < 50, 30, "finished transactions to be let go"
    )
    node.wait_idle(20)
    trouble = node.trouble(leaks=False)
    assert not trouble, trouble
    settled = sizes[len(sizes) // 3 :]
    assert max(settled) < min(settled) * 1.25 + 8_000_000, f"resident bytes over the run: {sizes}"
    for sender in senders:
        sender.close()
    talk = Talk(target)
    near, _ = talk.establish()
    talk.hang_up(near)
    talk.close()


def _answers(ua: Ua, address: str) -> None:
    for _ in range(3):
        call_id = f"probe-{random.random()}"
        ua.send(ua.request("OPTIONS", f"sip:{address}", call_id=call_id))
        for _ in range(400):
            message = ua.receive(2)
            if message is None:
                break
            if message.get("call-id") == call_id:
                ua.heard.clear()
                return
    raise AssertionError("no answer to a plain OPTIONS")


def _seeds() -> list[bytes]:
    own = Ua("", "127.0.0.1", 0, ("127.0.0.1", 9))
    sdp = own.sdp()
    seeds = [
        own.request(method, f"sip:1@{OUTSIDE.node_address}", body=sdp if method == "INVITE" else "").encode()
        for method in ("INVITE", "OPTIONS", "BYE", "CANCEL", "ACK", "REGISTER", "INFO", "UPDATE", "PRACK", "REFER")
    ]
    own.close()
    seeds.append(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.20.0.1:5070;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n")
    for folder in ("rfc4475", "fuzz", "rawsip"):
        seeds += [
            path.read_bytes()[:4000]
            for path in sorted((corpora() / folder).rglob("*"))
            if path.is_file() and path.suffix not in (".md", ".json", ".dict")
        ]
    return seeds


def _mutate(data: bytes, chance: random.Random) -> bytes:
    """One to four edits: a byte changed, a piece cut, doubled or moved, a nasty string put in."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(out) + 1)
        end = min(len(out), at + chance.randrange(1, 40))
        kind = chance.randrange(5)
        if kind == 0 and out:
            out[at - 1] = chance.randrange(256)
        elif kind == 1:
            del out[at:end]
        elif kind == 2:
            out[at:at] = out[at:end] * chance.randrange(1, 4)
        elif kind == 3:
            out[at:at] = chance.choice(_NASTY)
        else:
            other = chance.randrange(len(out) + 1)
            out[other:other] = out[at:end]
    return bytes(out[:60000])


_NASTY = [b"\r\n", b"\r\n\r\n", b"\x00", b"\xff\xfe", b"%00", b";", b",", b"<", b">", b'"', b"\\", b":", b"@" * 50]
_NASTY += [b"-1", b"4294967296", b"9" * 400, b"sip:" * 30, b"Via: " * 20, b"[::", b"]", b" " * 300, b"\t\r\n "]
