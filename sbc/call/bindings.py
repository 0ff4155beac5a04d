"""Contacts that a registrar on the other side keeps for us: what we put in their place, and the way back.

RFC 3261 section 10 through a B2BUA: the registrar sees a Contact of ours with an opaque user part, and calls to it
find the registered peer. Not a registrar: who may register, and for how long, the registrar behind us says.
"""

from __future__ import annotations

from typing import Final

from sbc.mint import Mint
from sbc.sip import Uri
from sbc.wire import Flow

MAX_BINDINGS: Final = 100_000
"""Contacts kept at most; the ones nearest to their end give way."""
_GRACE: Final = 30.0
"""Seconds a binding outlives its expiry, for calls already on their way."""


class Binding:
    """One registered Contact: its URI, where the peer was seen, and until when (monotonic seconds)."""

    __slots__ = ("expires", "flow", "key", "realm", "token", "uri")

    def __init__(self, key: tuple[str, str, str], token: str, uri: str, realm: str, flow: Flow, expires: float) -> None:
        self.key: Final = key
        self.token: Final = token
        self.uri: Final = uri
        self.realm: Final = realm
        self.flow = flow
        self.expires = expires


class Bindings:
    """All bindings, by token and by (realm, address of record, contact URI)."""

    __slots__ = ("_by_key", "_by_token")

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str, str], Binding] = {}
        self._by_token: dict[str, Binding] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def bind(self, realm: str, record: str, contact: Uri, flow: Flow, until: float, mint: Mint) -> Binding:
        """The binding of a Contact of `record`, the same one for every refresh of it."""
        uri = str(contact)
        key = (realm, record, uri)
        known = self._by_key.get(key)
        if known is not None:
            known.flow = flow
            known.expires = max(until, known.expires)
            return known
        if len(self._by_token) >= MAX_BINDINGS:
            self._remove(min(self._by_token.values(), key=lambda binding: binding.expires))
        binding = Binding(key, mint.token(), uri, realm, flow, until)
        self._by_key[key] = binding
        self._by_token[binding.token] = binding
        return binding

    def find(self, token: str, now: float) -> Binding | None:
        """The binding behind the user part of one of our Contacts, None where it is unknown or over."""
        binding = self._by_token.get(token)
        if binding is None or binding.expires + _GRACE >= now:
            return binding
        self._remove(binding)
        return None

    def prune(self, now: float) -> None:
        """Forget what is over; costs a walk over the table."""
        for binding in [b for b in self._by_token.values() if b.expires + _GRACE < now]:
            self._remove(binding)

    def _remove(self, binding: Binding) -> None:
        self._by_token.pop(binding.token, None)
        self._by_key.pop(binding.key, None)
