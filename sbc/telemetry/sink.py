"""Where log lines go: a thread of its own renders and writes them, so that a slow terminal or a full pipe never holds a
call up, and what renders is warm when it gets to work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

BACKLOG: Final = 20_000
"""Lines that may wait for the writer; beyond, lines are lost and counted."""

_PAUSE: Final = 0.05

_AT_ONCE: Final = 32
"""Lines rendered for one write: that takes well under a millisecond, and calls go on during the write."""

Line = str | Callable[[], str]
"""A line, or what makes it when its turn comes."""


class Sink:
    """Takes lines from any thread and writes them in batches to `stream`."""

    def __init__(self, stream: TextIO) -> None:
        self.lost = 0
        self._stream: Final = stream
        self._lines: Final[deque[Line]] = deque()
        self._wake: Final = threading.Event()
        self._stop: Final = threading.Event()
        self._writer: Final = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._writer.start()

    def msg(self, line: Line) -> None:
        """Queue one line, without its end, or what makes it."""
        if len(self._lines) >= BACKLOG:
            self.lost += 1
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Write what is queued and stop; waits two seconds for a stream that does not take it."""
        self._stop.set()
        self._wake.set()
        self._writer.join(2.0)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._write()
            if self._stop.is_set():
                self._write()
                return
            # One write for many lines of a moment: at 3,000 lines a second, 100 system calls and not 3,000.
            self._stop.wait(_PAUSE)

    def _write(self) -> None:
        lines = self._lines
        waiting = len(lines)
        while waiting:
            batch = [lines.popleft() for _ in range(min(waiting, _AT_ONCE))]
            waiting -= len(batch)
            text = "\n".join([line if isinstance(line, str) else line() for line in batch])
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # the reader went away, or the stream was closed at exit
                self.lost += len(batch)
