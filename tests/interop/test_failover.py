"""A trunk with two targets: the second is tried when the first is dead or says 503, and the caller never knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import failover
from tests.rig.needs import need
from tests.rig.promptness import Lateness
from tests.rig.rig import INSIDE, OUTSIDE, Rig

NOTICED, RETURNED = 8.0, 8.0
"""Seconds at a probe every two: three without an answer, each awaited for two, and two that are answered."""


@pytest.fixture(scope="module")
def pair() -> Iterator[Rig]:
    """A node whose trunk `pbx` has a first and a second choice."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(timers={"t1": 0.05}, pbx=("10.20.0.11:5080", "10.20.0.10:5080"))
        yield rig


def test_a_target_that_says_503_is_passed_over(pair: Rig) -> None:
    """RFC 3263 section 4.3: 503 moves on to the next; the caller hears only of the one that answered."""
    pair.begin()
    values = {"status": "503", "reason": "No", "more": ""}
    first = pair.sipp(INSIDE, "uas_refuses", call=False, peer=1, values=values)
    second = pair.sipp(INSIDE, "uas_call", call=False)
    pair.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
    second.assert_ok()
    first.assert_ok()
    pair.assert_hidden()
    pair.assert_clean_end()


def test_a_target_that_is_dead_is_passed_over(pair: Rig) -> None:
    """A timeout moves on too, within 64*T1."""
    pair.begin()
    second = pair.sipp(INSIDE, "uas_call", call=False)
    pair.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
    second.assert_ok()
    pair.assert_hidden()
    pair.assert_clean_end()


def test_targets_that_die_and_come_back_cost_no_call_that_was_not_answered() -> None:
    """Three targets with answered probes: one killed, one silent, both revived; calls that ring there ring elsewhere.

    `python -m tests.bench.failover` is the same at 100 calls a second.
    """
    need("sipp")
    with Rig(taps=False) as rig, Lateness() as machine:
        outcome = failover.run(rig, rate=20, seconds=2.0, ring=0.5)
    assert outcome.lost == 0, outcome.complaint
    assert outcome.calls > 100
    assert all(one.ringing > 0 for one in outcome.outages)
    for one in outcome.outages:
        machine.check(one.noticed, NOTICED, f"that {one.host} is {one.how}")
        machine.check(one.returned, RETURNED, f"that {one.host} is back")
