"""The calls of media engines that are lost, on their way to other engines: a few at a time, so that neither peers nor
engines meet a flood."""

from __future__ import annotations

from collections import deque
from typing import Final

from sbc import call as calls
from sbc.call import Call
from sbc.egress import Egress
from sbc.media import MediaSession
from sbc.outputs import MediaEngineLost

AT_ONCE: Final = 10
EVERY: Final = 0.1
"""Seconds between two bunches: a hundred calls a second."""
AGAIN: Final = 1.0
"""Seconds until a call that cannot be moved yet is looked at again."""
PATIENCE: Final = 32.0
"""Seconds that calls wait for an engine to move to."""


class Evacuation:
    """Which calls have lost their engine, and whose turn it is; `Egress.wheel` holds it by its `next_timer`."""

    __slots__ = ("_again", "_egress", "_ready", "next_timer")

    def __init__(self, egress: Egress) -> None:
        self._egress: Final = egress
        self._ready: Final[deque[Call]] = deque()
        self._again: Final[deque[tuple[float, Call]]] = deque()
        self.next_timer: float | None = None

    def __len__(self) -> int:
        return len(self._ready) + len(self._again)

    def lose(self, engine: int, silent: float, sessions: frozenset[str] | None = None) -> None:
        """An engine is lost, which has not been heard of for `silent` seconds.

        With `sessions` it has begun anew: these are gone, by their names there, and it takes others.
        """
        egress = self._egress
        now, names = egress.now, egress.placement.names
        if sessions is None and 0 <= engine < len(names):
            egress.placement.pool.note_loss(engine)
        hit = 0
        for call in list(egress.calls.values()):
            lost = False
            for media in sessions_of(call):
                if media.engine == engine and not media.is_gone and (sessions is None or media.call_id in sessions):
                    media.is_gone = lost = True
                    media.lost_at = media.lost_at or now.monotonic - silent
            if not lost:
                continue
            hit += 1
            self._ready.append(call)
            if call.step is not None and call.media is not None and call.media.is_gone and not call.ready:
                egress.unheard.append(call.serial)
        name = names[engine] if 0 <= engine < len(names) else ""
        if name or hit:
            egress.report(MediaEngineLost(name, now.wall, hit))
        if hit:
            self.next_timer = now.monotonic
            egress.wheel.arm(self, now.monotonic)

    def add(self, call: Call) -> None:
        """This call is to be taken to another engine, once it is up."""
        due = self._egress.now.monotonic + AGAIN
        self._again.append((due, call))
        if self.next_timer is None:
            self.next_timer = due
            self._egress.wheel.arm(self, due)

    def hear(self, engine: int, is_alive: bool) -> None:
        """An engine answered a ping, or did not; one that is the first to live again has calls that wait for it."""
        pool, time = self._egress.placement.pool, self._egress.now.monotonic
        if not is_alive:
            pool.note_silence(engine, time)
            return
        is_first = not pool.has_live(time)
        pool.note_answer(engine)
        if is_first and self._again:
            self._ready.extend([call for _, call in self._again])
            self._again.clear()
            self.next_timer = time
            self._egress.wheel.arm(self, time)

    def handle_timer(self) -> None:
        """Those whose turn it is."""
        egress = self._egress
        now = egress.now
        time = now.monotonic
        while self._again and self._again[0][0] <= time:
            self._ready.append(self._again.popleft()[1])
        has_place = egress.placement.pool.has_live(time)
        for _ in range(min(AT_ONCE, len(self._ready)) if has_place else len(self._ready)):
            call = self._ready.popleft()
            if not has_place:
                self._wait(call)
            elif not calls.displace(call, egress, now):
                self._again.append((time + AGAIN, call))
            egress.arm(call)
        self.next_timer = time + EVERY if self._ready else (self._again[0][0] if self._again else None)
        if self.next_timer is not None:
            egress.wheel.arm(self, self.next_timer)

    def _wait(self, call: Call) -> None:
        """There is no engine to go to: a while of that may pass."""
        now, media = self._egress.now, call.media
        if call.is_over or media is None or not media.lost_at:
            return
        if media.lost_at + PATIENCE <= now.monotonic:
            calls.hang_up(call, self._egress, now, calls.ENGINE_LOST, 503)
        else:
            self._again.append((now.monotonic + AGAIN, call))


def sessions_of(call: Call) -> list[MediaSession]:
    """All that a call has at engines, the one of a transfer under way included."""
    join = call.join
    found = [call.media] if join is None else [call.media, join.media, join.former]
    return [media for media in dict.fromkeys(found) if media is not None and media.is_anchored]
