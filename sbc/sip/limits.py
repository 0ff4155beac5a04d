"""How much a peer may send."""

from __future__ import annotations

from typing import Final


class Limits:
    """How much a peer may send; `node.limits` of the configuration.

    `message_bytes` bounds head and body together, `headers` the number of header lines.
    """

    __slots__ = ("headers", "message_bytes")

    def __init__(self, message_bytes: int = 65535, headers: int = 128) -> None:
        self.message_bytes: Final = message_bytes
        self.headers: Final = headers


DEFAULT_LIMITS: Final = Limits()
