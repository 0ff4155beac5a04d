"""Connections that a partner opened, taken for requests of ours to it (RFC 5923).

Both have to agree: the partner by `alias` in the Via of a request, we by `alias = true` on its trunk. By TLS only, and
for those hosts alone that its certificate proves: else anybody could have our requests to it by saying its name.
"""

from __future__ import annotations

from typing import Final

from sbc.config import Config, proves
from sbc.sip import Request
from sbc.wire import Flow

_KEPT: Final = 4096
"""Aliases kept at most."""

_Key = tuple[str, str, int]
"""Realm, host and port: what a connection to that partner would be opened to."""


class Aliases:
    """The last connection of each partner that may be taken in the place of one to it."""

    __slots__ = ("_by_place",)

    def __init__(self) -> None:
        self._by_place: Final[dict[_Key, Flow]] = {}

    def __len__(self) -> int:
        return len(self._by_place)

    def note(self, config: Config, trunk: str, request: Request, flow: Flow) -> None:
        """A request of a trunk came by a TLS connection of its own; its Via may offer that connection."""
        via = request.top_via
        found = config.trunks.get(trunk)
        if found is None or not found.alias or via.param("alias") is None or not proves(flow.names, (via.host,)):
            return
        if len(self._by_place) >= _KEPT:
            self._by_place.clear()
        self._by_place[(found.realm, via.host, via.port or 5061)] = flow

    def find(self, realm: str, flow: Flow) -> Flow | None:
        """The connection that stands for `flow`, which would be a new one and says whom it is for."""
        if flow.connection or not flow.names:
            return None
        found = self._by_place.get((realm, flow.names[0], flow.port))
        return found if found is not None and proves(found.names, flow.names) else None

    def lose(self, flow: Flow) -> None:
        """The connection is gone."""
        for key in [key for key, one in self._by_place.items() if one == flow]:
            del self._by_place[key]
