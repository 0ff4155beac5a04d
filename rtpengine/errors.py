"""What can go wrong between a controller and its engine: it said no, it said nothing, or it said nonsense."""

from __future__ import annotations

from typing import Final

LIMIT_REASONS: Final = frozenset(
    {
        "Parallel session limit reached",
        "CPU usage limit exceeded",
        "Load limit exceeded",
        "Bandwidth limit exceeded",
        "Ran out of ports",
    }
)
"""Reasons that speak of the engine's load and not of the request: another engine may well accept the same command."""


class Refused(Exception):
    """The engine answered and said no."""

    def __init__(self, reason: str, *, limit: bool = False) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.is_limit: Final = limit or reason in LIMIT_REASONS
        """True where the engine is full: try the next one, this one stays in the pool."""


class Unreachable(Exception):
    """The engine did not give an answer that could be used within the time allowed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class GarbledReply(ValueError):
    """A datagram that is no reply of the ng protocol."""
