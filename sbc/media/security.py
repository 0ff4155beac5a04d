"""Whether media of a leg are encrypted: what is offered to it, what is taken from it, and what must not get through.

Nobody is moved to less than was agreed: a plain answer to a secure offer, or a secure profile without a usable key,
ends the attempt. What a peer has agreed to, it is offered again: a refresh changes no profile.
"""

from __future__ import annotations

from typing import Final

from sbc.media.terms import Security, Terms
from sbc.octets import holds

_SUITES: Final[frozenset[bytes]] = frozenset(
    {b"AEAD_AES_256_GCM", b"AEAD_AES_128_GCM", b"AES_CM_128_HMAC_SHA1_80", b"AES_CM_128_HMAC_SHA1_32"}
)
"""Others are as good as absent: no encryption, F8, and what one of the engines lacks."""
_HASHES: Final[frozenset[bytes]] = frozenset({b"sha-256", b"sha-384", b"sha-512"})
"""RFC 8122 section 5: MD5 and MD2 must not be used; SHA-1 is broken."""
_WEAKENED: Final = (b"UNENCRYPTED_", b"UNAUTHENTICATED_")
_CRYPTO: Final = b"a=crypto:"
_FINGERPRINT: Final = b"a=fingerprint:"
_TLS: Final = b"UDP/TLS/RTP/"
_HANDSHAKE: Final = (_FINGERPRINT, b"a=setup:", b"a=tls-id:")
_ICE: Final = (b"a=ice-", b"a=candidate:", b"a=end-of-candidates", b"a=remote-candidates:")
_OWN: Final = (_FINGERPRINT, b"a=tls-id:", b"a=ice-ufrag:", b"a=ice-pwd:", b"a=candidate:")
"""Lines that name one peer; nobody else may be shown them."""


class Stream:
    """An m-line of RTP in use: its profile, and how many of its keys can be used."""

    __slots__ = ("fingerprints", "is_dtls", "is_secure", "keys", "place", "profile")

    def __init__(self, place: int, profile: bytes) -> None:
        self.place: Final = place
        """Among all m-lines."""
        self.profile: Final = profile
        self.is_secure: Final = b"SAVP" in profile
        self.is_dtls: Final = profile.startswith(_TLS)
        self.keys = 0
        self.fingerprints = 0

    @property
    def has_keys(self) -> bool:
        """Whether its profile can be kept."""
        return (self.fingerprints if self.is_dtls else self.keys) > 0


def streams_of(sdp: bytes) -> list[Stream]:
    """The streams in use under a profile of RTP."""
    found: list[Stream] = []
    current: Stream | None = None
    place, shared = -1, 0
    for line in sdp.split(b"\n"):
        if line.startswith(b"m="):
            place += 1
            current = None
            words = line.split()
            if len(words) > 2 and words[1] != b"0":
                profile = words[2].upper()
                if profile.startswith((b"RTP/", _TLS)):
                    current = Stream(place, profile)
                    current.fingerprints = shared
                    found.append(current)
        elif line.startswith(_CRYPTO):
            if current is not None and _is_usable(line):
                current.keys += 1
        elif line.startswith(_FINGERPRINT) and _is_strong(line):
            if current is not None:
                current.fingerprints += 1
            elif place < 0:
                shared += 1
    return found


def is_plain(sdp: bytes) -> bool:
    """True where neither a secure profile nor a key in SDP can be found: nothing more need be read."""
    return not (holds(sdp, _CRYPTO) or holds(sdp.upper(), b"SAVP"))


def _is_usable(line: bytes) -> bool:
    words = line.split()
    return len(words) > 2 and words[1] in _SUITES and not any(word.startswith(_WEAKENED) for word in words[3:])


def _is_strong(line: bytes) -> bool:
    return line[len(_FINGERPRINT) :].split(b" ", 1)[0].lower() in _HASHES


def objection_to_offer(terms: Terms, sdp: bytes) -> str:
    """Why this offer of a leg's peer is refused; empty where it is not."""
    level = terms.level
    if level is Security.BARRED:
        return BARRED
    if level is Security.NEVER and is_plain(sdp):
        return ""
    for stream in streams_of(sdp):
        if stream.is_secure:
            if level is Security.NEVER:
                return "SRTP is not taken from this side"
            if stream.is_dtls and not terms.has_dtls:
                return "SRTP with keys from DTLS is not taken from this side"
            if not stream.is_dtls and not terms.has_sdes:
                return "SRTP with keys in SDP is not taken from this side"
            if not stream.has_keys:
                return "SRTP without a usable key"
        elif level is Security.REQUIRED and not (stream.keys and terms.has_sdes):
            return "SRTP is required"
    return ""


BARRED: Final = "SRTP is required, and its keys would cross without TLS"


def objection_to_answer(shown: bytes, sdp: bytes) -> str:
    """Why this answer to the offer that was `shown` is refused: it gives up what was offered (RFC 3264 section 6)."""
    if is_plain(shown) and is_plain(sdp):
        return ""
    offered = {stream.place: stream for stream in streams_of(shown)}
    for stream in streams_of(sdp):
        was = offered.get(stream.place)
        if was is not None and (was.is_secure != stream.is_secure or was.is_dtls != stream.is_dtls):
            gives_up = was.is_secure and not stream.is_secure
            return "the answer gives up SRTP" if gives_up else "the answer has another profile"
        if stream.is_secure and not stream.has_keys:
            return "the answer gives up SRTP"
    return ""


