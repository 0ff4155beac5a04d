"""The benchmark's page, from samples that nobody had to measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.__main__ import chosen, report
from tests.bench.load import Sample
from tests.bench.subjects import ANCHORED, ANCHORED_REFERENCE, Subject
from tests.rig.process import Process


def test_the_engines_own_cpu_stands_apart_from_that_of_whoever_asks_it() -> None:
    """In the first table the sum, in the third the node and its engine."""
    samples = [sample(ANCHORED, 5000.0, 1000.0), sample(ANCHORED_REFERENCE, 3000.0, 1000.0), sample("sbc", 900.0, 0.0)]
    text = report(samples, [subject(ANCHORED), subject(ANCHORED_REFERENCE), subject("sbc")], [50.0, 300.0], [])
    assert f"| {ANCHORED} | 5000 | - | 2 | 1 |" in text
    assert f"| {ANCHORED} | 4000 (2.00) + 1000 |" in text
    assert f"| {ANCHORED_REFERENCE} | 2000 (1.00) + 1000 |" in text
    assert "| sbc | 900 | - |" in text


def test_a_machine_without_a_media_engine_has_no_table_for_it() -> None:
    """And no ratio to what was not measured."""
    text = report([sample("sbc", 900.0, 0.0)], [subject("sbc")], [50.0], ["rtpengine: not installed"])
    assert "anchored" not in text
    assert "Not measured: rtpengine: not installed." in text


def test_rows_are_chosen_by_name() -> None:
    known = [subject("echo floor"), subject("sbc"), subject("Kamailio topos, Redis")]
    assert chosen(known, ["Kamailio topos, Redis", "sbc"]) == known[1:]
    with pytest.raises(SystemExit, match="no row 'topos': there are 'echo floor', 'sbc'"):
        chosen(known, ["topos"])


def sample(name: str, cpu: float, engine: float) -> Sample:
    """One run at 50 calls a second."""
    return Sample(name, 50.0, 100, cpu, 2, 0, 1_000_000, (1.0, 2.0, 3.0), 50.0, engine)


def subject(name: str) -> Subject:
    """Named, and never started."""

    def start(_: Path, __: str) -> Process:
        raise AssertionError("nothing is started here")

    return Subject(name, start)
