"""Claims about time on machines that have other things to do: a bound is what is claimed, and how late the machine was.

`wait_until` is patient: what has to come may take as long as a slow runner needs. Where the product says how soon
something is, that is measured here, beside a thread that asks to be woken again and again and sees how late it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from tests.rig.process import wait_until

_PACE: Final = 0.02


class Lateness:
    """While it is entered: `late` is by how many seconds in all the machine woke us later than we asked for."""

    def __init__(self) -> None:
        self.late = 0.0
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(_PACE):
            now = time.monotonic()
            self.late += now - before - _PACE
            before = now

    def __enter__(self) -> Lateness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self, took: float, claimed: float, what: str) -> None:
        """Fails where it took longer than is claimed, and longer than the machine's being late explains."""
        assert took <= claimed + self.late, f"{what} took {took:.2f} s: {claimed:g} s are claimed, {self.late:.2f} late"


def expect_within(claimed: float, condition: Callable[[], bool], what: str) -> None:
    """Wait until it is true, and hold the product to its claim of so many seconds."""
    with Lateness() as machine:
        began = time.monotonic()
        wait_until(condition, 30, what)
        took = time.monotonic() - began
    machine.check(took, claimed, what)
