"""Whom the sockets report to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from typing import Any, Protocol

from sbc.sip import ParseError
from sbc.transport.reasons import Ended, NotTaken
from sbc.wire import Flow


class Receiver(Protocol):
    """What the worker offers to the transports. Called on the event loop only, never from within `send`."""

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole message, or what a peer sent in its place."""

    def malformed(self, error: ParseError, flow: Flow) -> None:
        """A stream peer's bytes that could not be framed; the connection is closed behind them."""

    def undeliverable(self, flow: Flow, reason: str) -> None:
        """What was last sent to this flow did not arrive and will not: refused, unreachable, connection lost.

        May be called from within `send`; it must only take note and act when the outputs at hand are done.
        """

    def handshake_failed(self, flow: Flow, reason: str, certificate: str) -> None:
        """A peer that wanted to speak TLS to us, at this flow, was turned away; which certificate it showed, if any."""

    def connection_ended(self, flow: Flow, reason: Ended | NotTaken) -> None:
        """We have closed a stream connection, or not taken it. May be called from within `send`."""

    def settle(self) -> None:
        """A wake-up's worth of input has been handed over: time to look at the timers."""


class Tasks(Protocol):
    """Who owns what runs in the background; an `asyncio.TaskGroup` will do."""

    def create_task(self, work: Coroutine[Any, Any, None], /, *, name: str) -> object:
        """Start it now."""


class Counters:
    """What the transports count; read by `sbc status`, all since start."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "closed",
        "connections_accepted",
        "connections_opened",
        "handshakes_failed",
        "received",
        "refused",
        "send_errors",
        "send_queue_full",
        "sent",
        "stale",
        "undeliverable",
    )

    def __init__(self) -> None:
        self.received = 0
        self.bytes_received = 0
        self.sent = 0
        self.bytes_sent = 0
        self.send_errors = 0
        self.send_queue_full = 0
        self.stale = 0
        """Datagrams thrown away unread: new work that had waited too long."""
        self.undeliverable = 0
        self.connections_accepted = 0
        self.connections_opened = 0
        self.handshakes_failed = 0
        self.closed: Counter[Ended] = Counter()
        """Stream connections that we ended, by reason."""
        self.refused: Counter[NotTaken] = Counter()
        """Stream connections that we did not take, by reason."""

    def as_dict(self) -> dict[str, int]:
        """By name; `connections_closed` and `connections_refused` by reason: `connections_closed.idle`."""
        found: dict[str, int] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int):
                found[name] = value
        found |= {f"connections_closed.{reason}": count for reason, count in sorted(self.closed.items())}
        found |= {f"connections_refused.{reason}": count for reason, count in sorted(self.refused.items())}
        return found
