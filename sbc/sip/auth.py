"""Challenges and credentials: WWW-Authenticate, Authorization and their proxy kin (RFC 3261 sections 20.7, 20.44)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import is_token, split_list, unquote


class Authentication:
    """A scheme and its parameters: a challenge where a server sends it, credentials where a client does.

    `params` hold (name in lower case, value as written, with its quotes); an unknown scheme without parameters keeps
    its text in `opaque` (RFC 4475 section 3.3.7).
    """

    __slots__ = ("opaque", "params", "scheme")

    def __init__(self, scheme: str, params: tuple[tuple[str, str], ...] = (), opaque: str = "") -> None:
        self.scheme: Final = scheme
        self.params: Final = params
        self.opaque: Final = opaque

    @property
    def is_digest(self) -> bool:
        """True for the Digest scheme, whatever its case."""
        return self.scheme.lower() == "digest"

    def get(self, name: str) -> str:
        """A parameter's value without its quotes, or an empty string."""
        for known, value in self.params:
            if known == name:
                return unquote(value)
        return ""

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme} {self.opaque}"
        return f"{self.scheme} " + ", ".join([f"{name}={value}" for name, value in self.params])

    def __repr__(self) -> str:
        return f"<Authentication {self.scheme} realm {self.get('realm')[:40]!r}>"


def parse_authentication(text: str) -> Authentication:
    """Parse one challenge or credentials; raises ParseError, also where a parameter stands twice (RFC 7616)."""
    scheme, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if not is_token(scheme) or not rest:
        raise ParseError(Fault.PARAMETER, f"malformed authentication {text[:20]!r}")
    found: list[tuple[str, str]] = []
    names: set[str] = set()
    for part in split_list(rest):
        name, equals, value = part.partition("=")
        name = name.strip()
        value = value.strip()
        if not equals or not value or not is_token(name):
            if scheme.lower() == "digest":
                raise ParseError(Fault.PARAMETER, f"malformed digest parameter {part[:20]!r}")
            return Authentication(scheme, (), rest)
        name = name.lower()
        if name in names:
            raise ParseError(Fault.PARAMETER, f"{name} stands twice")
        names.add(name)
        found.append((name, value))
    return Authentication(scheme, tuple(found))
