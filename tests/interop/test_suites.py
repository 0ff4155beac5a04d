"""Other projects' scenarios through the node: the short suites here, all of them with `python -m tests.rig.suites`."""

from __future__ import annotations

import pytest

from tests.rig.needs import need, need_corpus
from tests.rig.suites.report import as_text
from tests.rig.suites.run import classified, run_rows


@pytest.mark.parametrize("suite", ["pbertera", "jambonz-sbc-inbound", "sems", "freeswitch", "fonoster-routr"])
def test_what_applies_passes(suite: str) -> None:
    """Must show: which scenarios pass, which do not and why; in these suites all that apply do."""
    need("sipp")
    need_corpus("sipp")
    outcomes = run_rows(classified(suite), rigs=1)
    assert any(outcome.verdict == "pass" for outcome in outcomes)
    assert not [outcome for outcome in outcomes if outcome.verdict == "fail"], as_text(outcomes)
