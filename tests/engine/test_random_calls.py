"""Scripts at random over a bad wire: every call ends on both sides, and nothing of it is left.

A hundred and eighty of what `python -m tests.engine.random_calls` plays by the thousand.
"""

from __future__ import annotations

import pytest

from sbc.wire import Flow
from tests.engine.random_calls import CHAIN, judged
from tests.kit.referee import Referee
from tests.kit.scene import KINDS

BLOCKS = 10
SEEDS = 6
"""Scripts in one block of one kind."""


@pytest.mark.parametrize("kind", [*KINDS, CHAIN])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_scripts_at_random_end_on_all_sides_and_leave_nothing(kind: str, block: int) -> None:
    """Design 3b: loss, repeats, delay and reordering on a seed; RFC 3261, 3262, 3264, 3311, 3515, 3891, 4028."""
    found = {seed: judged(seed, kind) for seed in range(block * SEEDS, (block + 1) * SEEDS)}
    assert {seed: faults for seed, faults in found.items() if faults} == {}


def _message(start: str, cseq: str, to_tag: str = "", body: bytes = b"", branch: str = "b1") -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{start}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch={branch}\r\nFrom: <sip:a@x>;tag=ours\r\nTo: <sip:b@y>{tag}\r\n"
        f"Call-ID: c1\r\nCSeq: {cseq}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (_message("INVITE sip:b@y SIP/2.0", "1 INVITE", "peer", b"v=0", "b2"), "number not above 1"),
        (_message("INVITE sip:b@y SIP/2.0", "2 INVITE", "peer", b"v=0", "b2"), "another INVITE is under way"),
        (_message("UPDATE sip:b@y SIP/2.0", "2 UPDATE", "peer", b"v=0", "b2"), "an offer while"),
        (_message("CANCEL sip:b@y SIP/2.0", "1 CANCEL"), "not the time for it"),
        (_message("ACK sip:b@y SIP/2.0", "1 ACK", "peer", branch="b2"), "no 2xx to acknowledge"),
        (_message("SIP/2.0 200 OK", "7 INFO", "peer", branch="b3"), "an answer to nothing"),
    ],
)
def test_the_referee_sees_what_must_not_be(second: bytes, fault: str) -> None:
    """A judge that never blames would prove nothing."""
    referee, flow = Referee(), Flow(0, "UDP", "10.0.0.2", 5060)
    referee.sent(_message("INVITE sip:b@y SIP/2.0", "1 INVITE", body=b"v=0"), flow, 0.0)
    assert referee.faults == []
    referee.sent(second, flow, 1.0)
    assert any(fault in one for one in referee.faults), referee.faults


def test_the_referee_waits_for_acks_and_byes() -> None:
    """RFC 3261 sections 13.2.2.4 and 15: what is owed at the end is a fault."""
    referee, flow = Referee(), Flow(0, "UDP", "10.0.0.2", 5060)
    referee.sent(_message("INVITE sip:b@y SIP/2.0", "1 INVITE", body=b"v=0"), flow, 0.0)
    referee.received(_message("SIP/2.0 200 OK", "1 INVITE", "peer", b"v=0"), flow, 1.0)
    assert [one.split(" ", 2)[0] for one in referee.finish()] == ["the", "c1"]


@pytest.mark.parametrize(
    ("reported", "is_provisional", "faults"),
    [
        (Flow(0, "UDP", "10.0.0.2", 5060), False, 0),
        (Flow(0, "UDP", "10.0.0.2", 5060), True, 2),
        (Flow(0, "UDP", "10.0.0.2", 5061), False, 2),
        (Flow(0, "UDP", "10.0.0.3", 5060), False, 2),
        (None, False, 2),
    ],
)
def test_the_referee_excuses_a_2xx_to_what_was_given_up(
    reported: Flow | None, is_provisional: bool, faults: int
) -> None:
    """RFC 3261 sections 8.1.3.1 and 17.1.4: a transport error ends a transaction that has heard nothing, no other."""
    referee, flow = Referee(), Flow(0, "UDP", "10.0.0.2", 5060)
    referee.sent(_message("INVITE sip:b@y SIP/2.0", "1 INVITE", body=b"v=0"), flow, 0.0)
    if is_provisional:
        referee.received(_message("SIP/2.0 100 Trying", "1 INVITE"), flow, 0.5)
    if reported is not None:
        referee.lost(reported)
    referee.received(_message("SIP/2.0 200 OK", "1 INVITE", "peer", b"v=0"), flow, 1.0)
    assert len(referee.finish()) == faults
