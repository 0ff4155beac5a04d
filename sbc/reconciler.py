"""Sessions at media engines and calls here, compared: what belongs to no call is deleted, a call whose session is gone
ends, or moves where its engine has begun anew.

Only sessions under this node's mark are its business. One that is nobody's in two listings in a row is an orphan: a
command may be on its way in one of them. Where other workers share the mark, or other nodes the journal, a session may
belong to a call that one of them has now, so that its media must be silent as well.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import rtpengine
from sbc import call as calls
from sbc.call import Call, CallState
from sbc.egress import Egress
from sbc.evacuation import Evacuation, sessions_of
from sbc.media import MediaSession
from sbc.mint import slot_of

MEDIA_TIMEOUT: Final = "media timeout"
"""The cause of a call's end whose media engine has given its session up: nobody sent anything."""
UNKNOWN: Final = "Unknown call-id"
"""What an engine says of a session that it does not have."""
QUESTIONS: Final = 100
"""Sessions asked about after one listing; the rest has its turn after the next."""
DELETIONS: Final = 500
SILENCE: Final = 60
"""Seconds without a packet or a command before a session of a shared mark counts as nobody's."""
_SETTLED: Final = 5.0
"""Sessions younger than this are too new to be missed."""


class Reconciler:
    """What was found at each engine the last time. `slots` are ours, `others` those of workers with the same mark."""

    def __init__(self, egress: Egress, evacuation: Evacuation, mark: str, slots: bytes, others: frozenset[int]) -> None:
        self.orphans = 0
        """Sessions deleted because no call had them."""
        self.timeouts = 0
        """Calls ended because their session was gone."""
        self._egress: Final = egress
        self._evacuation: Final = evacuation
        self._mark: Final = mark
        self._slots: Final = slots
        self._shares: Final = bool(others) or egress.snapshot.config.store not in ("memory", "sqlite")
        self.is_paused = False
        """Another process of the same worker has calls, too: what nobody here has may be its."""
        self._suspects: Final[dict[int, frozenset[str]]] = {}
        self._asked: Final[dict[int, str]] = {}
        """The session that was last asked about, by engine: the next turn goes on behind it."""

    def status(self) -> dict[str, object]:
        """For `sbc status`."""
        return {"orphans": self.orphans, "timeouts": self.timeouts, "displaced": len(self._evacuation)}

    def compare(self, engine: int, listed: frozenset[str], uptime: float, *, is_complete: bool) -> None:
        """What an engine holds, all of it or as much as it could say, and for how many seconds it has run."""
        egress = self._egress
        time = egress.now.monotonic
        begun = time - uptime
        own: dict[str, tuple[MediaSession, Call]] = {}
        for call in egress.calls.values():
            for media in sessions_of(call):
                if media.engine == engine and not media.is_gone:
                    own[media.call_id] = (media, call)
        self._look_for_orphans(engine, listed, frozenset(own))
        missed = [
            name
            for name, (media, call) in own.items()
            if name not in listed and media.is_agreed and call.step is None and media.placed_at < time - _SETTLED
        ]
        if is_complete:
            lost = frozenset(name for name in missed if own[name][0].placed_at < begun - 2)
            if lost:
                self._evacuation.lose(engine, 0.0, lost)
            missed = [name for name in missed if name not in lost]
        for name in self._turn(engine, missed):
            media, call = own[name]
            egress.inquire(engine, rtpengine.Query(name), partial(self._hear, media, call, begun))

    def time_out(self, session: str) -> bool:
        """An engine says that it has given this session up. False: it is none of ours."""
        for call in list(self._egress.calls.values()):
            if call.media is not None and call.media.call_id == session:
                self._end(call)
                return True
        return False

    def _look_for_orphans(self, engine: int, listed: frozenset[str], own: frozenset[str]) -> None:
        if not self._mark or self.is_paused:
            return
        found = frozenset(name for name in listed if name not in own and self._is_ours(name))
        nobodys = found & self._suspects.get(engine, frozenset())
        self._suspects[engine] = found - nobodys
        for name in sorted(nobodys)[: QUESTIONS if self._shares else DELETIONS]:
            if self._shares:
                self._egress.inquire(engine, rtpengine.Query(name), partial(self._judge, engine, name))
            else:
                self._delete(engine, name)

    def _is_ours(self, name: str) -> bool:
        if not name.startswith(self._mark):
            return False
        return not self._shares or slot_of(name[len(self._mark) :]) in self._slots

    def _judge(self, engine: int, name: str, reply: rtpengine.Reply | None) -> None:
        """Delete it if nothing has moved there for a while."""
        if reply is None or reply.result is not rtpengine.Result.OK:
            return
        session = rtpengine.read_session(reply)
        heard = [one.last_packet for party in session.parties for media in party.medias for one in media.streams]
        if max([session.last_signal, session.created, *heard]) < self._egress.now.wall - SILENCE:
            self._delete(engine, name)

    def _delete(self, engine: int, name: str) -> None:
        self.orphans += 1
        self._egress.forget_media(name, engine)

    def _turn(self, engine: int, missed: list[str]) -> list[str]:
        """Those of the missing that are asked about now: the ones behind those of the last time come first."""
        last = self._asked.get(engine, "")
        chosen = sorted(missed, key=lambda name: (name <= last, name))[:QUESTIONS]
        if chosen:
            self._asked[engine] = chosen[-1]
        return chosen

    def _hear(self, media: MediaSession, call: Call, begun: float, reply: rtpengine.Reply | None) -> None:
        """What the engine says of a session that was not in its listing."""
        is_gone = reply is not None and reply.error_reason == UNKNOWN
        if not is_gone or call.is_over or call.media is not media or media.is_gone:
            return
        if media.placed_at < begun - 2:
            self._evacuation.lose(media.engine, 0.0, frozenset((media.call_id,)))
        else:
            self._end(call)

    def _end(self, call: Call) -> None:
        if call.is_over or call.state is CallState.OUTSIDE:
            return
        self.timeouts += 1
        calls.hang_up(call, self._egress, self._egress.now, MEDIA_TIMEOUT, 503)
        self._egress.arm(call)
