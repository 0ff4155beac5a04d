"""Why we ended a stream connection, or never took it: each by a name that is counted and logged."""

from __future__ import annotations

from enum import StrEnum


class Ended(StrEnum):
    """We closed it."""

    FRAMING = "framing"
    """Its bytes could not be cut into messages."""
    IDLE = "idle"
    """Silent for long."""
    NO_MESSAGE = "no message"
    """Not one whole message in the time for the first."""
    INCOMPLETE = "message never completed"
    """A message that had begun took too long."""
    CROWDED_OUT = "crowded out"
    """It had not said anything yet and made room for another."""
    HALF_RECEIVED = "too much half received"
    """Messages not yet whole held more memory than all connections may; its own was the oldest."""
    NOT_READING = "peer does not read"
    """Too many bytes, or for too long, stayed unsent."""
    UNSENT = "too much unsent"
    """As before, for what all connections together may hold."""
    ADDRESS_GONE = "address gone"
    """Our address of it has left this machine, or its listener has another one now."""
    SHUTDOWN = "shutting down"
    """The node ends."""


class NotTaken(StrEnum):
    """We did not accept it."""

    REALM_FULL = "realm full"
    """The realm has `connections`, and all of them speak."""
    SOURCE_FULL = "source full"
    """Its source has `connections_per_source` in this realm, handshakes included."""
    HANDSHAKES = "too many handshakes"
    """Its source has too many TLS handshakes under way."""
    RESET = "reset"
    """Its peer had reset it before we looked."""
