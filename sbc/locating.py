"""Names and where they lead: what DNS said, for as long as it may be believed, and who waits for it to say something.

A name that is being asked for again, or for which nobody answers just now, leads where it led before (RFC 8767).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.call import Call, Leg, Outgoing, Sending
from sbc.config import Listener
from sbc.dialog import Dialog
from sbc.records import Located, Sought
from sbc.routing import Place, places, sought_for
from sbc.sip import Uri
from sbc.snapshot import listener_for

LOOKUP_SECONDS: Final = 10.0
"""A look-up without an answer by then has failed."""
GRACE: Final = 10.0
"""Seconds for which an old answer serves while it is asked for again."""
STALE: Final = 86400.0
"""Seconds for which it serves while nobody answers."""
RETRY: Final = 5.0
"""Seconds until the next question after that."""
SHUNNED: Final = 30.0
"""Seconds for which a place that failed is tried last."""
NOTHING: Final = Located((), 2.0, is_certain=False)
_NAMES: Final = 4096
"""Names kept at most: peers choose them, in their Contacts."""
_SHUNNED: Final = 1024


class LateAck:
    """An ACK to a 2xx that waits for the place of its next hop."""

    __slots__ = ("body", "dialog", "out")

    def __init__(self, out: Outgoing, dialog: Dialog, body: bytes) -> None:
        self.out: Final = out
        self.dialog: Final = dialog
        self.body: Final = body


Waiting = Call | Sending | LateAck


class Unanswered:
    """A look-up that nobody answers has failed (design 3a, async facts); a machine for the wheel."""

    __slots__ = ("_waiting", "deadline", "lookup")

    def __init__(self, lookup: int, waiting: dict[int, Sought], deadline: float) -> None:
        self.lookup: Final = lookup
        self.deadline: Final = deadline
        self._waiting: Final = waiting

    @property
    def next_timer(self) -> float | None:
        """The deadline, None once the answer came."""
        return self.deadline if self.lookup in self._waiting else None


class Watch:
    """A name is to be asked for again when its answer has run out; a machine for the wheel."""

    __slots__ = ("next_timer", "sought")

    def __init__(self, sought: Sought, deadline: float) -> None:
        self.sought: Final = sought
        self.next_timer: float | None = deadline


class _Known:
    """An answer; `until` is the end of its life, `stale` that of its use where there is no other."""

    __slots__ = ("located", "stale", "until")

    def __init__(self, located: Located, until: float, stale: float) -> None:
        self.located: Final = located
        self.until: Final = until
        self.stale: Final = stale


class Answered:
    """What is to be done after an answer: who waited, and the wake-up that asks again."""

    __slots__ = ("located", "sought", "waiting", "watch")

    def __init__(self, sought: Sought, located: Located, waiting: list[Waiting], watch: Watch | None) -> None:
        self.sought: Final = sought
        self.located: Final = located
        self.waiting: Final = waiting
        self.watch: Final = watch


class Locations:
    """What is known of names. `follow` says which are to be known at any time."""

    __slots__ = ("_asked", "_followed", "_known", "_lookups", "_shunned", "_waiting")

    def __init__(self) -> None:
        self._known: Final[dict[Sought, _Known]] = {}
        self._asked: Final[dict[Sought, int]] = {}
        self._lookups: Final[dict[int, Sought]] = {}
        self._waiting: Final[dict[Sought, list[Waiting]]] = {}
        self._followed: dict[Sought, Watch | None] = {}
        self._shunned: Final[dict[Place, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, sought: Sought, now: float) -> Located | None:
        """Where a name leads; None where that must be asked first (`is_asked` tells whether it is)."""
        known = self._known.get(sought)
        if known is None:
            return None
        if known.until > now or (known.until + GRACE > now and sought in self._asked):
            return known.located
        return None

    def is_asked(self, sought: Sought) -> bool:
        """True while a look-up is under way."""
        return sought in self._asked

    def ask(self, lookup: int, sought: Sought, now: float) -> Unanswered:
        """A look-up is on its way; what is given back wants to be woken at its deadline."""
        self._asked[sought] = lookup
        self._lookups[lookup] = sought
        return Unanswered(lookup, self._lookups, now + LOOKUP_SECONDS)

    def wait(self, sought: Sought, waiting: Waiting) -> None:
        """Somebody waits for a look-up that has been asked for."""
        self._waiting.setdefault(sought, []).append(waiting)

    def take(self, lookup: int, located: Located, now: float) -> Answered | None:
        """What a look-up gave; None where nobody waits for it."""
        sought = self._lookups.pop(lookup, None)
        if sought is None:
            return None
        del self._asked[sought]
        known = self._keep(sought, located, now)
        watch: Watch | None = None
        if sought in self._followed:
            watch = Watch(sought, known.until)
            self._set_watch(sought, watch)
        return Answered(sought, known.located, self._waiting.pop(sought, []), watch)

    def _keep(self, sought: Sought, located: Located, now: float) -> _Known:
        before = self._known.pop(sought, None)
        if not located.is_certain and before is not None and before.located.servers and before.stale > now:
            known = _Known(before.located, now + RETRY, before.stale)
        else:
            known = _Known(located, now + located.seconds, now + STALE)
        while len(self._known) >= _NAMES:
            self._forget_one()
        self._known[sought] = known
        return known

    def _forget_one(self) -> None:
        """The oldest answer; one of a name that is to be known at any time only where there is no other."""
        oldest = next((sought for sought in self._known if sought not in self._followed), None)
        del self._known[oldest if oldest is not None else next(iter(self._known))]

    def follow(self, soughts: tuple[Sought, ...]) -> None:
        """Keep these located from now on, and no others; asking for them the first time is the caller's."""
        for sought in self._followed:
            if sought not in soughts:
                self._set_watch(sought, None)
        self._followed = {sought: self._followed.get(sought) for sought in soughts}

    def is_followed(self, sought: Sought) -> bool:
        """True for a name that is to be known at any time."""
        return sought in self._followed

    def _set_watch(self, sought: Sought, watch: Watch | None) -> None:
        before = self._followed.get(sought)
        if before is not None:
            before.next_timer = None
        self._followed[sought] = watch

    def shun(self, place: Place, now: float) -> None:
        """Requests to this place failed: others first, for a while."""
        if len(self._shunned) >= _SHUNNED:
            self._shunned.clear()
        self._shunned[place] = now + SHUNNED

    def places(
        self, leg: Leg, located: Located, dialog: Dialog | None, draw: Callable[[int], int], now: float
    ) -> list[Place]:
        """Where a request on a leg can go, in the order to try: where its peer was last seen first, if that is one.

        Places that failed lately come last.
        """
        found = [
            place
            for place in places(located.servers, draw)
            if listener_for(leg.realm, place.transport, place.host) is not None
        ]
        host = dialog.flow.host if dialog is not None else ""
        shunned = self._shunned
        found.sort(key=lambda place: (shunned.get(place, 0.0) > now, place.host != host))
        return found


def listener_to(leg: Leg, place: Place) -> Listener:
    """By which to send on a leg: its own where that will do."""
    own = leg.listener
    if own.transport == place.transport and (":" in own.host) == (":" in place.host):
        return own
    return listener_for(leg.realm, place.transport, place.host) or own


def sought_on(leg: Leg, uri: Uri, dialog: Dialog | None) -> Sought:
    """What to ask for to reach the next hop of a request on a leg."""
    sought = sought_for(uri, frozenset([listener.transport for listener in leg.realm.listeners]))
    return sought._replace(is_secure=True) if dialog is not None and dialog.secure else sought
