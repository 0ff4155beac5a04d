"""Digest across the edge: challenges of a trunk shown to whoever asked, and the credentials on their way back.

RFC 7616 hashes realm, nonce and digest-uri together with the password, so that none of the three can be exchanged by
somebody who does not know it: they cross as they are, or the challenge does not cross. Only realms that the operator
names for the trunk do. Everything else is built anew; `opaque` is not hashed, and the asker sees a token of ours.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error, unhexlify
from contextlib import suppress
from typing import Final

from sbc.config import Trunk
from sbc.mint import Mint
from sbc.sip import (
    Authentication,
    Fields,
    Message,
    ParseError,
    Request,
    Response,
    is_token,
    parse_authentication,
    quote,
)
from sbc.topology.audit.units import all_units, is_ipv4

MAX_OPAQUES: Final = 100_000
"""Values of `opaque` kept at most; the oldest give way, and their credentials are challenged again."""
CHALLENGED: Final[frozenset[str]] = frozenset(
    {"INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "REFER", "OPTIONS", "INFO", "UPDATE"}
)
"""Methods whose challenges may cross. A BYE ends here: who challenges ours gets no credentials of anybody."""
CHALLENGES: Final = ("WWW-Authenticate", "Proxy-Authenticate")
CREDENTIALS: Final = ("Authorization", "Proxy-Authorization")
INFORMATION: Final = ("Authentication-Info", "Proxy-Authentication-Info")
PLACES: Final[frozenset[str]] = frozenset(CHALLENGES + CREDENTIALS)
_ALGORITHMS: Final[dict[str, str]] = {
    name.lower(): name for name in ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess")
}
_HEX: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF")
_LONGEST: Final = 512
_MOST: Final = 4  # challenges of one response, credentials of one request


class Challenges:
    """What may cross of digest, and the `opaque` values behind ours. `counters` tells what was withheld, by reason."""

    __slots__ = ("_mint", "_most", "_opaques", "counters")

    def __init__(self, mint: Mint, most: int = MAX_OPAQUES) -> None:
        self._most: Final = most
        self._mint: Final = mint
        self._opaques: Final[dict[str, tuple[str, str]]] = {}
        self.counters: Final[dict[str, int]] = {}

    def shown(self, response: Response, method: str, trunk: Trunk | None) -> Fields:
        """The challenges of a trunk's 401 or 407 that its asker may see; none where passing is not allowed."""
        fields: Fields = []
        if trunk is None or method not in CHALLENGED:
            return fields
        for name in CHALLENGES:
            for text in response.get_all(name)[:_MOST]:
                value = self._challenge(text, trunk)
                if value:
                    fields.append((name, value))
        return fields

    def informed(self, response: Response, trunk: Trunk | None) -> Fields:
        """Authentication-Info of a success (RFC 7616 section 3.5): the next nonce and the server's own proof."""
        fields: Fields = []
        if trunk is None or not trunk.challenges:
            return fields
        for name in INFORMATION:
            text = response.get(name)
            value = _information(text) if text is not None else ""
            if value:
                fields.append((name, value))
        return fields

    def credentials(self, request: Message, trunk: Trunk | None) -> Fields:
        """The credentials of a request that answer a challenge of this trunk."""
        fields: Fields = []
        if trunk is None or not trunk.challenges or not isinstance(request, Request):
            return fields
        if request.method not in CHALLENGED:
            return fields
        for name in CREDENTIALS:
            for text in request.get_all(name)[:_MOST]:
                value = self._answer(text, trunk)
                if value:
                    fields.append((name, value))
        return fields

    def _challenge(self, text: str, trunk: Trunk) -> str:
        found = _digest(text)
        if found is None:
            return self._withhold("scheme")
        realm, nonce = found.get("realm"), found.get("nonce")
        if realm not in trunk.challenges:
            return self._withhold("realm")
        if not nonce or len(nonce) > _LONGEST or _names_an_address(nonce):
            return self._withhold("nonce")
        algorithm = found.get("algorithm")
        options = [option.strip().lower() for option in found.get("qop").split(",")]
        if algorithm.lower() not in _ALGORITHMS and algorithm:
            return self._withhold("algorithm")
        if options != [""] and "auth" not in options:
            # auth-int covers the body, which is built anew here.
            return self._withhold("auth-int")
        parts = [f"realm={quote(realm)}", f"nonce={quote(nonce)}"]
        opaque = found.get("opaque")
        if opaque:
            parts.append(f'opaque="{self._keep(trunk.name, opaque)}"')
        if found.get("stale").lower() == "true":
            parts.append("stale=true")
        if algorithm:
            parts.append(f"algorithm={_ALGORITHMS[algorithm.lower()]}")
        if options != [""]:
            parts.append('qop="auth"')
        return "Digest " + ", ".join(parts)

    def _answer(self, text: str, trunk: Trunk) -> str:
        found = _digest(text)
        if found is None or found.get("realm") not in trunk.challenges:
            return ""
        parts = [f"{name}={quote(found.get(name))}" for name in ("username", "realm", "nonce", "uri")]
        response, cnonce, count = found.get("response"), found.get("cnonce"), found.get("nc")
        if not _is_hex(response) or max(len(part) for part in parts) > _LONGEST or len(cnonce) > _LONGEST:
            return self._withhold("credentials")
        parts.append(f'response="{response}"')
        algorithm = _ALGORITHMS.get(found.get("algorithm").lower())
        if algorithm is not None:
            parts.append(f"algorithm={algorithm}")
        if cnonce:
            parts.append(f"cnonce={quote(cnonce)}")
        kept = self._opaques.get(found.get("opaque"))
        if kept is not None and kept[0] == trunk.name:
            parts.append(f"opaque={quote(kept[1])}")
        if found.get("qop").lower() == "auth" and _is_hex(count) and len(count) == 8:
            parts += ["qop=auth", f"nc={count}"]
        return "Digest " + ", ".join(parts)

    def _keep(self, trunk: str, opaque: str) -> str:
        token = self._mint.keyed_token(f"{trunk}\n{opaque}".encode("utf-8", "surrogateescape"))
        if token not in self._opaques and len(self._opaques) >= self._most:
            del self._opaques[next(iter(self._opaques))]
        self._opaques[token] = (trunk, opaque)
        return token

    def _withhold(self, reason: str) -> str:
        name = f"challenge.{reason}"
        self.counters[name] = self.counters.get(name, 0) + 1
        return ""


