"""`python -m tests.fuzz --target parser --inputs 50000 --seed 1`: exit code 1 where an input failed."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz import corpora
from tests.fuzz.loop import Report, fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz one target, or each of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--inputs", type=int, default=10_000, help="inputs for each target, the seeds included")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dictionary = corpora.dictionary() if corpora.ROOT.is_dir() else []
    failed = False
    for name in TARGETS if options.target == "all" else [options.target]:
        report = fuzz(TARGETS[name], options.inputs, options.seed, dictionary, _progress)
        sys.stdout.write(f"{report}\n")
        for data, trace in report.failures:
            failed = True
            sys.stdout.write(f"\ninput ({len(data)} octets): {data[:4096]!r}\n{trace}")
    return 1 if failed else 0


def _progress(report: Report) -> None:
    sys.stderr.write(f"{report}\n")


if __name__ == "__main__":
    sys.exit(main())
