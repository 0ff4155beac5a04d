"""Which lines followed which: the coverage that guides the fuzzer, and a bound on the work one input may cause."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any


class TooMuchWork(BaseException):
    """One input kept the traced code busy beyond the bound. Not an Exception, so that no target can swallow it."""


class Arcs:
    """Runs a function and tells the arcs (line to line, per function) that it took in files under `folders`.

    Counting lines instead of seconds makes the bound the same on every machine.
    """

    def __init__(self, folders: tuple[str, ...], most_lines: int) -> None:
        self.lines = 0
        self._folders = folders
        self._most_lines = most_lines
        self._numbers: dict[CodeType, int] = {}
        self._taken: set[int] = set()

    def run(self, function: Callable[[bytes], None], data: bytes) -> set[int]:
        """The arcs of one call; what the function raises comes through."""
        self._taken = set()
        self.lines = 0
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            function(data)
        finally:
            sys.settrace(before)
        return self._taken

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401 - what `sys.settrace` wants
        code = frame.f_code
        number = self._numbers.get(code)
        if number is None:
            wanted = code.co_filename.startswith(self._folders)
            number = len(self._numbers) + 1 if wanted else 0
            self._numbers[code] = number
        if number == 0:
            return None
        previous = 0
        base = number << 32

        def follow(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401
            nonlocal previous
            if event == "line":
                self._taken.add(base | previous << 16 | frame.f_lineno)
                previous = frame.f_lineno
                self.lines += 1
                if self.lines > self._most_lines:
                    raise TooMuchWork(f"more than {self._most_lines} lines")
            return follow

        return follow
