"""The parts of a session description (RFC 8866 section 5)."""

from __future__ import annotations

from enum import Enum
from typing import Final

Attributes = list[tuple[str, str | None]]
"""`a=` lines in their order: (name, value), None for a flag. Names and values are as written."""


class Direction(Enum):
    """Who sends, as the describing party sees it (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_DIRECTIONS: Final[dict[str, Direction]] = {direction.value: direction for direction in Direction}


class Origin:
    """`o=`: who made the description, and which version of which session it is (RFC 8866 section 5.2).

    The two numbers stay text: peers send more than 64 bits, and leading zeros.
    """

    __slots__ = ("address", "address_type", "net_type", "session_id", "session_version", "username")

    def __init__(
        self,
        username: str,
        session_id: str,
        session_version: str,
        net_type: str,
        address_type: str,
        address: str,
    ) -> None:
        self.username: Final = username
        self.session_id: Final = session_id
        self.session_version: Final = session_version
        self.net_type: Final = net_type
        self.address_type: Final = address_type
        self.address: Final = address

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.session_version} "
            f"{self.net_type} {self.address_type} {self.address}"
        )

    def __repr__(self) -> str:
        return f"Origin({str(self)!r})"


class Connection:
    """`c=`: where media is received (RFC 8866 section 5.7). `address` includes a multicast `/ttl/count`."""

    __slots__ = ("address", "address_type", "net_type")

    def __init__(self, net_type: str, address_type: str, address: str) -> None:
        self.net_type: Final = net_type
        self.address_type: Final = address_type
        self.address: Final = address

    @property
    def host(self) -> str:
        """The address without `/ttl/count`."""
        return self.address.partition("/")[0]

    @property
    def is_unspecified(self) -> bool:
        """True for 0.0.0.0 and `::`: the hold of RFC 2543, which RFC 3264 section 8.4 asks us to understand."""
        host = self.host
        return host == "0.0.0.0" or (host != "" and not host.strip("0:"))

    def __str__(self) -> str:
        return f"{self.net_type} {self.address_type} {self.address}"

    def __repr__(self) -> str:
        return f"Connection({str(self)!r})"


class Timing:
    """`t=` with the `r=` lines behind it (RFC 8866 sections 5.9 and 5.10); `0 0` is a session without bounds."""

    __slots__ = ("repeats", "start", "stop")

    def __init__(self, start: str = "0", stop: str = "0", repeats: list[str] | None = None) -> None:
        self.start: Final = start
        self.stop: Final = stop
        self.repeats: Final[list[str]] = [] if repeats is None else repeats

    def __repr__(self) -> str:
        return f"Timing({self.start!r}, {self.stop!r}, {self.repeats!r})"


class MediaDescription:
    """One `m=` line and what stands under it (RFC 8866 section 5.14).

    `formats` are payload types as text, since other protocols name theirs. `port_count` is 1 where absent.
    `more_connections` holds the second and further `c=` lines, `unknown` lines of a type that no RFC defines, whole.
    `order` is the sequence of line types as read where it is not the RFC's, so that the body can be written back
    exactly; it no longer counts once lines were added or taken away.
    """

    __slots__ = (
        "attributes",
        "bandwidths",
        "connection",
        "formats",
        "information",
        "key",
        "kind",
        "more_connections",
        "order",
        "port",
        "port_count",
        "protocol",
        "unknown",
    )

    def __init__(
        self,
        kind: str,
        port: int,
        port_count: int,
        protocol: str,
        formats: tuple[str, ...],
        connection: Connection | None = None,
        bandwidths: list[tuple[str, str]] | None = None,
        attributes: Attributes | None = None,
        information: str | None = None,
        key: str | None = None,
    ) -> None:
        self.kind = kind
        self.port = port
        self.port_count = port_count
        self.protocol = protocol
        self.formats = formats
        self.connection = connection
        self.bandwidths: list[tuple[str, str]] = [] if bandwidths is None else bandwidths
        self.attributes: Attributes = [] if attributes is None else attributes
        self.information = information
        self.key = key
        self.more_connections: list[Connection] = []
        self.unknown: list[str] = []
        self.order = ""

    @property
    def is_rejected(self) -> bool:
        """Port 0: refused or switched off (RFC 3264 sections 6 and 8.2); not so with `bundle-only` (RFC 8843)."""
        return self.port == 0 and not self.has("bundle-only")

    def has(self, name: str) -> bool:
        """True where the attribute is there, with or without a value."""
        return any(known == name for known, _ in self.attributes)

    def get(self, name: str) -> str | None:
        """The value of the first attribute of this name; an empty string for a flag; None where absent."""
        return first_value(self.attributes, name)

    def get_all(self, name: str) -> list[str]:
        """The values of every attribute of this name, flags left out."""
        return [value for known, value in self.attributes if known == name and value is not None]

    @property
    def own_direction(self) -> Direction | None:
        """The direction that stands under this m-line; None where none does (see `Session.direction_of`)."""
        return first_direction(self.attributes)

    def __repr__(self) -> str:
        return f"<MediaDescription {self.kind} {self.port} {self.protocol} {' '.join(self.formats)}>"


class Session:
    """A whole session description. Lines a peer left out are None or empty; parsed values may be changed in place.

    `version` is the text behind `v=`, `name` the one behind `s=`. `zones` are the `z=` lines. `order` and `unknown` are
    as in `MediaDescription`.
    """

    __slots__ = (
        "attributes",
        "bandwidths",
        "connection",
        "emails",
        "information",
        "key",
        "media",
        "name",
        "order",
        "origin",
        "phones",
        "times",
        "unknown",
        "uri",
        "version",
        "zones",
    )

    def __init__(
        self,
        origin: Origin,
        name: str | None = "-",
        connection: Connection | None = None,
        times: list[Timing] | None = None,
        attributes: Attributes | None = None,
        media: list[MediaDescription] | None = None,
        bandwidths: list[tuple[str, str]] | None = None,
        version: str = "0",
    ) -> None:
        self.version = version
        self.origin = origin
        self.name = name
        self.information: str | None = None
        self.uri: str | None = None
        self.emails: list[str] = []
        self.phones: list[str] = []
        self.connection = connection
        self.bandwidths: list[tuple[str, str]] = [] if bandwidths is None else bandwidths
        self.times: list[Timing] = [] if times is None else times
        self.zones: list[str] = []
        self.key: str | None = None
        self.attributes: Attributes = [] if attributes is None else attributes
        self.media: list[MediaDescription] = [] if media is None else media
        self.unknown: list[str] = []
        self.order = ""

    def has(self, name: str) -> bool:
        """True where the session-level attribute is there, with or without a value."""
        return any(known == name for known, _ in self.attributes)

    def get(self, name: str) -> str | None:
        """The first session-level value of this name; an empty string for a flag; None where absent."""
        return first_value(self.attributes, name)

    def get_all(self, name: str) -> list[str]:
        """The values of every session-level attribute of this name, flags left out."""
        return [value for known, value in self.attributes if known == name and value is not None]

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """The connection that holds for a stream: its own, else the session's (RFC 8866 section 5.7)."""
        return media.connection if media.connection is not None else self.connection

    def direction_of(self, media: MediaDescription) -> Direction:
        """The direction that holds for a stream: its own, else the session's, else sendrecv (RFC 8866 section 6.7)."""
        return media.own_direction or first_direction(self.attributes) or Direction.SENDRECV

    @property
    def direction(self) -> Direction:
        """The direction of the first stream in use; that of the session where there is none."""
        for media in self.media:
            if not media.is_rejected:
                return self.direction_of(media)
        return first_direction(self.attributes) or Direction.SENDRECV

    @property
    def is_held(self) -> bool:
        """True where no stream in use asks for media: sendonly, inactive or an unspecified address (RFC 3264 8.4)."""
        active = [media for media in self.media if not media.is_rejected]
        return bool(active) and all(self._is_stream_held(media) for media in active)

    def _is_stream_held(self, media: MediaDescription) -> bool:
        if self.direction_of(media) in (Direction.SENDONLY, Direction.INACTIVE):
            return True
        connection = self.connection_of(media)
        if connection is None or not connection.is_unspecified:
            return False
        # With trickled ICE the address is unspecified because no candidate is known yet (RFC 8840 section 4.1.1).
        return not media.has("ice-ufrag") and not self.has("ice-ufrag")

    def __repr__(self) -> str:
        return f"<Session {self.origin.session_id} version {self.origin.session_version}, {len(self.media)} streams>"


def first_value(attributes: Attributes, name: str) -> str | None:
    """The value of the first attribute of this name; an empty string for a flag; None where absent."""
    for known, value in attributes:
        if known == name:
            return "" if value is None else value
    return None


def first_direction(attributes: Attributes) -> Direction | None:
    """The first direction attribute of a level, or None."""
    for name, value in attributes:
        if value is None and name in _DIRECTIONS:
            return _DIRECTIONS[name]
    return None
