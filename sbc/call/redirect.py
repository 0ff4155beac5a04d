"""What becomes of a 3xx of the callee (RFC 3261 sections 8.1.3.4, 21.3): refused, followed, or shown to the caller."""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.exit import Exit
from sbc.call.parts import Outgoing
from sbc.routing import NextHop
from sbc.sip import Address, Fields, Response
from sbc.topology import shown_user

FOLLOWED: Final[frozenset[int]] = frozenset({300, 301, 302})
"""Statuses whose Contacts are other places to try; 305 and 380 are not, and get 480."""
MAX_LISTED: Final = 32
"""Contacts looked at in one response."""


class Redirection:
    """The places that redirects of one call have led to, each tried once, `limit` of them at most."""

    __slots__ = ("_seen", "_users", "left")

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._users: Final[list[tuple[NextHop, str]]] = []
        self._seen: Final[set[tuple[str, str, int, str]]] = set()

    def note(self, user: str, hop: NextHop) -> bool:
        """Remember a place; False for one that was tried before (section 16.5: no loops)."""
        place = (user, hop.host, hop.port, hop.transport)
        if place in self._seen:
            return False
        self._seen.add(place)
        return True

    def take(self, hop: NextHop, user: str) -> None:
        """This hop will be tried for this user."""
        self.left -= 1
        self._users.append((hop, user))

    def spread(self, hop: NextHop, places: list[NextHop]) -> None:
        """The name of a hop leads to these places."""
        user = self.user_of(hop)
        if user is not None:
            self._users.extend([(place, user) for place in places])

    def user_of(self, hop: NextHop) -> str | None:
        """Whom to ask for at a hop, None for one that no redirect has led to."""
        for known, user in self._users:
            if known is hop:
                return user
        return None


def follow(call: Call, out: Outgoing, response: Response, exit_: Exit) -> bool:
    """Put the places that a 3xx names, as far as policy admits them, before all others; True where one is there."""
    trunk = call.config.trunks.get(out.leg.trunk)
    if trunk is None or trunk.redirect.mode != "follow" or response.status not in FOLLOWED or out.hop is None:
        return False
    if call.redirection is None:
        call.redirection = Redirection(trunk.redirect.limit)
        for hop in call.hops[: call.hop_index]:
            call.redirection.note(call.called, hop)
    hops = exit_.redirected(call, out, by_preference(response))
    call.hops[call.hop_index : call.hop_index] = hops
    return bool(hops)


def is_next(call: Call, status: int) -> bool:
    """True where the next place to try is a redirect's, and this failure does not end the search (section 16.7)."""
    if call.redirection is None or call.hop_index >= len(call.hops) or status >= 600:
        return False
    return call.redirection.user_of(call.hops[call.hop_index]) is not None


def by_preference(response: Response) -> list[Address]:
    """The Contacts of a 3xx, preferred ones first (section 20.10: `q`), without those that are over already."""
    if response.is_contact_star:
        return []
    ranked: list[tuple[float, int, Address]] = []
    for index, contact in enumerate(response.contacts[:MAX_LISTED]):
        if contact.param("expires") != "0":
            ranked.append((-_preference(contact), index, contact))
    ranked.sort(key=lambda entry: entry[:2])
    return [contact for _, _, contact in ranked]


def _preference(contact: Address) -> float:
    value = contact.param("q")
    try:
        return min(max(float(value), 0.0), 1.0) if value and len(value) <= 5 else 1.0
    except ValueError:
        return 0.0


def shown(call: Call, out: Outgoing, response: Response) -> Fields:
    """The Contacts that the caller may try itself: each user at our own address, where policy decides on it anew."""
    trunk = call.config.trunks.get(out.leg.trunk)
    fields: Fields = []
    if trunk is None or trunk.redirect.mode != "pass" or response.status not in FOLLOWED:
        return fields
    listener = call.caller_leg.listener
    transport = "" if listener.transport == "UDP" else f";transport={listener.transport.lower()}"
    users: list[str] = []
    for contact in by_preference(response):
        user = _plain(contact)
        # The same user at our address would come back to where it was sent away from.
        if not user or user == call.called or user in users or len(users) >= trunk.redirect.limit:
            continue
        users.append(user)
        value = f"<sip:{user}@{listener.shown}{transport}>"
        expires, preference = contact.param("expires"), contact.param("q")
        if preference and len(preference) <= 5:
            value += f";q={_preference(contact):.3g}"
        if expires and expires.isascii() and expires.isdigit() and len(expires) <= 10:
            value += f";expires={expires}"
        fields.append(("Contact", value))
    return fields


def _plain(contact: Address) -> str:
    """A user or number without parameters, password and what an escape hides; nothing of what is no person's."""
    user = shown_user(contact.uri)
    return "" if "%" in user or "@" in user or "#" in user else user
