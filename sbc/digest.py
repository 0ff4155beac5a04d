"""Digest as a client: challenges read, answers computed, nonces used again (RFC 3261 section 22, RFC 7616, RFC 8760).

In: the values of WWW-Authenticate and Proxy-Authenticate, a user's name and password, what is to be sent, entropy.
Out: the value of Authorization or Proxy-Authorization. MD5, SHA-256 and SHA-512-256 with their `-sess` kin; `auth`,
`auth-int`, and neither (RFC 2069).

Not for: deciding whose challenges are answered, nor for checking what others answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from sbc.sip import Authentication, Fields, ParseError, parse_authentication, quote

_HASHES: Final[dict[str, str]] = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
_STRENGTH: Final = ("sha-512-256", "sha-256", "md5")
LONGEST: Final = 1024
"""Bytes of a nonce, an opaque or a realm that are worth repeating; a challenge with longer ones is passed over."""
REALMS: Final = 8
"""Realms of one partner whose nonces are kept."""
MOST_USES: Final = 0xFFFFFFF


class Challenge:
    """One digest challenge that we can answer. `qop` is `auth`, `auth-int` or empty; `algorithm` as it was written."""

    __slots__ = ("algorithm", "is_proxy", "is_stale", "nonce", "opaque", "qop", "realm", "userhash")

    def __init__(self, found: Authentication, qop: str, is_proxy: bool) -> None:
        self.realm: Final = found.get("realm")
        self.nonce: Final = found.get("nonce")
        self.opaque: Final = found.get("opaque")
        self.algorithm: Final = found.get("algorithm")
        self.qop: Final = qop
        self.is_stale: Final = found.get("stale").lower() == "true"
        """The nonce was too old, and nothing else was wrong (RFC 7616 section 3.3)."""
        self.userhash: Final = found.get("userhash").lower() == "true"
        self.is_proxy: Final = is_proxy

    @property
    def hash(self) -> str:
        """The algorithm without `-sess`, in lower case."""
        return (self.algorithm or "MD5").lower().removesuffix("-sess")

    @property
    def is_session(self) -> bool:
        """Whether the first cnonce goes into the key."""
        return self.algorithm.lower().endswith("-sess")

    def __repr__(self) -> str:
        return f"<Challenge {self.algorithm or 'MD5'} {self.realm[:40]!r}>"


def challenges_in(www: Sequence[str], proxy: Sequence[str]) -> list[Challenge]:
    """The challenges of a 401 or 407 that we can answer, one a realm and kind: that of the strongest algorithm.

    Of several for one realm RFC 8760 section 2.4 has a client take the first that it knows unless its own policy says
    otherwise; ours is RFC 7616 section 3.7: a list that begins with MD5 must not make us weaker than we need be.
    Others, malformed ones among them, are passed over.
    """
    best: dict[tuple[str, bool], Challenge] = {}
    for values, is_proxy in ((www, False), (proxy, True)):
        for value in values:
            found = _read(value, is_proxy)
            if found is None:
                continue
            known = best.get((found.realm, is_proxy))
            if known is None or _STRENGTH.index(found.hash) < _STRENGTH.index(known.hash):
                best[found.realm, is_proxy] = found
    return list(best.values())


def _read(value: str, is_proxy: bool) -> Challenge | None:
    try:
        found = parse_authentication(value)
    except ParseError:
        return None
    if not found.is_digest or not found.get("nonce") or any(len(text) > LONGEST for _, text in found.params):
        return None
    offered = [word.strip().lower() for word in found.get("qop").split(",") if word.strip()]
    qop = next((word for word in ("auth", "auth-int") if word in offered), "")
    if offered and not qop:
        return None
    challenge = Challenge(found, qop, is_proxy)
    return challenge if challenge.hash in _HASHES else None


class DigestUser:
    """A user of a partner: answers challenges, and keeps the nonces for the requests that follow.

    Of a partner's realms the newest challenge counts; how often one request is answered anew is for its sender to say.
    """

    __slots__ = ("_nonces", "_password", "username")

    def __init__(self, username: str, password: str) -> None:
        self.username: Final = username
        self._password: Final = password
        self._nonces: Final[dict[tuple[str, bool], _Nonce]] = {}

    def __repr__(self) -> str:
        return f"<DigestUser {self.username!r}>"

    def take(self, challenges: Sequence[Challenge], cnonce: str) -> bool:
        """Remember what a server asks for; False where there is nothing that could be answered."""
        for challenge in challenges:
            key = challenge.realm, challenge.is_proxy
            self._nonces.pop(key, None)
            self._nonces[key] = _Nonce(challenge, challenge.nonce, cnonce)
            while len(self._nonces) > REALMS:
                del self._nonces[next(iter(self._nonces))]
        return bool(challenges)

    def renew(self, values: Sequence[str]) -> None:
        """Authentication-Info of a success: the nonce to use from now on (RFC 7616 section 3.5)."""
        for value in values:
            try:
                nonce = parse_authentication(f"Digest {value}").get("nextnonce")
            except ParseError:
                continue
            if nonce and len(nonce) <= LONGEST:
                for key, known in list(self._nonces.items()):
                    self._nonces[key] = _Nonce(known.challenge, nonce, known.cnonce)

    def credentials(self, method: str, uri: str, body: bytes) -> Fields:
        """Header fields that answer what was asked for so far; each call is one more use of each nonce."""
        fields: Fields = []
        for known in self._nonces.values():
            name = "Proxy-Authorization" if known.challenge.is_proxy else "Authorization"
            fields.append((name, known.answer(self.username, self._password, method, uri, body)))
        return fields


class _Nonce:
    """A nonce in use: how often, and with which cnonce."""

    __slots__ = ("challenge", "cnonce", "nonce", "uses")

    def __init__(self, challenge: Challenge, nonce: str, cnonce: str) -> None:
        self.challenge: Final = challenge
        self.nonce: Final = nonce
        self.cnonce: Final = cnonce
        self.uses = 0

    def answer(self, username: str, password: str, method: str, uri: str, body: bytes) -> str:
        asked = self.challenge
        self.uses = min(self.uses + 1, MOST_USES)
        nc = f"{self.uses:08x}"
        response = response_of(asked, self.nonce, username, password, method, uri, body, nc, self.cnonce)
        shown = _hashed(asked.hash, f"{username}:{asked.realm}".encode()) if asked.userhash else username
        parts = [
            f"username={quote(shown)}",
            f"realm={quote(asked.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(uri)}",
            f'response="{response}"',
        ]
        if asked.algorithm:
            parts.append(f"algorithm={asked.algorithm}")
        if asked.qop:
            parts += [f'cnonce="{self.cnonce}"', f"qop={asked.qop}", f"nc={nc}"]
        elif asked.is_session:
            parts.append(f'cnonce="{self.cnonce}"')
        if asked.opaque:
            parts.append(f"opaque={quote(asked.opaque)}")
        if asked.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)


def response_of(
    asked: Challenge,
    nonce: str,
    username: str,
    password: str,
    method: str,
    uri: str,
    body: bytes,
    nc: str,
    cnonce: str,
) -> str:
    """The `response` of RFC 7616 section 3.4.1, in lower-case hexadecimal digits."""
    kind = asked.hash
    secret = _hashed(kind, f"{username}:{asked.realm}:{password}".encode())
    if asked.is_session:
        secret = _hashed(kind, f"{secret}:{nonce}:{cnonce}".encode())
    what = f"{method}:{uri}"
    if asked.qop == "auth-int":
        what += f":{_hashed(kind, body)}"
    tail = _hashed(kind, what.encode("utf-8", "surrogateescape"))
    middle = f"{nonce}:{nc}:{cnonce}:{asked.qop}" if asked.qop else nonce
    return _hashed(kind, f"{secret}:{middle}:{tail}".encode("utf-8", "surrogateescape"))


def _hashed(kind: str, data: bytes) -> str:
    return hashlib.new(_HASHES[kind], data, usedforsecurity=False).hexdigest()
