"""Sessions and media engines: each new session to one of the pool, to the next one where that is silent or full."""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc.call import Call
from sbc.config import Config, Engine
from sbc.media import NOBODY, MediaPool, MediaSession, codecs_told
from sbc.mint import Mint

EMBEDDED: Final = "embedded"
"""The name of the engine that the node starts for itself."""


class Placement:
    """The pool, and what a session's fate teaches about its engines."""

    def __init__(self, config: Config, mint: Mint) -> None:
        shown = [(engine_name(one), one.weight) for one in config.media.engines] or [(EMBEDDED, 1)]
        self.pool: Final = MediaPool(shown)
        self.names: Final = [name for name, _ in shown]
        """The engines' names in the pool's order."""
        self._interfaces: Final[dict[int, frozenset[str]]] = {}
        self._capabilities: Final[dict[int, rtpengine.Capabilities]] = {}
        self._mint: Final = mint

    def know(self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities) -> None:
        """What an engine has; one that was never asked counts as having everything."""
        self._interfaces[engine] = interfaces
        self._capabilities[engine] = capabilities

    def has_other(self, engine: int, now: float) -> bool:
        """True where another engine than this one is in service and not silent."""
        return any(one.state(now) == "up" for index, one in enumerate(self.pool.members) if index != engine)

    def told(self, media: MediaSession) -> list[str]:
        """Why a session is where it is, in sentences for people."""
        if not 0 <= media.engine < len(self.names):
            return ["no engine has it"]
        found = [f"engine {self.names[media.engine]}"]
        for engine in media.unfit:
            lacking = "an interface of this call"
            if not self._lacks_interface(engine, media):
                lacking = ", ".join(self.lacks(engine)) or "what it needs"
            found.append(f"{self.names[engine]} was passed over: it lacks {lacking}")
        return found + [f"{self.names[engine]} was silent or full" for engine in media.tried]

    def _lacks_interface(self, engine: int, media: MediaSession) -> bool:
        known = self._interfaces.get(engine, frozenset())
        return bool(known) and any(name and name not in known for name in media.interfaces)

    def lacks(self, engine: int) -> list[str]:
        """What an engine is known not to have."""
        able = self._capabilities.get(engine)
        return [] if able is None else [feature.value for feature in rtpengine.Feature if not able.has(feature)]

    def engine_of(self, media: MediaSession | None, command: rtpengine.Command, now: float) -> int:
        """Where the session's next command goes."""
        if media is None:
            return 0
        if media.engine == NOBODY and not media.is_gone:
            self._choose(media, command, now)
        return media.engine

    def note(self, media: MediaSession | None, reply: rtpengine.Reply | None, now: float) -> None:
        """What its engine answered, None for silence."""
        if media is None or media.engine == NOBODY or media.is_gone:
            return
        if reply is None:
            self.pool.note_silence(media.engine, now)
        else:
            self.pool.note_answer(media.engine)

    def move(self, call: Call, reply: rtpengine.Reply | None, now: float) -> rtpengine.Offer | None:
        """The offer to repeat to the engine that the session has now; None where it must stay, or nobody is left."""
        media = call.media
        if media is None or media.movable is None or media.engine == NOBODY or call.delete_wanted or call.is_over:
            return None
        refusal = reply.refusal if reply is not None else None
        if reply is not None:
            if refusal is None or not refusal.is_limit:
                return None
            self.pool.members[media.engine].limited += 1
        former = media.engine
        media.tried = (*media.tried, former)
        self._choose(media, media.movable, now)
        if media.engine == NOBODY:
            media.engine = former  # that is who must be told to forget
            return None
        return media.movable

    def _choose(self, media: MediaSession, command: rtpengine.Command, now: float) -> None:
        unfit = media.unfit = self._unfit(media, command) if len(self.names) > 1 else ()
        media.engine = self.pool.choose(self._draw, now, (*media.tried, *unfit))
        if media.engine == NOBODY and unfit:
            media.engine = self.pool.choose(self._draw, now, media.tried)  # it may do in part
        media.placed_at = now
        if media.is_gone:
            media.is_gone, media.lost_at = False, 0.0
        if media.engine != NOBODY:
            self.pool.members[media.engine].placed += 1

    def _unfit(self, media: MediaSession, command: rtpengine.Command) -> tuple[int, ...]:
        """Engines that lack an interface of the session, or what its first offer needs; others are asked before."""
        found = [engine for engine in self._interfaces if self._lacks_interface(engine, media)]
        if isinstance(command, rtpengine.Offer):
            options = command.options
            if options.codecs is not None or options.ptime or options.ptime_reverse or options.t38:
                known = self._capabilities.items()
                found += [engine for engine, able in known if able.lacking_for(command) is not None]
        return tuple(found)

    def _draw(self, bound: int) -> int:
        return self._mint.number(32) % bound


def media_rows(placement: Placement, live: list[Call], now: float) -> list[dict[str, object]]:
    """The engines as operators see them."""
    held = [0] * len(placement.pool.members)
    for call in live:
        if call.media is not None and call.media.is_anchored and 0 <= call.media.engine < len(held):
            held[call.media.engine] += 1
    return [
        {
            "name": member.name,
            "state": member.state(now),
            "weight": member.weight,
            "calls": held[index],
            "placed": member.placed,
            "limited": member.limited,
            "failures": member.failures,
            "lacks": placement.lacks(index),
        }
        for index, member in enumerate(placement.pool.members)
    ]


def explained(call: Call, placement: Placement) -> dict[str, list[str]]:
    """Why a call's media and codecs are what they are, in sentences for people."""
    media = call.media
    if media is None:
        return {}
    said = (call.a.said if call.a is not None else b"", call.b.said if call.b is not None else b"")
    way = placement.told(media) if media.is_anchored else ["the peers speak to each other directly"]
    kinds = [f"SRTP with the {who}: {terms.name}" for who, terms in zip(("caller", "callee"), media.terms, strict=True)]
    head = f'{"anchored" if media.is_anchored else "bypassed"} by the rule "{call.rule}"'
    return {"media": [head, *way, *(kinds if media.is_anchored else ())], "codecs": codecs_told(media, said)}


def engine_name(engine: Engine) -> str:
    """What a configured engine is called, by operators and in records."""
    return f"[{engine.host}]:{engine.port}" if ":" in engine.host else f"{engine.host}:{engine.port}"
