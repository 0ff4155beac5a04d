"""One worker's change from one process to the next, step by step: who is told what, whatever becomes of the two.

| stage | what happens | stage after | told |
| --- | --- | --- | --- |
| starting | the next one is ready | leaving | the former: leave |
| starting | the next one dies | starting, or failed after `TRIES` | nobody |
| starting | the former dies | orphaned | nobody: the next one is not there yet |
| orphaned | the next one is ready | over | the next: front, with the former's calls from the journal; alone |
| leaving | the former says `left` | keeping | the next: front |
| leaving | the former says `left behind` | keeping | the next: front, with the rest from the journal |
| leaving | the former dies | over | the next: front, with its calls from the journal; alone |
| leaving | the next one dies | starting, or failed after `TRIES` | the former: stay, with its calls from the journal |
| keeping | the former ends | over | the next: alone |
| any | anything else | the same | nobody |

Whoever starts again after `keeping` is an ordinary successor. No sockets and no clock here.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from sbc.supervisor.words import ALONE, FRONT, FRONT_ADOPT, LEAVE, LEFT, LEFT_BEHIND, STAY

TRIES: Final = 3
"""Next processes that may die before the former one stays for good."""


class Stage(Enum):
    """Where the change is."""

    STARTING = "starting"
    ORPHANED = "orphaned"
    LEAVING = "leaving"
    KEEPING = "keeping"
    OVER = "over"
    FAILED = "failed"


class Whom(Enum):
    """Who is told."""

    FORMER = "former"
    NEXT = "next"


Told = list[tuple[Whom, str]]


class Relief:
    """One change. Each input gives what is to be said now, in that order."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long the former process may take."""
        self.stage = Stage.STARTING
        self.deaths = 0
        """Of next processes."""
        self._seconds: Final = seconds

    @property
    def is_behind(self) -> bool:
        """Whether a next process that starts now stands behind the former one."""
        return self.stage in (Stage.STARTING, Stage.LEAVING, Stage.ORPHANED)

    @property
    def is_over(self) -> bool:
        """Whether only one of the two is left."""
        return self.stage in (Stage.OVER, Stage.FAILED)

    def next_ready(self) -> Told:
        """The next process has loaded everything and stands behind the former."""
        if self.stage is Stage.STARTING:
            self.stage = Stage.LEAVING
            return [(Whom.FORMER, f"{LEAVE} {self._seconds:g}")]
        if self.stage is Stage.ORPHANED:
            self.stage = Stage.OVER
            return [(Whom.NEXT, FRONT_ADOPT), (Whom.NEXT, ALONE)]
        return []

    def next_ended(self) -> Told:
        """The next process has died."""
        if self.stage not in (Stage.STARTING, Stage.LEAVING):
            return []
        told = [(Whom.FORMER, STAY)] if self.stage is Stage.LEAVING else []
        self.deaths += 1
        self.stage = Stage.FAILED if self.deaths >= TRIES else Stage.STARTING
        return told

    def former_said(self, word: str) -> Told:
        """A word of the former process."""
        if self.stage is not Stage.LEAVING or word not in (LEFT, LEFT_BEHIND):
            return []
        self.stage = Stage.KEEPING
        return [(Whom.NEXT, FRONT if word == LEFT else FRONT_ADOPT)]

    def former_ended(self) -> Told:
        """The former process has ended, by itself or not."""
        if self.stage is Stage.STARTING:
            self.stage = Stage.ORPHANED
            return []
        if self.stage is Stage.LEAVING:
            self.stage = Stage.OVER
            return [(Whom.NEXT, FRONT_ADOPT), (Whom.NEXT, ALONE)]
        if self.stage is Stage.KEEPING:
            self.stage = Stage.OVER
            return [(Whom.NEXT, ALONE)]
        return []
