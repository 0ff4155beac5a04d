"""The supervisor that has relieved the one that the rig started: no child of ours, found by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.rig.process import NotReady, wait_until


class Successor:
    """Looks like `Process` as far as `Node` uses one. Its exit code is nobody's to know: 0 once it is gone."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][:1]
        except OSError:
            return False
        return state not in ("Z", "X")

    @property
    def returncode(self) -> int | None:
        """0 once it has ended."""
        return None if self.running else 0

    def output(self) -> str:
        """What it and those before it printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, timeout: float) -> int:
        """Until it has ended."""
        wait_until(lambda: not self.running, timeout, f"the end of process {self.pid}")
        return 0

    def signal(self, number: int) -> None:
        """Send it a signal, it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once; its workers notice."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(NotReady):
            self.wait(5)

    def stop(self, timeout: float = 5.0) -> int:
        """Ask it to end, then make it."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(NotReady):
            self.wait(timeout)
        self.kill()
        return 0
