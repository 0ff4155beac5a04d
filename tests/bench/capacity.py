"""`python -m tests.bench.capacity`: the highest rate of calls each subject takes on this machine, SIPp beside it.

After RFC 7502 sections 4.10 and 6.1: the rate grows until a run has failures, then the space between the last good and
the first bad rate is halved until it is narrow. A run is good where at most one call in a thousand failed and SIPp came
to the rate it was asked for. Subjects take turns, run by run, so that all of them meet the same moods of the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench.installed import CACHE
from tests.bench.load import measure
from tests.bench.subjects import ANCHORED, ANCHORED_REFERENCE, EMBEDDED, NODE, REFERENCE, Subject, subjects
from tests.rig.namespaces import Namespace

FAILED: Final = 0.001
REACHED: Final = 0.95
_NAMES: Final = (NODE, REFERENCE)
_ANCHORED: Final = (EMBEDDED, ANCHORED, ANCHORED_REFERENCE)


class Search:
    """Looks for the highest good rate: `rate` is what to try next (0: the search is over), `best` the highest good."""

    def __init__(self, first: float, narrow: float, most: float) -> None:
        self.rate = first
        self.best = 0.0
        self._bad = 0.0
        self._narrow: Final = narrow
        self._most: Final = most

    def tell(self, is_good: bool) -> None:
        """How the run at `rate` went."""
        if is_good:
            self.best = max(self.best, self.rate)
        else:
            self._bad = min(self._bad, self.rate) if self._bad else self.rate
        if not self._bad:
            self.rate = min(2 * self.rate, self._most) if self.rate < self._most else 0.0
        elif self._bad - self.best <= self._narrow * self._bad:
            self.rate = 0.0
        else:
            self.rate = (self.best + self._bad) / 2


def main() -> int:
    """Search and print; exit 1 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity", description=__doc__)
    parser.add_argument("--first", type=float, default=200, help="calls a second to begin with (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="length of a run (%(default)s)")
    parser.add_argument("--narrow", type=float, default=0.06, help="share of the rate that may stay open (%(default)s)")
    parser.add_argument("--anchored", action="store_true", help="who has media anchored: embedded, or at rtpengine")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("not root: no namespace of our own can be made", file=sys.stderr)
        return 1
    names = _ANCHORED if options.anchored else _NAMES
    found = [subject for subject in subjects(CACHE)[0] if subject.name in names]
    searches = {subject.name: Search(options.first, options.narrow, 6400.0) for subject in found}
    with tempfile.TemporaryDirectory(prefix="sbc-bench-") as folder, Namespace("bench") as namespace:
        number = 0
        while any(search.rate for search in searches.values()):
            for subject in found:
                search = searches[subject.name]
                if search.rate:
                    number += 1
                    search.tell(_try(subject, search.rate, options.seconds, Path(folder) / f"{number}", namespace.name))
    for name, search in searches.items():
        print(f"{name}: {search.best:.0f} calls a second")
    return 0 if searches and all(search.best for search in searches.values()) else 1


def _try(subject: Subject, rate: float, seconds: float, directory: Path, namespace: str) -> bool:
    calls = int(rate * seconds)
    sample = measure(subject, rate, calls, directory, namespace)
    is_good = sample.failed <= FAILED * calls and sample.reached >= REACHED * rate
    print(
        f"{subject.name} at {rate:.0f}/s: {sample.failed} of {calls} failed, {sample.retransmissions} repeated, "
        f"SIPp came to {sample.reached:.0f}/s: {'good' if is_good else 'too much'}",
        file=sys.stderr,
    )
    return is_good


if __name__ == "__main__":
    raise SystemExit(main())
