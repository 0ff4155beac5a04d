"""The suites' table: on the screen, as JSON, and as a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.rig.suites.run import Outcome

_VERDICTS = ("pass", "fail", "not applicable")
_SECTIONS = (("fail", "What does not pass"), ("pass", "What passes"), ("not applicable", "What does not apply"))
_PREAMBLE = (
    "# Scenario suites",
    "",
    "SIPp scenarios of other projects, each with the SBC placed between it and a peer. Written by"
    " `python -m tests.rig.suites --record`, which follows `tests/rig/suites/table.txt`.",
    "",
    "A pass means: SIPp's exit code or the response that the table names, no call left in the node, no exception in its"
    " log, and no token of one side seen on the other by the rig's oracle. Pauses longer than 0.4 s are cut in the copy"
    " that is run.",
    "",
)


def counts(outcomes: Sequence[Outcome]) -> dict[str, Counter[str]]:
    """Verdicts by suite."""
    found: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.suite, Counter())[outcome.verdict] += outcome.count
    return found


def as_text(outcomes: Sequence[Outcome]) -> str:
    """One line a scenario, then the sums."""
    lines = []
    for outcome in outcomes:
        name = f"{outcome.suite}/{outcome.file}"
        lines.append(f"{outcome.verdict:<15} {outcome.seconds:5.1f} s  {name:<75} {outcome.why}")
    lines.append("")
    for suite, sums in counts(outcomes).items():
        lines.append(f"{suite:<22} " + ", ".join(f"{sums[verdict]} {verdict}" for verdict in _VERDICTS))
    return "\n".join(lines)


def as_page(outcomes: Sequence[Outcome]) -> str:
    """The page `docs/suites.md`."""
    lines = [*_PREAMBLE, "| suite | pass | fail | not applicable |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {suite} | {sums['pass']} | {sums['fail']} | {sums['not applicable']} |"
        for suite, sums in counts(outcomes).items()
    ]
    for verdict, title in _SECTIONS:
        chosen = [outcome for outcome in outcomes if outcome.verdict == verdict]
        if not chosen:
            continue
        lines += ["", f"## {title}", "", "| scenario | opposite | note |", "| --- | --- | --- |"]
        for outcome in chosen:
            note = outcome.why.replace("|", "\\|")
            files = f" ({outcome.count} files)" if "*" in outcome.file else ""
            lines.append(f"| {outcome.suite}/{outcome.file}{files} | {outcome.peer} | {note} |")
    return "\n".join(lines) + "\n"
