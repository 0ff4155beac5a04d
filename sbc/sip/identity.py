"""The Identity header (RFC 8224 section 4): a signed PASSporT. Taken apart here, verified elsewhere."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, parse_params, unquote

_TOKEN_CHARS: Final[frozenset[str]] = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.+/")


class Identity:
    """The PASSporT in full (`header.payload.signature`) or compact (`..signature`) form, with its parameters."""

    __slots__ = ("params", "token")

    def __init__(self, token: str, params: Params = ()) -> None:
        self.token: Final = token
        self.params: Final = params

    @property
    def info(self) -> str:
        """Where the certificate is: the URI without its angle brackets, or an empty string."""
        text = get_param(self.params, "info") or ""
        return text[1:-1] if text.startswith("<") and text.endswith(">") else text

    @property
    def algorithm(self) -> str:
        """`ES256` where nothing is said."""
        return unquote(get_param(self.params, "alg") or "ES256")

    @property
    def extension(self) -> str:
        """The `ppt` (`shaken`, `div`, `rph`), or an empty string."""
        return unquote(get_param(self.params, "ppt") or "")

    def __str__(self) -> str:
        return self.token + format_params(self.params)


def parse_identity(text: str) -> Identity:
    """Parse one Identity value; raises ParseError, also for the older form of RFC 4474 (a quoted string)."""
    token, semicolon, tail = text.partition(";")
    token = token.strip()
    if token.count(".") != 2 or not _TOKEN_CHARS.issuperset(token):
        raise ParseError(Fault.PARAMETER, f"malformed Identity {text[:40]!r}")
    return Identity(token, parse_params(tail) if semicolon else ())
