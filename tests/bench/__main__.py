"""`python -m tests.bench`: CPU per call beside the peers found on this machine, in interleaved rounds of one run.

One round is one run of each subject at each rate, so that all of them meet the same moods of the machine; medians over
the rounds and ratios to Kamailio are what to quote. CPU time is that of the whole process group, from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import media
from tests.bench.installed import CACHE, REPOSITORY
from tests.bench.load import Sample, measure
from tests.bench.subjects import ANCHORED, ANCHORED_REFERENCE, EMBEDDED, REFERENCE, Subject, subjects
from tests.rig.namespaces import Namespace


def main() -> int:
    """Measure, print the table, write it with --record."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rates", default="50,100,300", help="calls a second, comma-separated (default %(default)s)")
    parser.add_argument(
        "--calls", type=int, default=2000, help="calls a run, as many as --seconds hold at most (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=10, help="longest run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ROW", help="this row, and no others; repeatable"
    )
    parser.add_argument("--quick", action="store_true", help="one round of 200 calls at 50/s")
    parser.add_argument("--no-media", action="store_true", help="without the engines' CPU a packet of media")
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks.md and the raw figures beside it")
    options = parser.parse_args()
    rates = [50.0] if options.quick else [float(rate) for rate in options.rates.split(",")]
    rounds, calls = (1, 200) if options.quick else (options.rounds, options.calls)
    if os.geteuid() != 0:
        print("not root: no namespace of our own can be made", file=sys.stderr)
        return 1
    found, missing = subjects(CACHE)
    if options.only:
        found = chosen(found, options.only)
    samples = run(found, rates, rounds, calls, options.seconds)
    text = report(samples, found, rates, missing)
    print(text)
    if not options.no_media:
        text += _relayed(1 if options.quick else options.rounds, is_quick=options.quick)
    if options.record:
        (REPOSITORY / "docs" / "benchmarks.md").write_text(text)
        raw = [vars(sample) for sample in samples]
        (REPOSITORY / "docs" / "benchmarks.json").write_text(json.dumps(raw, indent=1) + "\n")
    return 1 if any(sample.failed for sample in samples if sample.subject.startswith("sbc")) else 0


def chosen(found: list[Subject], names: list[str]) -> list[Subject]:
    """Those named, in the order of the table. Raises SystemExit for a name that nobody has."""
    known = [subject.name for subject in found]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no row {unknown[0]!r}: there are {', '.join(map(repr, known))}")
    return [subject for subject in found if subject.name in names]


def run(found: list[Subject], rates: list[float], rounds: int, calls: int, seconds: float) -> list[Sample]:
    """All samples; progress goes to standard error."""
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="sbc-bench-") as folder, Namespace("bench") as namespace:
        for number in range(rounds):
            for rate in rates:
                for subject in found:
                    if rate > subject.most:
                        continue
                    directory = Path(folder) / f"{len(samples)}"
                    sample = measure(subject, rate, int(min(calls, seconds * rate)), directory, namespace.name)
                    samples.append(sample)
                    print(
                        f"round {number + 1}/{rounds}  {rate:g}/s  {subject.name}: {sample.cpu:.0f} us a call, "
                        f"{sample.failed} failed, {sample.retransmissions} repeated",
                        file=sys.stderr,
                    )
    return samples


def report(samples: list[Sample], found: list[Subject], rates: list[float], missing: list[str]) -> str:
    """The table as Markdown."""
    lines = [
        "# CPU per call",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} processors shared with SIPp and others, "
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.",
        "",
        "INVITE, 180, 200, ACK, BYE, 200; microseconds of CPU time of the whole process group, median over interleaved",
        f"rounds of one run; in brackets the ratio to {REFERENCE}. `sbc` is what",
        "`pip install .` gives where a C compiler is (compiled by mypyc), with hiding, audit, admission and logs on.",
        "Read ratios, not microseconds: the machine is shared and its speed drifts.",
        "",
        "| | " + " | ".join(f"{rate:g} calls/s" for rate in rates) + " | failed | resident MB |",
        "| --- |" + " ---: |" * (len(rates) + 2),
    ]
    reference = {rate: _median(samples, REFERENCE, rate) for rate in rates}
    for subject in found:
        own = [sample for sample in samples if sample.subject == subject.name]
        if not own:
            missing = [*missing, f"{subject.name}: asked at {subject.most:g} calls/s at most"]
            continue
        cells = [_cell(_median(samples, subject.name, rate), reference[rate]) for rate in rates]
        failed = sum(sample.failed for sample in own)
        resident = max(sample.resident for sample in own) / 1e6
        lines.append(f"| {subject.name} | {' | '.join(cells)} | {failed} | {resident:.0f} |")
    lines += ["", _share(samples, rates), *_delays(samples, found, rates), *_anchored(samples, rates)]
    lines += [f"Not measured: {reason}." for reason in missing]
    lines += ["", "`make bench` measures again; `make bench-record` writes this page.", ""]
    return "\n".join(lines)