class Profile:
    """How an offer is to look to a leg: the value for the engine's `transport protocol` (empty: the offer's own will
    do), whether keys stand beside a plain profile (RFC 8643), and whether its keys come from DTLS."""

    __slots__ = ("has_optional_keys", "is_dtls", "name")

    def __init__(self, name: str, *, has_optional_keys: bool = False, is_dtls: bool = False) -> None:
        self.name: Final = name
        self.has_optional_keys: Final = has_optional_keys
        self.is_dtls: Final = is_dtls


_AS_IS: Final = Profile("")


def profile_toward(terms: Terms, sdp: bytes, said: bytes) -> Profile:
    """The profile to show to a leg in the place of the offer's; `said` is what its peer last agreed to, if anything."""
    if terms.level is Security.NEVER and is_plain(sdp):
        return _AS_IS
    streams = streams_of(sdp)
    if not streams:
        return _AS_IS
    suffix = "F" if all(stream.profile.endswith(b"F") and not stream.is_dtls for stream in streams) else ""
    if terms.level is Security.NEVER:
        return Profile(f"RTP/AVP{suffix}") if any(one.is_secure or one.keys for one in streams) else _AS_IS
    agreed = streams_of(said) if said else []
    if agreed and agreed[0].is_secure:
        return Profile(agreed[0].profile.decode("latin-1"), is_dtls=agreed[0].is_dtls)
    if terms.level is Security.REQUIRED and not agreed:
        if terms.has_sdes:
            return Profile(f"RTP/SAVP{suffix}")
        return Profile("UDP/TLS/RTP/SAVPF", is_dtls=True)
    return Profile("" if is_plain(sdp) else f"RTP/AVP{suffix}", has_optional_keys=terms.has_sdes)


def without_weak_keys(terms: Terms, sdp: bytes) -> bytes:
    """What the engine is to know of a peer's description: no key that may not be used, and ICE only where it is wanted.

    What an engine is not told of it sends no checks to: candidates are addresses of a peer's choice.
    """
    has_keys = holds(sdp, _CRYPTO) or holds(sdp, _FINGERPRINT)
    if not (has_keys or holds(sdp, b"a=ice-") or holds(sdp, b"a=candidate")):
        return sdp
    takes_dtls = terms.has_dtls and any(stream.is_dtls for stream in streams_of(sdp))
    lines: list[bytes] = []
    for line in sdp.split(b"\n"):
        if line.startswith(_CRYPTO):
            fits = terms.has_sdes and _is_usable(line)
        elif line.startswith(_HANDSHAKE):
            fits = takes_dtls and (not line.startswith(_FINGERPRINT) or _is_strong(line))
        else:
            fits = (takes_dtls and terms.has_ice) or not line.startswith(_ICE)
        if fits:
            lines.append(line)
    return b"\n".join(lines)


_RANKS: Final[dict[bytes, int]] = {
    b"AEAD_AES_256_GCM": 0,
    b"AEAD_AES_128_GCM": 1,
    b"AES_CM_128_HMAC_SHA1_32": 2,
    b"AES_CM_128_HMAC_SHA1_80": 3,
}


def with_one_key(sdp: bytes, said: bytes) -> bytes:
    """An offer whose receiver has keys in SDP as well, with one key for each stream.

    10.5.3 passes each key of an offer on to the receiver, who must not have it; only in suites that were not offered it
    has keys of its own. So the suite that everybody has is left for the receiver, where the offerer can do without. A
    suite that the offerer has agreed to (`said`) is kept.
    """
    former = {words[1] for words in _crypto_lines(said)}
    lines: list[bytes] = []
    best: dict[int, tuple[int, int]] = {}
    place = -1
    for line in sdp.split(b"\n"):
        if line.startswith(b"m="):
            place += 1
        elif line.startswith(_CRYPTO):
            suite = line.split()[1]
            rank = (0 if suite in former else 1 + _RANKS.get(suite, 9), len(lines))
            best[place] = min(best.get(place, rank), rank)
        lines.append(line)
    kept = {at for _, at in best.values()}
    return b"\n".join([line for at, line in enumerate(lines) if at in kept or not line.startswith(_CRYPTO)])


def _crypto_lines(sdp: bytes) -> list[list[bytes]]:
    return [words for line in sdp.split(b"\n") if line.startswith(_CRYPTO) and len(words := line.split()) > 2]


def without_foreign_keys(terms: Terms, sdp: bytes, foreign: bytes) -> bytes:
    """An engine's description for a leg, without what names or keys the other leg: some engines pass that on."""
    if not (holds(sdp, _CRYPTO) or holds(sdp, _FINGERPRINT) or holds(sdp, b"a=ice-")):
        return sdp
    known = {_mark(line) for line in foreign.split(b"\n") if line.startswith((_CRYPTO, *_OWN))}
    lines: list[bytes] = []
    for line in sdp.split(b"\n"):
        if line.startswith(_CRYPTO):
            fits = terms.has_sdes and _mark(line) not in known
        elif line.startswith(_HANDSHAKE):
            fits = terms.has_dtls and _mark(line) not in known
        elif line.startswith(_ICE):
            fits = terms.has_ice and _mark(line) not in known
        else:
            fits = True
        if fits:
            lines.append(line)
    return b"\n".join(lines)


def lacks_keys(sdp: bytes) -> bool:
    """True where a secure stream came out without a key: it would never carry anything."""
    return any(stream.is_secure and not stream.has_keys for stream in streams_of(sdp))


def _mark(line: bytes) -> bytes:
    """What must not be shown twice: a crypto line's first key without padding, else the value."""
    if not line.startswith(_CRYPTO):
        return line.rstrip().lower()
    words = line.partition(b"inline:")[2].split(b"|")[0].split()
    return words[0].rstrip(b"=") if words else b""
