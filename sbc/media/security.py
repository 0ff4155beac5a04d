"""Whether media of a leg are encrypted: what is offered to it, what is taken from it, and what must not get through.

Keys in SDP (RFC 4568) are as secret as the signalling that carries them, so they are for legs over TLS, unless the
operator says otherwise. Nobody is moved to less than was agreed: a plain answer to a secure offer, or a secure profile
without a usable key, ends the attempt. Media keyed by DTLS (`UDP/TLS/…`) are the engine's business and pass.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

_PRIVATE: Final[frozenset[str]] = frozenset({"TLS", "WSS"})
_SUITES: Final[frozenset[bytes]] = frozenset(
    {b"AEAD_AES_256_GCM", b"AEAD_AES_128_GCM", b"AES_CM_128_HMAC_SHA1_80", b"AES_CM_128_HMAC_SHA1_32"}
)
"""Others are as good as absent: no encryption, F8, and what one of the engines lacks."""
_WEAKENED: Final = (b"UNENCRYPTED_", b"UNAUTHENTICATED_")
_CRYPTO: Final = b"a=crypto:"


class Security(Enum):
    """What a leg's media are."""

    NEVER = "never"
    """In clear; keys are neither offered nor taken."""
    OPTIONAL = "optional"
    """As the peer wants: keys are offered beside a plain profile (RFC 8643), and a secure profile is taken."""
    REQUIRED = "required"
    """A secure profile is offered; an offer without keys is refused."""
    BARRED = "barred"
    """Required, and impossible: the leg's signalling would show the keys."""


def security_of(srtp: str, transport: str, *, sdes_without_tls: bool) -> Security:
    """What a realm's setting means on a leg over `transport`."""
    wanted = Security(srtp)
    if wanted is Security.NEVER or transport in _PRIVATE or sdes_without_tls:
        return wanted
    return Security.NEVER if wanted is Security.OPTIONAL else Security.BARRED


class _Stream:
    """An m-line in use: its profile, and how many of its crypto lines can be used."""

    __slots__ = ("is_feedback", "is_secure", "keys", "place")

    def __init__(self, place: int, profile: bytes) -> None:
        self.place: Final = place
        """Among all m-lines."""
        self.is_secure: Final = b"SAVP" in profile
        self.is_feedback: Final = profile.endswith(b"F")
        self.keys = 0


def _streams(sdp: bytes) -> list[_Stream]:
    """The streams in use under one of the four profiles whose keys are in SDP."""
    found: list[_Stream] = []
    current: _Stream | None = None
    place = -1
    for line in sdp.split(b"\n"):
        if line.startswith(b"m="):
            place += 1
            current = None
            words = line.split()
            if len(words) > 2 and words[1] != b"0" and words[2].upper().startswith(b"RTP/"):
                current = _Stream(place, words[2].upper())
                found.append(current)
        elif current is not None and line.startswith(_CRYPTO) and _is_usable(line):
            current.keys += 1
    return found


def _is_usable(line: bytes) -> bool:
    words = line.split()
    return len(words) > 2 and words[1] in _SUITES and not any(word.startswith(_WEAKENED) for word in words[3:])


def objection_to_offer(level: Security, sdp: bytes) -> str:
    """Why this offer of a leg's peer is refused; empty where it is not."""
    if level is Security.BARRED:
        return "SRTP is required, and its keys would cross without TLS"
    for stream in _streams(sdp):
        if stream.is_secure and level is Security.NEVER:
            return "SRTP is not taken from this side"
        if stream.is_secure and not stream.keys:
            return "SRTP without a usable key"
        if not stream.keys and level is Security.REQUIRED:
            return "SRTP is required"
    return ""


def objection_to_answer(shown: bytes, sdp: bytes) -> str:
    """Why this answer to the offer that was `shown` is refused: it gives up what was offered (RFC 3264 section 6)."""
    offered = {stream.place: stream for stream in _streams(shown)}
    for stream in _streams(sdp):
        was = offered.get(stream.place)
        if was is not None and was.is_secure != stream.is_secure:
            return "the answer gives up SRTP" if was.is_secure else "the answer has another profile"
        if stream.is_secure and not stream.keys:
            return "the answer gives up SRTP"
    return ""


def profile_toward(level: Security, sdp: bytes) -> str:
    """The profile to show to a leg in the place of the offer's; empty: the offer's own will do."""
    streams = _streams(sdp)
    is_secure = level is Security.REQUIRED
    if not streams or not (is_secure or any(stream.is_secure or stream.keys for stream in streams)):
        return ""
    feedback = "F" if all(stream.is_feedback for stream in streams) else ""
    return f"RTP/{'S' if is_secure else ''}AVP{feedback}"


def without_weak_keys(level: Security, sdp: bytes) -> bytes:
    """What the engine is to know of a peer's description: no crypto line that may not be used."""
    if _CRYPTO not in sdp:
        return sdp
    takes = level is not Security.NEVER
    return b"\n".join(line for line in sdp.split(b"\n") if not line.startswith(_CRYPTO) or (takes and _is_usable(line)))


def without_foreign_keys(level: Security, sdp: bytes, foreign: bytes) -> bytes:
    """An engine's description for a leg, without keys of the other leg: some engines pass those on."""
    if _CRYPTO not in sdp:
        return sdp
    if level is Security.NEVER:
        return b"\n".join(line for line in sdp.split(b"\n") if not line.startswith(_CRYPTO))
    known = {_key(line) for line in foreign.split(b"\n") if line.startswith(_CRYPTO)}
    return b"\n".join(line for line in sdp.split(b"\n") if not line.startswith(_CRYPTO) or _key(line) not in known)


def lacks_keys(sdp: bytes) -> bool:
    """True where a secure stream came out without a key: it would never carry anything."""
    return any(stream.is_secure and not stream.keys for stream in _streams(sdp))


def _key(line: bytes) -> bytes:
    """The first key of a line, without padding."""
    words = line.partition(b"inline:")[2].split(b"|")[0].split()
    return words[0].rstrip(b"=") if words else b""
