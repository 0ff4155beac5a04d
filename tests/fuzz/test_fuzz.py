"""The fuzzer itself, and a short run of it on every target."""

from __future__ import annotations

import sys
from random import Random

import pytest

from sbc.sip import parse_message
from tests.fuzz.arcs import Arcs, TooMuchWork
from tests.fuzz.loop import fuzz
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import TARGETS, Target

HERE = ("tests/fuzz",)
IS_TRACED = str(sys.modules[parse_message.__module__].__file__).endswith(".py")
"""Of compiled rooms nobody sees the lines: no coverage leads the search, but what is found counts as well."""


@pytest.mark.parametrize(
    ("name", "inputs"), [("bodies", 80), ("engine", 15), ("parser", 80), ("sdp", 80), ("stream", 80), ("values", 80)]
)
def test_short_run_finds_nothing(name: str, inputs: int) -> None:
    """Garbage is accepted or refused, never anything else, and costs a bounded number of steps."""
    target = TARGETS[name]
    few = Target(target.name, target.run, lambda: target.seeds()[: inputs // 4], target.rooms, target.most_lines)

    report = fuzz(few, inputs=inputs, seed=1, dictionary=[])

    assert report.failures == []
    assert report.inputs == inputs
    if IS_TRACED:
        assert report.arcs > 100


def test_coverage_leads_to_a_hidden_fault() -> None:
    """Each step on the way is a new arc and is kept: blind mutation would have to guess all four at once."""

    def hidden(data: bytes) -> None:
        if data[:1] != b"S":
            return
        if data[1:2] != b"I":
            return
        if data[2:3] != b"P":
            return
        if data[3:4] == b"!":
            raise KeyError("found")

    words = [b"S", b"I", b"P", b"!"] * 30
    report = fuzz(Target("hidden", hidden, lambda: [b"ABCD"], HERE), inputs=20_000, seed=3, dictionary=words)

    assert [data[:4] for data, _ in report.failures] == [b"SIP!"]
    assert "KeyError" in report.failures[0][1]


def test_endless_work_is_a_failure() -> None:
    """Counted in lines, not in seconds."""

    def endless(data: bytes) -> None:
        while True:
            data += b"x"

    with pytest.raises(TooMuchWork):
        Arcs(Target("", endless, list, HERE).folders, most_lines=1000).run(endless, b"")
    report = fuzz(Target("endless", endless, lambda: [b""], HERE, most_lines=1000), inputs=3, seed=1, dictionary=[])
    assert len(report.failures) == 1


def test_same_seed_makes_the_same_children() -> None:
    """A failure can be found again."""
    for seed in range(20):
        first, second = Mutator(Random(seed), [b"x"]), Mutator(Random(seed), [b"x"])
        for _ in range(20):
            assert first.child(b"a: 1\r\nb: 2", b"c") == second.child(b"a: 1\r\nb: 2", b"c")
