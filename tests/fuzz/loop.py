"""The loop: run, keep what took a new way, change it, run again."""

from __future__ import annotations

import resource
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.arcs import Arcs, TooMuchWork
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import Target


@dataclass
class Report:
    """What a run found."""

    target: str
    inputs: int = 0
    corpus: int = 0
    """Inputs kept since each took a way that none before it did."""
    arcs: int = 0
    most_lines: int = 0
    """Lines that the most expensive input cost."""
    memory_growth: int = 0
    """Kilobytes by which the process grew between a tenth of the run and its end."""
    failures: list[tuple[bytes, str]] = field(default_factory=list)
    """Input and traceback; one for each place that failed."""

    def __str__(self) -> str:
        return (
            f"{self.target}: {self.inputs} inputs, {self.corpus} kept, {self.arcs} arcs, at most {self.most_lines} "
            f"lines an input, memory +{self.memory_growth} kB, {len(self.failures)} failures"
        )


def fuzz(
    target: Target, inputs: int, seed: int, dictionary: list[bytes], progress: Callable[[Report], None] | None = None
) -> Report:
    """Run `inputs` inputs, the target's seeds first. The same seed finds the same things."""
    random = Random(seed)
    mutator = Mutator(random, dictionary)
    tracer = Arcs(target.folders, target.most_lines)
    seeds = target.seeds()
    random.shuffle(seeds)
    report = Report(target.name)
    corpus: list[bytes] = []
    known: set[int] = set()
    places: set[str] = set()
    start_memory = 0
    for number in range(inputs):
        if number < len(seeds):
            data = seeds[number]
        elif corpus:
            recent = corpus[-40:] if random.random() < 0.4 else corpus
            data = mutator.child(random.choice(recent), random.choice(corpus))
        else:
            data = mutator.child(b"", b"")
        try:
            taken = tracer.run(target.run, data)
        except (Exception, TooMuchWork) as error:
            place = _place(error)
            if place not in places:
                places.add(place)
                report.failures.append((data, "".join(traceback.format_exception(error))))
            continue
        finally:
            report.inputs += 1
            report.most_lines = max(report.most_lines, tracer.lines)
        if not taken <= known:
            known |= taken
            corpus.append(data)
        if number == inputs // 10:
            start_memory = _memory()
        if progress is not None and number % 1000 == 999:
            report.corpus, report.arcs = len(corpus), len(known)
            progress(report)
    report.corpus, report.arcs = len(corpus), len(known)
    report.memory_growth = _memory() - start_memory
    return report


def _place(error: BaseException) -> str:
    """Type and innermost line: failures that share them count once."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
