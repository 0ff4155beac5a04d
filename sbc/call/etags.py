"""Entity tags of published state (RFC 3903): what a publisher is shown in their place, and the way back."""

from __future__ import annotations

from typing import Final

from sbc.mint import Mint

MAX_ETAGS: Final = 100_000
"""Entity tags kept at most; the oldest give way, and their publishers begin anew after a 412."""


class EntityTag:
    """A tag as the server behind us named it, who may use it, and until when (monotonic seconds)."""

    __slots__ = ("realm", "tag", "trunk", "until")

    def __init__(self, tag: str, realm: str, trunk: str, until: float) -> None:
        self.tag: Final = tag
        self.realm: Final = realm
        self.trunk: Final = trunk
        self.until: Final = until


class EntityTags:
    """All entity tags under way, by the token that stands for each."""

    __slots__ = ("_by_token", "_most")

    def __init__(self, most: int = MAX_ETAGS) -> None:
        self._most: Final = most
        self._by_token: Final[dict[str, EntityTag]] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def show(self, tag: EntityTag, mint: Mint) -> str:
        """The token for a tag."""
        token = mint.token()
        if len(self._by_token) >= self._most:
            del self._by_token[next(iter(self._by_token))]
        self._by_token[token] = tag
        return token

    def find(self, token: str, realm: str, now: float) -> EntityTag | None:
        """The tag behind a token; None where it is unknown, over, or of another realm's publisher."""
        known = self._by_token.get(token)
        if known is None or known.realm != realm:
            return None
        if known.until >= now:
            return known
        del self._by_token[token]
        return None

    def forget(self, token: str) -> None:
        """The server has given a new tag for the same state (section 4.1)."""
        self._by_token.pop(token, None)
