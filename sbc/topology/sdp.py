"""The session description that one side may see, built from the allow-list: what is not known does not cross.

Codecs, formats, directions and the addresses that the media engine gave are sent; names, texts, unknown attributes
and lines are not. Streams keep their number and order (RFC 3264 section 6). The same list holds for offers and
answers, so what fell in one is never missed in the other.
"""

from __future__ import annotations

from typing import Final

from sbc.sdp import (
    Attributes,
    Connection,
    MediaDescription,
    Origin,
    RtcpAddress,
    SdpError,
    Session,
    Timing,
    format_sdp,
    parse_sdp,
)
from sbc.topology.sdp_table import BANDWIDTHS, DISCLOSED, KINDS, PROFILES, SENT, SESSION_LEVEL, TOGETHER, Profile

_COUNTED: Final = 256
_WITH_FEEDBACK: Final = "F"  # RTP/AVPF and RTP/SAVPF end with it
_KNOWN_URN: Final = "urn:ietf:params:rtp-hdrext:"
_FORMAT_CHARS: Final[frozenset[str]] = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*+_")


class SdpRefused(ValueError):
    """The body is no session description that could be sent: 488 for a request, the end of the attempt for an answer.

    Not for a description with streams that we do not support: those are sent with port 0.
    """


class SdpIdentity:
    """Our `o=` line toward one leg: a session id, and a version that grows by one when the rest of the body changes.

    RFC 3264 section 8: an unchanged version says that nothing changed. After an adoption give the journalled `version`:
    the first body counts as changed.
    """

    __slots__ = ("_rest", "address", "session_id", "version")

    def __init__(self, session_id: int, address: str, version: int = 0) -> None:
        self.session_id: Final = session_id
        self.address: Final = address
        self.version = version
        self._rest = 0

    def sign(self, nameless: bytes) -> bytes:
        """The description with our line in the place of the one that names nobody."""
        digest = hash(nameless)
        if digest != self._rest or not self.version:
            self._rest = digest
            self.version += 1
        address = self.address.strip("[]")
        family = "IP6" if ":" in address else "IP4"
        origin = f"v=0\r\no=- {self.session_id} {self.version} IN {family} {address}\r\n"
        return origin.encode() + nameless[len(_NAMELESS) :]


def build_sdp(
    body: bytes, identity: SdpIdentity, *, disclose: bool = False, dropped: dict[str, int] | None = None
) -> bytes:
    """What one side may see of `body`, which the media engine (or, bypassed, the other peer) wrote.

    `disclose` is for bypassed media: the peers' addresses, ICE and keys cross, by definition. `dropped` counts the
    unknown attributes that fell, by name. Raises SdpRefused for a body that is no session description.
    """
    try:
        session = parse_sdp(body)
    except SdpError as error:
        raise SdpRefused(str(error)) from None
    counter = _Counter({} if dropped is None else dropped)
    feedback = all(_has_feedback(media) for media in session.media if media.port)
    allowed = SESSION_LEVEL if feedback else SESSION_LEVEL - TOGETHER
    sent = frozenset[str]()
    mids: set[str] = set()
    for media in session.media:
        profile = _profile(media)
        if profile is not None:
            sent |= _names(profile, disclose, feedback)
            mids.add(media.get("mid") or "")
    built = Session(
        _NOBODY,
        "-",
        _connection(session.connection),
        [Timing("0", "0")],
        _groups(_attributes(session.attributes, allowed & sent, disclose, counter), mids),
        [_media(media, disclose, feedback, counter) for media in session.media],
        _bandwidths(session.bandwidths),
    )
    return identity.sign(format_sdp(built))


_NOBODY: Final = Origin("-", "0", "0", "IN", "IP4", "0.0.0.0")
_NAMELESS: Final = f"v=0\r\no={_NOBODY}\r\n"


class _Counter:
    __slots__ = ("counts",)

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts: Final = counts

    def count(self, name: str) -> None:
        if name not in self.counts and len(self.counts) >= _COUNTED:
            name = "other"
        self.counts[name] = self.counts.get(name, 0) + 1


def _profile(media: MediaDescription) -> Profile | None:
    if media.port == 0 or media.kind not in KINDS:
        return None
    return PROFILES.get(media.protocol.upper())


def _has_feedback(media: MediaDescription) -> bool:
    profile = _profile(media)
    return profile is None or profile is Profile.FAX or media.protocol.endswith(_WITH_FEEDBACK)


def _names(profile: Profile, disclose: bool, feedback: bool) -> frozenset[str]:
    names = DISCLOSED[profile] if disclose else SENT[profile]
    return names if feedback else names - TOGETHER


def _media(media: MediaDescription, disclose: bool, feedback: bool, counter: _Counter) -> MediaDescription:
    """The stream as it may be seen; one that we do not support, or that is off, says nothing but its place."""
    profile = _profile(media)
    formats = tuple([name for name in media.formats if _FORMAT_CHARS.issuperset(name)]) or ("0",)
    if profile is None:
        return MediaDescription(_word(media.kind, "audio"), 0, 1, _protocol(media.protocol), formats)
    built = MediaDescription(
        media.kind,
        media.port,
        media.port_count,
        media.protocol,
        formats,
        _connection(media.connection),
        _bandwidths(media.bandwidths),
        _attributes(media.attributes, _names(profile, disclose, feedback), disclose, counter),
    )
    built.more_connections = [connection for connection in map(_connection, media.more_connections) if connection]
    return built


def _attributes(attributes: Attributes, allowed: frozenset[str], disclose: bool, counter: _Counter) -> Attributes:
    out: Attributes = []
    for name, value in attributes:
        if name not in allowed and name.lower() not in allowed:
            counter.count(name)
        elif name == "rtcp" and not disclose:
            address = RtcpAddress.parse(value or "")
            if address is not None:
                out.append((name, str(address.port)))
        elif name == "extmap" and _KNOWN_URN not in (value or ""):
            counter.count(name)
        else:
            out.append((name, value))
    return out


def _groups(attributes: Attributes, mids: set[str]) -> Attributes:
    """Groups name only streams that are sent (RFC 8843 section 7.2); one without any goes."""
    out: Attributes = []
    for name, value in attributes:
        if name != "group":
            out.append((name, value))
            continue
        semantics, *names = (value or "").split() or ["-"]
        kept = [one for one in names if one in mids]
        if kept:
            out.append((name, " ".join([semantics, *kept])))
    return out


def _connection(connection: Connection | None) -> Connection | None:
    return None if connection is None else Connection("IN", connection.address_type, connection.address)


def _bandwidths(bandwidths: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(kind, amount) for kind, amount in bandwidths if kind in BANDWIDTHS and amount.isdigit()]


def _word(text: str, otherwise: str) -> str:
    return text if _FORMAT_CHARS.issuperset(text) and len(text) <= 16 else otherwise


def _protocol(text: str) -> str:
    return "/".join([_word(part, "RTP") for part in text.split("/")])
