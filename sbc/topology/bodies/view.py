"""Who looks at a body: what hosts, dialogs and opaque ids are replaced by in what this realm is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from sbc.mint import Mint
from sbc.sip import ParseError, Uri, is_token, parse_address
from sbc.topology.identity import hide_identity, shown_user

_PRESENCE: Final = ("pres:", "im:")  # RFC 3859, RFC 3860: a user and a host, and no more


class DialogIds(NamedTuple):
    """A dialog as one of its ends names it (RFC 4235 section 4.1.2)."""

    call_id: str
    local_tag: str
    remote_tag: str


FindDialog = Callable[[DialogIds], DialogIds | None]
"""From a dialog as the sender of the body sees it to the one that stands for it on the viewer's side."""
FindContact = Callable[[str], str]
"""From the user part of a Contact of ours to the viewer's own Contact; empty where it is not the viewer's."""


class View:
    """One realm's view. `domain` is the host it is shown; without `dialogs` and `contacts` all ids are opaque."""

    __slots__ = ("_contacts", "_dialogs", "_mint", "domain")

    def __init__(
        self, domain: str, mint: Mint, dialogs: FindDialog | None = None, contacts: FindContact | None = None
    ) -> None:
        self.domain: Final = domain
        self._mint: Final = mint
        self._dialogs: Final = dialogs
        self._contacts: Final = contacts

    def uri(self, text: str) -> str:
        """A person's URI with the viewer's domain for its host; empty for what is not a person's."""
        value = text.strip()
        scheme = value[:5].lower()
        for prefix in _PRESENCE:
            if scheme.startswith(prefix):
                user = value[len(prefix) :].partition("@")[0]
                user = shown_user(Uri("sip", user, self.domain)) if is_token(user) else ""
                return f"{prefix}{user}@{self.domain}" if user else ""
        if not scheme.startswith(("sip:", "sips:", "tel:")):
            return ""
        try:
            return hide_identity(parse_address(f"<{value}>"), self.domain)[1:-1]
        except ParseError:
            return ""

    def contact(self, text: str) -> str:
        """A registered Contact: the viewer's own as it is, all others as nothing but somebody at our domain."""
        if self._contacts is not None:
            try:
                own = self._contacts(parse_address(f"<{text.strip()}>").uri.user)
            except ParseError:
                own = ""
            if own:
                return own
        return f"sip:{self.domain}"

    def dialog(self, ids: DialogIds) -> DialogIds:
        """The dialog on the viewer's side, so that it can be picked up there; opaque ids for one that is not ours."""
        found = self._dialogs(ids) if self._dialogs is not None and ids.call_id else None
        if found is not None:
            return found
        return DialogIds(*[self.opaque(part) for part in ids])

    def opaque(self, text: str) -> str:
        """An id that is the same for the same text, and says nothing; empty for an empty one."""
        seed = f"{self.domain}\n{text}".encode("utf-8", "surrogateescape")
        return f"i{self._mint.keyed(seed)}" if text else ""
