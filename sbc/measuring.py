"""What the media engine tells of a call's media when its session is deleted: one event, after the call's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import rtpengine
from sbc.call import Call
from sbc.media import NOBODY, audio_of, legs_of
from sbc.outputs import CallMeasured, Event, known
from sbc.wire import Now


class Measuring:
    """Waits for the reply to the delete of one call's session, with what the call knew at that moment."""

    __slots__ = ("_call", "_engine", "_forget", "_report", "_said", "_session", "_tags", "_talked", "_wall")

    def __init__(
        self, call: Call, now: Now, report: Callable[[Event], None], forget: Callable[[str, int], None]
    ) -> None:
        media = call.media
        assert media is not None
        self._call: Final = call.id
        self._wall: Final = now.wall
        self._talked: Final = now.wall - call.answer_wall if call.answer_wall else 0.0
        self._tags: Final = media.tags
        self._session: Final = media.call_id
        self._engine: Final = media.engine
        self._said: Final = said_in(call)
        self._report: Final = report
        self._forget: Final = forget

    def hear(self, reply: rtpengine.Reply | None) -> None:
        """The reply; without a word of media the session may still be there, and is deleted by its name alone."""
        if reply is None:
            return
        legs = legs_of(reply, self._tags)
        if legs is None:
            if "warning" in reply.body or reply.result is not rtpengine.Result.OK:
                self._forget(self._session, self._engine)
            return
        audio, unheard = audio_of(legs, self._said, self._talked)
        self._report(CallMeasured(self._call, self._wall, audio, unheard, legs[0], legs[1]))


def said_in(call: Call) -> tuple[bytes, bytes]:
    """What both peers have last said of themselves."""
    a, b = call.a, call.b
    return (a.said if a is not None else b"", b.said if b is not None else b"")


class LiveSession:
    """The media session of a call that is up: at which engine, under which name and tags, what both peers said."""

    __slots__ = ("engine", "name", "said", "since", "tags")

    def __init__(self, engine: int, name: str, tags: tuple[str, str], said: tuple[bytes, bytes], since: float) -> None:
        self.engine: Final = engine
        self.name: Final = name
        self.tags: Final = tags
        self.said: Final = said
        self.since: Final = since
        """Wall time of the answer, 0 before."""

    def rows(self, reply: rtpengine.Reply, wall: float) -> dict[str, object] | None:
        """What the engine says of it, for operators; None where it says nothing."""
        legs = legs_of(reply, self.tags)
        if legs is None:
            return None
        audio, unheard = audio_of(legs, self.said, wall - self.since if self.since else 0.0)
        named = {"unheard": unheard} if unheard else {}
        return {"audio": audio, **named, "caller": known(legs[0]), "callee": known(legs[1])}


def live_session(call: Call) -> LiveSession | None:
    """The session that a call has at an engine; None where its media are bypassed, or not there yet."""
    media = call.media
    if media is None or not media.is_anchored or not media.is_agreed or media.engine == NOBODY:
        return None
    return LiveSession(media.engine, media.call_id, media.tags, said_in(call), call.answer_wall)
