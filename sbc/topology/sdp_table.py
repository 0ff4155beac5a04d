"""Which attributes of a session description are sent, for each kind of transport protocol. Data; `sdp` applies it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Profile(Enum):
    """Kinds of `m=` line that we send; any other is kept in its place with port 0 (RFC 3264 section 6)."""

    PLAIN = "RTP/AVP"
    FEEDBACK = "RTP/AVPF"
    SDES = "RTP/SAVP, RTP/SAVPF"
    DTLS = "UDP/TLS/RTP/SAVP, UDP/TLS/RTP/SAVPF"
    FAX = "udptl"


PROFILES: Final[dict[str, Profile]] = {
    "RTP/AVP": Profile.PLAIN,
    "RTP/AVPF": Profile.FEEDBACK,
    "RTP/SAVP": Profile.SDES,
    "RTP/SAVPF": Profile.SDES,
    "UDP/TLS/RTP/SAVP": Profile.DTLS,
    "UDP/TLS/RTP/SAVPF": Profile.DTLS,
    "UDPTL": Profile.FAX,
}
"""By the protocol in upper case."""
KINDS: Final[frozenset[str]] = frozenset({"audio", "video", "image"})

DIRECTIONS: Final[frozenset[str]] = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
CODEC: Final[frozenset[str]] = frozenset({"rtpmap", "fmtp", "ptime", "maxptime", "framerate", "imageattr"})
"""RFC 8866 section 6, RFC 6236."""
RTCP: Final[frozenset[str]] = frozenset({"rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize"})
"""RFC 3605, 5761, 8858, 5506. Without `disclose` an address in `rtcp` goes, its port stays."""
FLAGS: Final[frozenset[str]] = DIRECTIONS | frozenset({"rtcp-mux", "rtcp-mux-only", "rtcp-rsize"})
"""They have no value: what stands there is somebody's own."""
NUMBERS: Final[frozenset[str]] = frozenset({"ptime", "maxptime", "framerate"})
TOGETHER: Final[frozenset[str]] = frozenset({"extmap", "extmap-allow-mixed", "rtcp-fb", "group", "mid"})
"""RFC 8285, 4585, 5888. They refer to each other: all cross, where every stream has a feedback profile, or none."""
ICE: Final[frozenset[str]] = frozenset(
    {
        "candidate",
        "end-of-candidates",
        "ice-ufrag",
        "ice-pwd",
        "ice-lite",
        "ice-options",
        "remote-candidates",
        "ice-mismatch",
    }
)
"""RFC 8839. Of an anchored call only with DTLS, where they are the media engine's own."""
DTLS: Final[frozenset[str]] = frozenset({"fingerprint", "setup", "tls-id"})
"""RFC 8122, 4145, 8842."""
SDES: Final[frozenset[str]] = frozenset({"crypto"})
"""RFC 4568."""
FAX: Final[frozenset[str]] = frozenset(
    {
        "t38faxversion",
        "t38maxbitrate",
        "t38faxmaxrate",
        "t38faxfillbitremoval",
        "t38faxtranscodingmmr",
        "t38faxtranscodingjbig",
        "t38faxratemanagement",
        "t38faxmaxbuffer",
        "t38faxmaxdatagram",
        "t38faxmaxifp",
        "t38faxudpec",
        "t38faxudpecdepth",
        "t38faxudpfecmaxspan",
        "t38modemtype",
    }
)
"""ITU-T T.38 annex D, without `T38VendorInfo`; products write them in any case."""

_BASE: Final = DIRECTIONS | CODEC | RTCP
SENT: Final[dict[Profile, frozenset[str]]] = {
    Profile.PLAIN: _BASE,
    Profile.FEEDBACK: _BASE | TOGETHER,
    Profile.SDES: _BASE | TOGETHER,
    Profile.DTLS: _BASE | TOGETHER | DTLS | ICE,
    Profile.FAX: DIRECTIONS | FAX,
}
"""Names in lower case that are sent for an anchored call."""
KEYED: Final[dict[Profile, frozenset[str]]] = {
    profile: names | SDES if profile in (Profile.PLAIN, Profile.FEEDBACK, Profile.SDES) else names
    for profile, names in SENT.items()
}
"""The same for a leg that has keys of its own, which the media engine wrote; in a plain profile they are RFC 8643's."""
DISCLOSED: Final[dict[Profile, frozenset[str]]] = {
    profile: names | ICE | DTLS | SDES if profile is not Profile.FAX else names for profile, names in SENT.items()
}
"""Names that are sent where media does not pass through us: what the peers need to find each other."""
SESSION_LEVEL: Final[frozenset[str]] = DIRECTIONS | TOGETHER | DTLS | ICE
"""Names that may stand above the first stream."""
BANDWIDTHS: Final[frozenset[str]] = frozenset({"AS", "CT", "TIAS", "RS", "RR"})
"""RFC 8866 section 5.8, 3890, 3556."""
KNOWN_ATTRIBUTES: Final[frozenset[str]] = frozenset.union(*DISCLOSED.values())
