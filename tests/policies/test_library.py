"""The shipped documents load and pass their own tests."""

from __future__ import annotations

from importlib.resources import files

import pytest

from policies import run_tests
from policies.load import parse_document

LIBRARY = files("policies") / "library"
NAMES = sorted(entry.name for entry in LIBRARY.iterdir() if entry.name.endswith(".toml"))


def test_the_library_holds_what_the_documentation_names() -> None:
    assert {"quickstart.toml", "carrier-edge.toml"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_document_passes_its_own_tests(name: str) -> None:
    document = parse_document((LIBRARY / name).read_text(encoding="utf-8"), name)
    assert document.name == name.removesuffix(".toml")
    results = run_tests(document)
    assert results
    assert [result.problems for result in results if not result.passed] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_a_shipped_document_is_decided_by_a_test(name: str) -> None:
    document = parse_document((LIBRARY / name).read_text(encoding="utf-8"), name)
    decided = {result.decision.rule for result in run_tests(document)}
    assert {rule.name for rule in document.rules} <= decided
