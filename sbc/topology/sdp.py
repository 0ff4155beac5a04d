"""The session description that one side may see, built from the allow-list: what is not known does not cross.

Codecs, formats, directions and the addresses that the media engine gave are sent; names, texts, unknown attributes
and lines are not. Streams keep their number and order (RFC 3264 section 6). The same list holds for offers and
answers, so what fell in one is never missed in the other.
"""

from __future__ import annotations

from typing import Final

from sbc.config import DEFAULT_PROFILE
from sbc.config import Profile as PeerProfile
from sbc.octets import holds
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
from sbc.topology.mids import rename_streams
from sbc.topology.sdp_style import has_style, restyle
from sbc.topology.sdp_table import (
    BANDWIDTHS,
    CODEC,
    DISCLOSED,
    FLAGS,
    KEYED,
    KINDS,
    NUMBERS,
    PROFILES,
    SENT,
    SESSION_LEVEL,
    TOGETHER,
    Profile,
)

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
    body: bytes,
    identity: SdpIdentity,
    *,
    disclose: bool = False,
    keys: bool = False,
    dropped: dict[str, int] | None = None,
    profile: PeerProfile = DEFAULT_PROFILE,
    said: bytes = b"",
) -> bytes:
    """What one side may see of `body`, which the media engine (or, bypassed, the other peer) wrote.

    `disclose` is for bypassed media: the peers' addresses, ICE and keys cross, by definition. `keys` is for a leg whose
    own keys the media engine wrote into `body`; else no `a=crypto` line is sent. `dropped` counts the unknown
    attributes that fell, by name. `profile` is the reader's, `said` its own last description. Raises SdpRefused for a
    body that is no session description, and for one of which the profile leaves nothing.
    """
    try:
        session = parse_sdp(body)
    except SdpError as error:
        raise SdpRefused(str(error)) from None
    counter = _Counter({} if dropped is None else dropped)
    rules = [_rules(media) for media in session.media]
    feedback = all(rule is None or rule.has_feedback for rule in rules)
    choice = (2 if disclose else 4 if keys else 0) + feedback
    above = _NOTHING
    mids: set[str] = set()
    media_lines: list[MediaDescription] = []
    for media, rule in zip(session.media, rules, strict=True):
        if rule is None:
            media_lines.append(_rejected(media))
            continue
        above = rule.above[choice] if above is _NOTHING else above | rule.above[choice]
        mids.add(media.get("mid") or "")
        media_lines.append(_media(media, rule.below[choice], disclose, counter))
    attributes = _attributes(session.attributes, above, disclose, counter)
    built = Session(
        _NOBODY,
        "-",
        _connection(session.connection) if disclose else _shared_connection(session, rules),
        [Timing("0", "0")],
        _groups(attributes, mids) if feedback and attributes else attributes,
        media_lines,
        _bandwidths(session.bandwidths),
    )
    if feedback and not disclose and (len(mids) > 1 or "" not in mids):
        rename_streams(built, said)
    if profile is not DEFAULT_PROFILE and has_style(profile) and not restyle(built, profile, holds(said, b"m=image")):
        raise SdpRefused("nothing is left that this peer takes")
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


class _Rules:
    """What is sent of a stream (`below`) and above the first one (`above`): by feedback, and from 2 on for a disclosed,
    from 4 on for a keyed one."""

    __slots__ = ("above", "below", "has_feedback")

    def __init__(self, protocol: str, profile: Profile) -> None:
        self.has_feedback: Final = protocol.endswith(_WITH_FEEDBACK) or profile is Profile.FAX
        sets = (SENT[profile], DISCLOSED[profile], KEYED[profile])
        self.below: Final = tuple([names for full in sets for names in (full - TOGETHER, full)])
        self.above: Final = tuple([names & SESSION_LEVEL for names in self.below])


_RULES: Final[dict[str, _Rules]] = {protocol: _Rules(protocol, profile) for protocol, profile in PROFILES.items()}
_NOTHING: Final[frozenset[str]] = frozenset()


def _rules(media: MediaDescription) -> _Rules | None:
    """None for a stream that is off, or that we do not support."""
    if media.port == 0 or media.kind not in KINDS:
        return None
    return _RULES.get(media.protocol.upper())


def _rejected(media: MediaDescription) -> MediaDescription:
    """A stream that says nothing but its place."""
    return MediaDescription(_word(media.kind, "audio"), 0, 1, _protocol(media.protocol), _formats(media))


def _media(media: MediaDescription, allowed: frozenset[str], disclose: bool, counter: _Counter) -> MediaDescription:
    built = MediaDescription(
        media.kind,
        media.port,
        media.port_count,
        media.protocol,
        _formats(media),
        _connection(media.connection),
        _bandwidths(media.bandwidths),
        _attributes(media.attributes, allowed, disclose, counter),
    )
    for one in media.more_connections:
        built.more_connections.append(Connection("IN", one.address_type, one.address))
    return built


def _formats(media: MediaDescription) -> tuple[str, ...]:
    if "RTP" in media.protocol.upper():  # payload types; the straight path has nothing else
        for name in media.formats:
            if not name.isdigit():
                return tuple([name for name in media.formats if name.isdigit()]) or ("0",)
    for name in media.formats:
        if not _FORMAT_CHARS.issuperset(name):
            return tuple([name for name in media.formats if _FORMAT_CHARS.issuperset(name)]) or ("0",)
    return media.formats or ("0",)


def _attributes(attributes: Attributes, allowed: frozenset[str], disclose: bool, counter: _Counter) -> Attributes:
    out: Attributes = []
    for name, value in attributes:
        if name not in allowed:
            # T.38 names come in any case, and a space behind `sendonly` must not end a hold.
            name = name.strip()
            if name.lower() not in allowed:
                counter.count(name)
                continue
        if name == "rtcp" and not disclose:
            address = RtcpAddress.parse(value or "")
            if address is not None:
                out.append((name, str(address.port)))
        elif name == "extmap" and _KNOWN_URN not in (value or ""):
            counter.count(name)
        elif name in FLAGS:
            out.append((name, None))
        elif _is_barred(name, value or ""):
            counter.count(name)
        else:
            out.append((name, value))
    return out


def _is_barred(name: str, value: str) -> bool:
    """Numbers that are none, and words about a codec with an address in them: three dots, a double colon, an `@`."""
    if name in NUMBERS:
        return not value.strip().replace(".", "", 1).isdigit()
    return name in CODEC and (value.count(".") > 2 or "::" in value or "@" in value)


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


def _shared_connection(session: Session, rules: list[_Rules | None]) -> Connection | None:
    """The address above the streams, of a description that the media engine wrote.

    10.5.3 leaves the peer's there where each stream has one of its own: then it is nobody's, and the first stream's
    takes its place.
    """
    if session.connection is None:
        return None
    first: Connection | None = None
    for media, rule in zip(session.media, rules, strict=True):
        if rule is not None:
            if media.connection is None:
                return _connection(session.connection)
            first = first or media.connection
    return _connection(first or session.connection)


def _bandwidths(bandwidths: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(kind, amount) for kind, amount in bandwidths if kind in BANDWIDTHS and amount.isdigit()]


def _word(text: str, otherwise: str) -> str:
    return text if _FORMAT_CHARS.issuperset(text) and len(text) <= 16 else otherwise


def _protocol(text: str) -> str:
    return "/".join([_word(part, "RTP") for part in text.split("/")])