def _median(samples: list[Sample], subject: str, rate: float) -> float:
    values = [sample.cpu for sample in samples if sample.subject == subject and sample.rate == rate]
    return statistics.median(values) if values else 0.0


def _cell(value: float, reference: float) -> str:
    if not value:
        return "-"
    return f"{value:.0f} ({value / reference:.2f})" if reference else f"{value:.0f}"


def _delays(samples: list[Sample], found: list[Subject], rates: list[float]) -> list[str]:
    """A second table: what each adds to a call's set-up, beside the floor."""
    lines = [
        "",
        "From INVITE to 200 as the caller sees it, milliseconds: median, 95th and 99th percentile, medians over the",
        "rounds, in SIPp's steps of 4 ms. The callee answers at once, so that the first row is what SIPp and the",
        "machine take by themselves.",
        "",
        "| | " + " | ".join(f"{rate:g} calls/s" for rate in rates) + " |",
        "| --- |" + " ---: |" * len(rates),
    ]
    measured = {sample.subject for sample in samples}
    for subject in [subject for subject in found if subject.name in measured]:
        cells = []
        for rate in rates:
            own = [sample.delays for sample in samples if (sample.subject, sample.rate) == (subject.name, rate)]
            cells.append(" / ".join(f"{statistics.median(each):.1f}" for each in zip(*own, strict=True)) or "-")
        lines.append(f"| {subject.name} | {' | '.join(cells)} |")
    return lines


def _anchored(samples: list[Sample], rates: list[float]) -> list[str]:
    """A third table: of those whose media run through an engine, what they spend and what the engine does."""
    own = [sample for sample in samples if sample.engine]
    names = [name for name in (EMBEDDED, ANCHORED, ANCHORED_REFERENCE) if any(one.subject == name for one in own)]
    shown = [rate for rate in rates if any(sample.rate == rate for sample in own)]
    if not names:
        return []
    lines = [
        "",
        "Calls whose media are anchored: microseconds of CPU a call without the engine, in brackets the ratio to",
        f"{ANCHORED_REFERENCE}, and behind the plus sign the engine's. No media are sent; the daemon is the same, and",
        "asked for the same. The first table has the sums, with failures.",
        "",
        "| | " + " | ".join(f"{rate:g} calls/s" for rate in shown) + " |",
        "| --- |" + " ---: |" * len(shown),
    ]
    for name in names:
        cells = []
        for rate in shown:
            at_rate = [sample for sample in own if sample.rate == rate]
            parts = {
                subject: statistics.median([one.cpu - one.engine for one in at_rate if one.subject == subject] or [0.0])
                for subject in (name, ANCHORED_REFERENCE)
            }
            engine = statistics.median([one.engine for one in at_rate if one.subject == name] or [0.0])
            cells.append(f"{_cell(parts[name], parts[ANCHORED_REFERENCE])} + {engine:.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _relayed(rounds: int, *, is_quick: bool) -> str:
    """The engines' CPU for media itself, as a section of the page."""
    if not shutil.which("rtpengine"):
        return "\nMedia: rtpengine is not installed, so that there is nothing to stand beside.\n"
    calls, seconds = (10, 1.0) if is_quick else (media.CALLS, media.SECONDS)
    table = media.report(media.run(calls, seconds, rounds), calls)
    text = f"\n# CPU per packet of media\n\n{table}\n"
    print(text)
    return text


def _share(samples: list[Sample], rates: list[float]) -> str:
    parts = []
    for rate in rates:
        on, off = _median(samples, "sbc", rate), _median(samples, "sbc, audit off", rate)
        if on and off:
            parts.append(f"{100 * (on - off) / on:.0f} % at {rate:g}/s")
    return f"The audit's share of the node's CPU: {', '.join(parts)}." if parts else ""


if __name__ == "__main__":
    raise SystemExit(main())
