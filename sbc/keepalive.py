"""Keeping the way to peers open whose NAT forgets it: something is sent to them before it does.

For realms that ask for it (`nat.keep_alive`), to peers that are no trunk: registered ones until their registration
ends, those in calls as long as the call. CRLF is a double line end (RFC 5626 section 4.4.1, and over UDP as well);
OPTIONS is a request outside dialogs, and a peer that leaves three of them unanswered is left alone.
"""

from __future__ import annotations

from typing import Final

from sbc.dialog import Dialog
from sbc.egress import Egress
from sbc.outputs import Transmit
from sbc.probes import Prober, Question
from sbc.transaction import TransactionState
from sbc.wire import Flow, Now

MAX_KEPT: Final = 100_000
"""Ways kept open at most; further ones have to keep themselves."""
MISSES: Final = 3
"""Unanswered OPTIONS in a row after which a peer is gone."""
PING: Final = b"\r\n\r\n"
_DIALOGS: Final = 8
_GRAINS: Final = 1 << 20


class Beat:
    """One way that is kept open, for as long as it is wanted; in the engine's wheel."""

    __slots__ = ("dialogs", "flow", "misses", "next_timer", "question", "until")

    def __init__(self, flow: Flow) -> None:
        self.flow: Final = flow
        self.until = 0.0
        """End of the registration behind it, 0 for none."""
        self.dialogs: list[Dialog] = []
        """Dialogs of the peer; the latest few."""
        self.question: Question | None = None
        self.misses = 0
        self.next_timer: float | None = None

    def is_wanted(self, now: float) -> bool:
        """Whether the peer is still to be reached there."""
        self.dialogs = [one for one in self.dialogs if one.owner is not None and one.flow == self.flow]
        return self.until > now or bool(self.dialogs)


class Keeper:
    """Keeps one beat for each way; never more than `capacity`."""

    __slots__ = ("_beats", "_egress", "_prober", "capacity", "silent")

    def __init__(self, egress: Egress, prober: Prober) -> None:
        self._egress: Final = egress
        self._prober: Final = prober
        self._beats: Final[dict[Flow, Beat]] = {}
        self.capacity = MAX_KEPT
        self.silent = 0
        """Peers that answered no more."""

    def __len__(self) -> int:
        return len(self._beats)

    def note(self, flow: Flow, now: Now, until: float = 0.0, dialog: Dialog | None = None) -> None:
        """A peer is at this flow, and is to be reached there until then, or while the dialog lasts."""
        if self._egress.realm_of(flow).nat.keep_alive == "none":
            return
        beat = self._beats.get(flow)
        if beat is None:
            if len(self._beats) >= self.capacity:
                return
            beat = self._beats[flow] = Beat(flow)
            self._arm(beat, now)
        beat.until = max(beat.until, until)
        beat.misses = 0
        if dialog is not None and dialog not in beat.dialogs:
            beat.dialogs = [*beat.dialogs[1 - _DIALOGS :], dialog]

    def lose(self, flow: Flow) -> None:
        """Nothing arrives there any more: the peer has to come back by itself."""
        beat = self._beats.pop(flow, None)
        if beat is not None:
            beat.next_timer = None

    def handle_beat(self, beat: Beat, now: Now) -> None:
        """It is time to send something, unless nobody needs it."""
        question = beat.question
        if question is not None:
            beat.question = None
            beat.misses = 0 if question.done else beat.misses + 1
            tx = question.tx
            if tx is not None and tx.state is not TransactionState.TERMINATED and not question.done:
                self._egress.run(tx, tx.abandon(now.monotonic))
        if beat.misses >= MISSES:
            self.silent += 1
        if beat.misses >= MISSES or not beat.is_wanted(now.monotonic):
            self.lose(beat.flow)
            return
        if self._egress.realm_of(beat.flow).nat.keep_alive == "options":
            beat.question = self._prober.greet(beat.flow, now)
        else:
            self._egress.transmit(Transmit(PING, beat.flow))
        self._arm(beat, now)

    def _arm(self, beat: Beat, now: Now) -> None:
        every = self._egress.realm_of(beat.flow).nat.every
        # Never later than asked for, and not all at the same time.
        beat.next_timer = now.monotonic + every * (0.8 + 0.2 * self._egress.mint.number(20) / _GRAINS)
        self._egress.wheel.arm(beat, beat.next_timer)
