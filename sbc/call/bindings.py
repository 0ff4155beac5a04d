"""Contacts that a registrar on the other side keeps for us: what we put in their place, and the way back.

RFC 3261 section 10 through a B2BUA: the registrar sees a Contact of ours with an opaque user part, and calls to it
find the registered peer. Not a registrar: who may register, and for how long, the registrar behind us says.
"""

from __future__ import annotations

from typing import Final, Protocol

from sbc.mint import Mint
from sbc.sip import Uri
from sbc.wire import Flow

MAX_BINDINGS: Final = 100_000
"""Contacts kept at most; the ones nearest to their end give way."""
_GRACE: Final = 30.0
"""Seconds a binding outlives its expiry, for calls already on their way."""


class Binding:
    """One registered Contact: its URI, the address of record it is for, where the peer was seen, and until when.

    `confirmed` is when the registrar last agreed to it. Both times are in monotonic seconds.
    """

    __slots__ = ("confirmed", "expires", "flow", "realm", "record", "token", "uri")

    def __init__(self, token: str, uri: str, realm: str, flow: Flow, expires: float, record: str = "") -> None:
        self.token: Final = token
        self.uri: Final = uri
        self.realm: Final = realm
        self.flow = flow
        self.expires = expires
        self.record = record
        self.confirmed = 0.0


def propose(realm: str, record: str, contact: Uri, flow: Flow, until: float, mint: Mint) -> Binding:
    """A binding to show the registrar; the same Contact of the same address of record has the same token each time.

    Nothing is kept until `Bindings.confirm`: whoever sends a REGISTER may claim any Contact, from any address.
    """
    uri = str(Uri(contact.scheme, contact.user, contact.host, contact.port, contact.params, "", contact.opaque))
    seed = f"{realm}\n{record}\n{uri}".encode("utf-8", "surrogateescape")
    return Binding(mint.keyed_token(seed), uri, realm, flow, until, record)


class Phones(Protocol):
    """Where phones are registered, as other processes know it too."""

    def note(self, place: str, seconds: float) -> None:
        """A registrar has taken a phone at this place, for so long."""

    def has(self, place: str) -> bool:
        """Whether one is registered there still."""


class Bindings:
    """All bindings that a registrar has agreed to, by token."""

    __slots__ = ("_by_token", "_hosts", "elsewhere")

    def __init__(self) -> None:
        self._by_token: dict[str, Binding] = {}
        self._hosts: Final[dict[tuple[str, str], float]] = {}
        """Realm and host of phones, and until when one is registered there; who has not come for longest gives way."""
        self.elsewhere: Phones | None = None
        """What is shared with other workers: any of them may meet a phone that registered here."""

    def __len__(self) -> int:
        return len(self._by_token)

    def confirm(self, binding: Binding, now: float) -> None:
        """The registrar said 2xx: calls to the token go to this Contact, at the flow of this REGISTER."""
        place = (binding.realm, binding.flow.host)
        until = max(binding.expires, self._hosts.pop(place, 0.0))
        if len(self._hosts) >= MAX_BINDINGS:
            del self._hosts[next(iter(self._hosts))]
        self._hosts[place] = until
        if self.elsewhere is not None:
            self.elsewhere.note(" ".join(place), until - now)
        known = self._by_token.get(binding.token)
        binding.confirmed = now
        if known is not None:
            known.flow, known.expires, known.confirmed = binding.flow, binding.expires, now
            known.record = binding.record
            return
        if len(self._by_token) >= MAX_BINDINGS:
            self.prune(now)
        if len(self._by_token) >= MAX_BINDINGS:
            del self._by_token[min(self._by_token.values(), key=lambda one: one.expires).token]
        self._by_token[binding.token] = binding

    def revoke(self, realm: str, record: str, asked: float, now: float) -> None:
        """The registrar has removed all Contacts of an address of record, on a request that came at `asked`.

        What it agreed to since then stays. Costs a walk over the table.
        """
        for binding in self._by_token.values():
            if binding.record == record and binding.realm == realm and binding.confirmed <= asked:
                binding.expires = min(binding.expires, now)

    def find(self, token: str, now: float) -> Binding | None:
        """The binding behind the user part of one of our Contacts, None where it is unknown or over."""
        binding = self._by_token.get(token)
        if binding is None or binding.expires + _GRACE >= now:
            return binding
        del self._by_token[token]
        return None

    def all(self, now: float) -> list[Binding]:
        """Those that are not over."""
        return [binding for binding in self._by_token.values() if binding.expires + _GRACE >= now]

    def has_host(self, realm: str, host: str, now: float) -> bool:
        """Whether a registrar has taken a phone at this host, for a time that is not over."""
        if self._hosts.get((realm, host), 0.0) >= now:
            return True
        return self.elsewhere is not None and self.elsewhere.has(f"{realm} {host}")

    def prune(self, now: float) -> None:
        """Forget what is over; costs a walk over the table."""
        self._by_token = {t: binding for t, binding in self._by_token.items() if binding.expires + _GRACE >= now}
