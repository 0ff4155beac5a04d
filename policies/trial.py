"""A document's own tests: `[[test]]` run against its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policies.evaluate import Decision, evaluate
from policies.facts import Facts, Source
from policies.model import Document, Trial

Identify = Callable[[str, str], str]
"""(realm, address) to the trunk that speaks from there, or an empty string: what the node file knows."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one test went. `problems` says what was expected and what came out; empty where it passed."""

    name: str
    decision: Decision
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True where everything expected came out."""
        return not self.problems


def run_tests(document: Document, identify: Identify | None = None) -> tuple[TrialResult, ...]:
    """Every test of the document, in order. Without `identify` a source without a named trunk is a stranger."""
    return tuple([_run(document, trial, identify) for trial in document.tests])


def trial_facts(trial: Trial, identify: Identify | None = None) -> Facts:
    """The facts that a test gives."""
    trunk = trial.trunk
    if trunk is None:
        trunk = identify(trial.realm, trial.address) if identify is not None else ""
    return Facts(Source(trial.realm, trunk, trial.address, trial.port, trial.transport), trial.message)


def _run(document: Document, trial: Trial, identify: Identify | None) -> TrialResult:
    decision = evaluate(document, trial_facts(trial, identify), trial.at)
    problems: list[str] = []
    for field, expected in trial.expect:
        actual = _field(decision, field)
        if actual != expected:
            problems.append(f"{field}: expected {_shown(expected)}, got {_shown(actual)}")
    return TrialResult(trial.name, decision, tuple(problems))


def _field(decision: Decision, field: str) -> str | int | tuple[str, ...]:
    match field:
        case "rule":
            return decision.rule
        case "route":
            return decision.route
        case "reject":
            return decision.reject
        case "drop":
            return decision.drop
        case "media":
            return decision.media
        case _:
            return decision.called


def _shown(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join([f'"{part}"' for part in value]) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'