def _digest(text: str) -> Authentication | None:
    if len(text) > 4 * _LONGEST:
        return None
    try:
        found = parse_authentication(text)
    except ParseError:
        return None
    return found if found.is_digest and not found.opaque else None


def _information(text: str) -> str:
    """Authentication-Info has parameters and no scheme."""
    found = _digest(f"Digest {text}")
    if found is None:
        return ""
    parts: list[str] = []
    for name in ("nextnonce", "cnonce"):
        value = found.get(name)
        if value and len(value) <= _LONGEST and not _names_an_address(value):
            parts.append(f"{name}={quote(value)}")
    if _is_hex(found.get("rspauth")):
        parts.append(f'rspauth="{found.get("rspauth")}"')
    if found.get("qop").lower() == "auth":
        parts.append("qop=auth")
    if _is_hex(found.get("nc")):
        parts.append(f"nc={found.get('nc')}")
    return ", ".join(parts)


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 128 and _HEX.issuperset(text)


def _names_an_address(nonce: str) -> bool:
    """True where a nonce holds an address, or something like user@host, in clear or in base64 or hexadecimal.

    An address packed into its four octets is not seen: whoever makes such nonces must not be passed.
    """
    readings = [nonce.encode("utf-8", "surrogateescape")]
    with suppress(Error, ValueError):
        readings.append(b64decode(readings[0] + b"=" * (-len(nonce) % 4), validate=True))
    with suppress(Error, ValueError):
        readings.append(unhexlify(readings[0]))
    for reading in readings:
        if b"@" in reading and is_token(reading.decode("latin-1").replace("@", "")):
            return True
        if any(is_ipv4(unit) or b":" in unit for unit in all_units(reading)):
            return True
    return False
