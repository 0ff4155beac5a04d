"""The suites' table: every scenario of the corpora has a row, and what runs a shell command has none that runs it."""

from __future__ import annotations

import pytest

from tests.rig.needs import need_corpus
from tests.rig.suites.run import classified
from tests.rig.suites.table import SUITES, rows


@pytest.mark.parametrize("suite", SUITES)
def test_every_scenario_is_classified(suite: str) -> None:
    """What does not apply says why."""
    need_corpus("sipp")
    found = classified(suite)
    assert found
    assert all(row.peer or row.note for row in found)


@pytest.mark.parametrize("suite", SUITES)
def test_every_row_names_a_scenario_that_exists(suite: str) -> None:
    """A row that matches nothing is a row nobody reads."""
    folder = need_corpus("sipp") / suite
    assert [row.file for row in rows(suite) if not any(folder.glob(row.file.replace("[", "[[]")))] == []
