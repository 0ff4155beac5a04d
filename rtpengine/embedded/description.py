"""A session description as the relay needs it: who sends media from where. Everything else is kept as opaque lines.

Nothing in it is trusted: numbers have ranges, addresses are numeric and unicast, and there are no more than `MAX_MEDIA`
m-lines, since each of them will cost four sockets. What is wrong raises `Fault` with the text that the real daemon
gives for it.
"""

from __future__ import annotations

from typing import Final

from rtpengine.embedded.addresses import ZERO, canonical_address
from rtpengine.embedded.dtls import Fingerprint
from rtpengine.embedded.sdes import CryptoLine, parse_crypto

MAX_MEDIA: Final = 32
MAX_LINES: Final = 2000
MAX_CRYPTO: Final = 16
MAX_FINGERPRINTS: Final = 8
"""Usable crypto lines of a section that are looked at."""

DTLS_PROFILES: Final = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
"""RFC 5764 section 9: keys by DTLS alone."""

PROFILES: Final = DTLS_PROFILES | {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"}
"""RFC 3551, 4585, 3711, 5124."""

DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

PARSE: Final = "Failed to parse SDP"
INCOMPLETE: Final = "Incomplete SDP specification"
REWRITE: Final = "Error rewriting SDP"


class Fault(Exception):
    """A command cannot be done; `reason` goes into `error-reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class MediaSection:
    """One m-line with what belongs to it (RFC 8866 section 5.14)."""

    __slots__ = (
        "address",
        "crypto",
        "direction",
        "fingerprints",
        "formats",
        "ice_pwd",
        "ice_ufrag",
        "is_trickling",
        "kind",
        "lines",
        "mid",
        "port",
        "protocol",
        "ptime",
        "rtcp_address",
        "rtcp_mux",
        "rtcp_port",
        "setup",
    )

    def __init__(self, kind: str, port: int, protocol: str, formats: list[str]) -> None:
        self.kind: Final = kind
        self.port: Final = port
        """0: the stream is rejected or ended."""
        self.protocol: Final = protocol
        self.formats: Final = formats
        self.lines: Final[list[str]] = []
        """The lines behind the m-line."""
        self.address = ""
        """From its own c= line or the session's, canonical."""
        self.direction = "sendrecv"
        self.ptime = ""
        self.rtcp_port = 0
        """From a=rtcp (RFC 3605); 0: the one above the media port."""
        self.rtcp_address = ""
        self.rtcp_mux = False
        self.crypto: Final[list[CryptoLine]] = []
        """The usable ones, in order."""
        self.fingerprints: list[Fingerprint] = []
        """RFC 8122; from the section, else from the session. DTLS is offered where there is one."""
        self.setup = ""
        """RFC 4145: who begins the handshake."""
        self.ice_ufrag = self.ice_pwd = ""
        self.is_trickling = False
        self.mid = ""

    @property
    def is_profile(self) -> bool:
        """True for the profiles of RTP that this engine speaks."""
        return self.protocol in PROFILES

    @property
    def is_secure(self) -> bool:
        """True for SAVP and SAVPF."""
        return "SAVP" in self.protocol

    @property
    def is_rtp(self) -> bool:
        """True where the protocol has RTCP beside it."""
        return "RTP/" in self.protocol

    @property
    def is_held(self) -> bool:
        """True where the sender wants no media at all at its address: the zero address."""
        return self.address in ZERO


class Description:
    """A whole session description: the session's lines and the media sections."""

    __slots__ = ("address", "defaults", "direction", "lines", "media")

    def __init__(self) -> None:
        self.defaults: Final = MediaSection("", 0, "", [])
        """Keys and credentials that stand for sections without their own."""
        self.lines: Final[list[str]] = []
        self.media: Final[list[MediaSection]] = []
        self.address = ""
        self.direction = "sendrecv"
        """What sections without a direction of their own inherit."""


def parse_description(data: bytes) -> Description:
    """Parse, raising `Fault`. Lines may end with CRLF or LF; an empty line ends the description."""
    text = data.decode("latin-1")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if "" in lines:
        del lines[lines.index("") :]
    if not lines or lines[0].rstrip() != "v=0" or len(lines) > MAX_LINES or "\0" in text:
        raise Fault(PARSE)
    description = Description()
    section: MediaSection | None = None
    for line in lines:
        if line[1:2] != "=" or "\r" in line:
            raise Fault(PARSE)
        if line[0] == "m":
            if len(description.media) == MAX_MEDIA:
                raise Fault(PARSE)
            section = _parse_media(line)
            section.address = description.address
            section.direction = description.direction
            description.media.append(section)
        elif section is None:
            _parse_session_line(description, line)
        else:
            _parse_media_line(section, line)
    for media in description.media:
        _inherit(media, description.defaults)
        if media.port and not media.address:
            raise Fault(INCOMPLETE)
    return description


def _parse_session_line(description: Description, line: str) -> None:
    """A line before the first m-line."""
    if line[0] == "c":
        description.address = _parse_connection(line)
    elif line[0] == "o" and len(_words(line)) != 6:
        raise Fault(PARSE)
    elif line[0] == "a" and line[2:] in DIRECTIONS:
        description.direction = line[2:]
    elif line[0] == "a":
        name, _, value = line[2:].partition(":")
        _parse_channel(description.defaults, name, value.strip(" "))
    description.lines.append(line)


def _parse_media(line: str) -> MediaSection:
    """`m=<kind> <port>[/<count>] <protocol> <format> …`; a count is read and forgotten: one port pair an m-line."""
    words = _words(line[2:])
    if len(words) < 4:
        raise Fault(PARSE)
    port = _parse_port(words[1].partition("/")[0])
    return MediaSection(words[0], port, words[2], words[3:])


def _parse_media_line(section: MediaSection, line: str) -> None:
    """A line behind an m-line."""
    if line[0] == "c":
        section.address = _parse_connection(line)
    elif line[0] == "a":
        name, _, value = line[2:].partition(":")
        if name in DIRECTIONS:
            section.direction = name
        elif name == "rtcp":
            _parse_rtcp(section, value)
        elif name == "rtcp-mux":
            section.rtcp_mux = True
        elif name == "ptime":
            section.ptime = value.strip()
        elif name == "crypto" and len(section.crypto) < MAX_CRYPTO:
            crypto = parse_crypto(value.strip(" "))
            if crypto is not None:
                section.crypto.append(crypto)
        elif name == "mid":
            section.mid = value.strip(" ")
        else:
            _parse_channel(section, name, value.strip(" "))
    section.lines.append(line)


def _parse_channel(section: MediaSection, name: str, value: str) -> None:
    """Attributes of DTLS (RFC 8122, 4145) and ICE (RFC 8839)."""
    if name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        if digest and len(section.fingerprints) < MAX_FINGERPRINTS:
            section.fingerprints.append(Fingerprint(algorithm, digest.strip(" ")))
    elif name == "setup":
        section.setup = value
    elif name == "ice-ufrag" and 4 <= len(value) <= 256:
        section.ice_ufrag = value
    elif name == "ice-pwd" and 22 <= len(value) <= 256:
        section.ice_pwd = value
    elif name == "ice-options" and "trickle" in _words(value):
        section.is_trickling = True


def _inherit(media: MediaSection, defaults: MediaSection) -> None:
    """What the session says for all sections."""
    media.fingerprints = media.fingerprints or list(defaults.fingerprints)
    media.setup = media.setup or defaults.setup
    media.is_trickling = media.is_trickling or defaults.is_trickling
    if not media.ice_ufrag:
        media.ice_ufrag, media.ice_pwd = defaults.ice_ufrag, media.ice_pwd or defaults.ice_pwd


def _parse_rtcp(section: MediaSection, value: str) -> None:
    """`a=rtcp:<port>[ IN IP4 <address>]`, RFC 3605."""
    words = _words(value)
    if len(words) not in (1, 4):
        raise Fault(PARSE)
    section.rtcp_port = _parse_port(words[0])
    if len(words) == 4:
        section.rtcp_address = _parse_address(words[1:])


def _parse_connection(line: str) -> str:
    """`c=IN IP4 <address>`, where a multicast suffix (`/127`) has no place."""
    return _parse_address(_words(line[2:]))


def _parse_address(words: list[str]) -> str:
    if len(words) != 3 or words[0] != "IN":
        raise Fault(PARSE)
    address = canonical_address(words[2], words[1])
    if not address:
        raise Fault(PARSE)
    return address


def _words(text: str) -> list[str]:
    """Split at blanks, and at blanks only: text here is bytes in disguise, in which 0x85 and 0xA0 are no white
    space."""
    return [word for word in text.split(" ") if word]


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5) or int(text) > 65535:
        raise Fault(PARSE)
    return int(text)
