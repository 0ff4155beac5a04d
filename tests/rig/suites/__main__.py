"""`python -m tests.rig.suites`: run the suites, print the table, exit 1 if anything fails."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tests.rig.needs import corpora, lacking
from tests.rig.suites.report import as_page, as_text
from tests.rig.suites.run import classified, run_rows
from tests.rig.suites.table import SUITES

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "suites.md"


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig.suites", description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES, help="only this one (may be repeated)")
    parser.add_argument("--only", default="", help="only scenarios whose name holds this")
    parser.add_argument("--direct", action="store_true", help="leave the node out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", action="store_true", help=f"write docs/{_PAGE.name}")
    arguments = parser.parse_args()
    if reason := lacking("sipp") or ("" if (corpora() / "sipp").is_dir() else "no corpora beside the repository"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    todo = [row for suite in arguments.suite or SUITES for row in classified(suite) if arguments.only in row.file]
    outcomes = run_rows(todo, direct=arguments.direct)
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(outcome) for outcome in outcomes], indent=1) + "\n")
    else:
        sys.stdout.write(as_text(outcomes) + "\n")
    if arguments.record:
        _PAGE.write_text(as_page(outcomes))
    return 1 if any(outcome.verdict == "fail" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
