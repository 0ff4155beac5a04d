"""Refusing new work before waiting grows: how much of it is let in, by how late the node is."""

from __future__ import annotations

from typing import Final

from sbc.sip import Request

SHEDDABLE: Final[frozenset[str]] = frozenset({"INVITE", "MESSAGE", "REGISTER"})
"""Methods that begin work outside dialogs. OPTIONS is answered: a peer that probes us must not take us for dead."""

FLOOR: Final = 0.05
"""The part that is let in however late the node is: without it nothing would tell that the flood is over."""
_RISE: Final = 0.05
_MEMORY: Final = 3
_SOS: Final = "service:sos"


class Overload:
    """Admits all new work while delays stay below a limit, and less and less while they do not.

    What counts is the least of the last three measurements: a single late one is a hiccup, not a queue. Each time it is
    above the limit the part let in is multiplied by limit / delay, by one half at the least; each time it is not, a
    twentieth is added. The part is spread evenly over the requests, without chance.
    """

    __slots__ = ("_credit", "_last", "refused", "share")

    def __init__(self) -> None:
        self.share = 1.0
        self.refused = 0
        """Pieces of work turned away so far."""
        self._last: list[float] = []
        self._credit = 0.0

    @property
    def delay(self) -> float:
        """What every input waited lately, at the least."""
        return min(self._last) if len(self._last) == _MEMORY else 0.0

    def measure(self, delay: float, limit: float) -> bool:
        """An input waited this long before it was looked at, or would have; True where overload begins or ends.

        A `limit` of 0 admits everything.
        """
        was_whole = self.share >= 1.0
        self._last.append(delay)
        if len(self._last) > _MEMORY:
            del self._last[0]
        standing = self.delay
        if not limit:
            self.share = 1.0
        elif standing <= limit:
            self.share = min(1.0, self.share + _RISE)
        else:
            self.share = max(FLOOR, self.share * max(0.5, limit / standing))
        return was_whole is not (self.share >= 1.0)

    def admit(self) -> bool:
        """True where one more piece of new work is let in."""
        if self.share >= 1.0:
            return True
        self._credit += self.share
        if self._credit >= 1.0:
            self._credit -= 1.0
            return True
        self.refused += 1
        return False


def is_emergency(request: Request) -> bool:
    """A call for help by its service URN (RFC 5031): let in before all others. Numbers are for policies to tell."""
    uri = request.uri
    if uri.scheme != "urn":
        return False
    service = uri.opaque.lower()
    return service == _SOS or service.startswith(_SOS + ".")
