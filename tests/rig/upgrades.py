"""`sbc upgrade` of a rig's node, and what a bystander sees of it: the control socket's silence, callers' repeats."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any, Final

from tests.rig.node import Node
from tests.rig.sipp import Sipp
from tests.rig.successor import Successor

STRAYS = ("dropped.stray-response", "refused.481")
"""What a worker counts that was given what another one owns."""


def sbc(node: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command to the node."""
    command = [sys.executable, "-m", "sbc", *arguments, "--control", str(node.control)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


def upgrade(node: Node, *arguments: str) -> dict[str, Any]:
    """`sbc upgrade`: what it said. `node` is the new one from then on."""
    done = sbc(node, "upgrade", "--json", *arguments)
    assert done.returncode == 0, done.stderr + node.log()[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    node.process = Successor(said["pid"], node.process.log)  # type: ignore[assignment]
    return said


class Growth:
    """What counters have come to over all processes: each begins at nothing, and takes what it had along at its end."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self._known: Counter[str] = Counter()

    def add(self, now: Counter[str]) -> None:
        """They stand at this now."""
        self.total += now - self._known
        self._known = now


class Watcher:
    """Asks the control socket again and again: how long it was silent at the longest, and what came to a worker that
    could do nothing with it, over all processes that there were.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stop = threading.Event()
        self.longest = 0.0
        self.failures = 0
        self._astray: Final = Growth()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        answered = time.monotonic()
        while not self._stop.is_set():
            try:
                found = self._node.ask("GET", "/status")
            except OSError:
                self.failures += 1
            else:
                now = time.monotonic()
                self.longest, answered = max(self.longest, now - answered), now
                self._count(found)
            self._stop.wait(0.1)

    @property
    def astray(self) -> dict[str, int]:
        """How often, by what was counted."""
        return dict(self._astray.total)

    def _count(self, found: dict[str, Any]) -> None:
        if "events" in found:
            now = {name: found["events"].get(name, 0) for name in STRAYS}
            self._astray.add(Counter(now | {"lost letters": found["steering"]["lost"]}))

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(20)


def repeated(caller: Sipp) -> int:
    """INVITEs and BYEs that SIPp sent once more, as its last screen has them."""
    found = re.findall(r"(INVITE|BYE) -+>(?: +\S*RTD\d)? +\d+ +(\d+)", caller.process.output())
    assert len(found) >= 2, caller.process.output()[-2000:]
    return sum(int(count) for _, count in found[-2:])


def answers(caller: Sipp) -> list[float]:
    """Seconds from each INVITE to its 200, in order of length: what callers have seen of a change."""
    (file,) = caller.process.log.parent.glob("*_rtt.csv")
    rows = [line.split(";") for line in file.read_text().splitlines()[1:]]
    return sorted([float(row[1]) / 1000 for row in rows])
