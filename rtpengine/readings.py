"""What `query`, `delete`, `list` and `statistics` tell, as values. The engine is not trusted: what does not have the
right shape is empty or zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rtpengine.bencode import Value
from rtpengine.replies import Reply

MAX_ITEMS: Final = 10_000
"""Of anything that comes as a list."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been received from a party."""

    packets: int
    octets: int
    """UDP payload, the RTP header included."""
    errors: int
    """Packets not taken: strict source and failed authentication among them."""


@dataclass(frozen=True, slots=True)
class StreamReading:
    """One socket facing a party."""

    local_port: int
    """0 once the stream has been freed."""
    endpoint: tuple[str, int] | None
    """Where the party's media go."""
    last_packet: int
    """Unix time; the time of signalling until the first packet."""
    flags: frozenset[str]
    crypto_suite: str
    """Empty: in clear, or not agreed yet."""
    counts: Counts

    @property
    def is_rtcp(self) -> bool:
        """True for the port that has RTCP alone."""
        return "RTCP" in self.flags and "RTP" not in self.flags


@dataclass(frozen=True, slots=True)
class MediaReading:
    """One m-line of a party."""

    kind: str
    protocol: str
    codec: str
    flags: frozenset[str]
    streams: tuple[StreamReading, ...]


@dataclass(frozen=True, slots=True)
class PartyReading:
    """A party; without a tag until its first answer."""

    tag: str
    label: str
    medias: tuple[MediaReading, ...]

    @property
    def received(self) -> Counts:
        """RTP that has come from the party, over all its m-lines."""
        counts = [stream.counts for media in self.medias for stream in media.streams if not stream.is_rtcp]
        return Counts(
            sum(count.packets for count in counts),
            sum(count.octets for count in counts),
            sum(count.errors for count in counts),
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """What the RTCP of one SSRC says about the media that *it received*."""

    mos: float
    """Mean opinion score of the whole time, 1 to 5; 0: not known, as it needs reports both ways."""
    lowest_mos: float
    highest_mos: float
    jitter: int
    """Milliseconds."""
    loss: int
    """Percent of a report's interval, on average."""
    lost: int
    """Packets, in all."""
    round_trip: int
    """Microseconds; 0: not known."""
    samples: int


@dataclass(frozen=True, slots=True)
class SessionReading:
    """A whole call."""

    created: int
    last_signal: int
    parties: tuple[PartyReading, ...]
    quality: dict[int, Quality]
    """By the SSRC that reported."""

    def party(self, tag: str) -> PartyReading | None:
        """The party with that tag."""
        return next((party for party in self.parties if party.tag == tag), None)


@dataclass(frozen=True, slots=True)
class InterfaceReading:
    """A logical interface and its ports."""

    name: str
    address: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class EngineReading:
    """The engine as a whole."""

    sessions: int
    uptime: int
    """Seconds."""
    relayed_packets: int
    rejected: int
    """Sessions refused for want of room."""
    timeouts: int
    interfaces: tuple[InterfaceReading, ...]


def read_calls(reply: Reply) -> tuple[str, ...]:
    """The call-ids of a `list`."""
    return tuple(call for item in _items(reply.body.get("calls")) if (call := _text(item)))


def read_session(reply: Reply) -> SessionReading:
    """A `query`, or a `delete` that named a tag."""
    tags = _dict(reply.body.get("tags"))
    ssrcs = _dict(reply.body.get("SSRC"))
    return SessionReading(
        _number(reply.body.get("created")),
        _number(reply.body.get("last signal")),
        tuple(_party(_dict(party)) for party in tags.values()),
        {int(key): _quality(_dict(value)) for key, value in ssrcs.items() if key.isdecimal() and len(key) <= 10},
    )


def read_statistics(reply: Reply) -> EngineReading:
    """A `statistics`."""
    body = _dict(reply.body.get("statistics"))
    totals = _dict(body.get("totalstatistics"))
    interfaces = [_dict(item) for item in _items(body.get("interfaces"))]
    return EngineReading(
        _number(_dict(body.get("currentstatistics")).get("sessionstotal")),
        _number(totals.get("uptime")),
        _number(totals.get("relayedpackets")),
        _number(totals.get("rejectedsessions")),
        sum(_number(totals.get(f"{kind}sessions")) for kind in ("timeout", "silenttimeout", "offertimeout")),
        tuple(
            InterfaceReading(
                _text(item.get("name")),
                _text(item.get("address")),
                _number(_dict(item.get("ports")).get("free")),
                _number(_dict(item.get("ports")).get("totals")),
            )
            for item in interfaces
        ),
    )


def _party(body: dict[str, Value]) -> PartyReading:
    medias = tuple(_media(_dict(item)) for item in _items(body.get("medias")))
    return PartyReading(_text(body.get("tag")), _text(body.get("label")), medias)


def _media(body: dict[str, Value]) -> MediaReading:
    return MediaReading(
        _text(body.get("type")),
        _text(body.get("protocol")),
        _text(body.get("codec")),
        frozenset(_text(flag) for flag in _items(body.get("flags"))),
        tuple(_stream(_dict(item)) for item in _items(body.get("streams"))),
    )


def _stream(body: dict[str, Value]) -> StreamReading:
    endpoint = _dict(body.get("endpoint"))
    stats = _dict(body.get("stats"))
    address = _text(endpoint.get("address"))
    return StreamReading(
        _number(body.get("local port")),
        (address, _number(endpoint.get("port"))) if address else None,
        _number(body.get("last packet")),
        frozenset(_text(flag) for flag in _items(body.get("flags"))),
        _text(body.get("crypto suite")),
        Counts(_number(stats.get("packets")), _number(stats.get("bytes")), _number(stats.get("errors"))),
    )


def _quality(body: dict[str, Value]) -> Quality:
    average = _dict(body.get("average MOS"))
    return Quality(
        _number(average.get("MOS")) / 10,
        _number(_dict(body.get("lowest MOS")).get("MOS")) / 10,
        _number(_dict(body.get("highest MOS")).get("MOS")) / 10,
        _number(average.get("jitter")),
        _number(average.get("packet loss")),
        _number(body.get("cumulative loss")),
        _number(average.get("round-trip time")),
        _number(average.get("samples")),
    )


def _dict(value: Value | None) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _items(value: Value | None) -> list[Value]:
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def _text(value: Value | None) -> str:
    """Printable text of at most 200 characters."""
    text = value[:200].decode("utf-8", "replace") if isinstance(value, bytes) else ""
    return "".join(char if char.isprintable() else "?" for char in text)


def _number(value: Value | None) -> int:
    """An integer, or a string of digits."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= 18 else 0
