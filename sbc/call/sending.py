"""A request of ours to a name: what it is built from, as long as there may be another place to send it to."""

from __future__ import annotations

from typing import Final

from sbc.call.parts import Outgoing
from sbc.routing import Place
from sbc.sip import Message, Uri


class Sending:
    """Each place gets a message of its own: the Via names our listener and a new branch (RFC 3263 section 4.3).

    `uri` is the next hop. `places` are those not tried yet, None before the name is located.
    """

    __slots__ = ("body", "content_type", "crossing", "max_forwards", "out", "places", "uri")

    def __init__(
        self, out: Outgoing, crossing: Message | None, body: bytes, content_type: str, max_forwards: int, uri: Uri
    ) -> None:
        self.out: Final = out
        self.crossing: Final = crossing
        self.body: Final = body
        self.content_type: Final = content_type
        self.max_forwards: Final = max_forwards
        self.uri: Final = uri
        self.places: list[Place] = []
