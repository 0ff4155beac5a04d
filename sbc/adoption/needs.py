"""What a record asks of the machine that goes on with its call, read without a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from sbc.adoption.codec import Reader, port_of


@dataclass(frozen=True, slots=True)
class Needs:
    """Where the peers of a call speak to, and who relays its media."""

    listeners: tuple[tuple[str, str, int], ...]
    """Transport, host and port of ours on each leg."""
    engine: str
    """The media engine by name, empty where there is none."""


def needs(record: bytes) -> Needs:
    """Read in the order in which `take` has written. Raises RecordError."""
    reader = Reader(record)
    reader.texts(11)  # of the call itself
    listeners = (_leg(reader), _leg(reader))
    engine = reader.text() if reader.text() else ""
    return Needs(listeners, engine)


def without_engine(record: bytes) -> bytes:
    """The same call with its media nowhere: who adopts it takes them to an engine of its own. Raises RecordError."""
    reader = Reader(record)
    reader.texts(11)
    _leg(reader)
    _leg(reader)
    return reader.with_text("") if reader.text() else record


def _leg(reader: Reader) -> tuple[str, str, int]:
    reader.texts(8)
    transport, _, rest = reader.text().partition(" ")
    host, _, port = rest.partition(" ")
    reader.texts(13)  # flow, numbers, SDP, session timer, dialog
    routes = reader.number()
    reader.texts(max(0, routes) + 3)  # them, the answer that waits for its ACK, the lengths of blobs
    return transport, host, port_of(port)
