"""What is wrong with a file somebody wrote: findings, all of them at once, each with a way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where it stands, and what to do about it."""

    found: str
    """What is there, in words that continue "found: "."""
    allowed: str = ""
    """What may stand there instead; empty where the remedy says it all."""
    remedy: str = ""
    """What to do."""
    key: str = ""
    """The path of the key: `rule[2].when`. Lists count from 1."""
    file: str = ""
    line: int = 0
    """Line in the file; 0 where it is not known."""
    column: int = 0
    """Position inside an expression, from 1; 0 where there is none."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = ": ".join([part for part in (place, self.key) if part])
        parts = [self.found]
        if self.column:
            parts[0] += f" (column {self.column})"
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.remedy:
            parts.append(self.remedy)
        text = "; ".join(parts)
        return f"{head}: {text}" if head else text


class PolicyErrors(ValueError):
    """A policy, or an expression of one, cannot be used. `findings` holds everything that is wrong with it.

    Not for a request that no rule likes: that is a Decision.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: Final = tuple(sorted(findings, key=lambda finding: finding.line))
        super().__init__("\n".join([str(finding) for finding in self.findings]))

    def at(self, file: str, key: str, line: int) -> list[Finding]:
        """The findings with their place filled in."""
        return [replace(finding, file=file, key=key, line=line) for finding in self.findings]


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` where a known word is close, else an empty string."""
    by_folded = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), by_folded, n=1, cutoff=0.6)
    return f"did you mean '{by_folded[close[0]]}'?" if close else ""
