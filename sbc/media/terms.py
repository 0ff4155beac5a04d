"""What holds for a leg's media: whether they are encrypted, who says the keys, and how a path is found.

Keys in SDP (RFC 4568) are as secret as the signalling that carries them, so they are for legs over TLS, unless the
operator says otherwise. With DTLS (RFC 5763) no key is in SDP, only the fingerprint of a certificate.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

_PRIVATE: Final[frozenset[str]] = frozenset({"TLS", "WSS"})


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


class Terms:
    """A leg's terms. Made by `terms_of` and `terms_named` only: equal terms are the same object."""

    __slots__ = ("has_dtls", "has_ice", "has_sdes", "level", "name", "rtcp_mux")

    def __init__(self, name: str) -> None:
        words = name.split(" ")
        self.name: Final = name
        """The terms as words; `terms_named` reads them."""
        self.level: Final = Security(words[0])
        self.has_sdes: Final = "sdes" in words
        """Keys in SDP are taken, and offered."""
        self.has_dtls: Final = "dtls" in words
        """A handshake is taken, and asked for where keys in SDP are not offered."""
        self.has_ice: Final = "ice" in words
        """ICE-lite (RFC 8445 section 2.5) where the keys come from DTLS."""
        self.rtcp_mux: Final = "require" if "mux" in words else "offer" if "may-mux" in words else "never"
        """Toward the peer (RFC 5761): not offered, offered beside a port pair, or one port and nothing else. Taken from
        it in any case."""

    @property
    def is_secure(self) -> bool:
        """Whether there may be keys at all."""
        return self.level is not Security.NEVER


_WORDS: Final[frozenset[str]] = frozenset({"sdes", "dtls", "ice", "mux", "may-mux"})
_KNOWN: Final[dict[str, Terms]] = {}


def terms_named(name: str) -> Terms:
    """The terms of this name. Raises ValueError for words that are none."""
    terms = _KNOWN.get(name)
    if terms is None:
        if not _WORDS.issuperset(name.split(" ")[1:]):
            raise ValueError(f"{name[:40]!r} are no terms for media")
        terms = _KNOWN[name] = Terms(name)
    return terms


CLEAR: Final = terms_named("never")


def terms_of(
    srtp: str,
    transport: str,
    *,
    keys: str = "sdes",
    sdes_without_tls: bool = False,
    ice: bool = False,
    rtcp_mux: str = "never",
) -> Terms:
    """What a realm's settings mean on a leg over `transport`; `keys` is `sdes`, `dtls` or `any`."""
    words = [srtp]
    if srtp != Security.NEVER.value:
        if keys != "dtls" and (sdes_without_tls or transport in _PRIVATE):
            words.append("sdes")
        if keys != "sdes":
            words.append("dtls")
            if ice:
                words.append("ice")
        if len(words) == 1:
            words[0] = (Security.NEVER if srtp == Security.OPTIONAL.value else Security.BARRED).value
    if rtcp_mux != "never":
        words.append("mux" if rtcp_mux == "require" else "may-mux")
    return terms_named(" ".join(words))
