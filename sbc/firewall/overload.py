"""Refusing new work before waiting grows: how much of it is let in, by how late the node is."""

from __future__ import annotations

from typing import Final

from sbc.sip import Request

SHEDDABLE: Final[frozenset[str]] = frozenset({"INVITE", "MESSAGE", "REGISTER"})
"""Methods that begin work outside dialogs. OPTIONS is answered: a peer that probes us must not take us for dead."""

FLOOR: Final = 0.05
"""The part that is let in however late the node is: without it nothing would tell that the flood is over."""
_RISE: Final = 0.02
_SOS: Final = "service:sos"


class Overload:
    """Admits all new work while measured delays stay below `limit` seconds, and less and less while they do not.

    Each measurement above the limit multiplies the part let in by limit / delay, at the least by one half; each one
    below adds a fiftieth. The part is spread evenly over the requests, without chance.
    """

    __slots__ = ("_credit", "delay", "limit", "refused", "share")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        """Seconds; 0 admits everything."""
        self.share = 1.0
        self.delay = 0.0
        """The last one measured."""
        self.refused = 0
        self._credit = 0.0

    def measure(self, delay: float) -> None:
        """An input waited this long before it was looked at, or would have."""
        self.delay = delay
        if not self.limit or delay <= self.limit:
            self.share = min(1.0, self.share + _RISE)
        else:
            self.share = max(FLOOR, self.share * max(0.5, self.limit / delay))

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
