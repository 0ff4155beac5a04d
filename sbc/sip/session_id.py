"""The Session-ID header (RFC 7989): a UUID of each end, 32 hexadecimal digits, which may cross for debugging."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import get_param, parse_params

NIL: Final = "0" * 32
_HEX: Final[frozenset[str]] = frozenset("0123456789abcdef")


class SessionId:
    """The sender's half and the receiver's; `remote` is an empty string where the peer speaks the older RFC 7329."""

    __slots__ = ("local", "remote")

    def __init__(self, local: str, remote: str = "") -> None:
        self.local: Final = local
        self.remote: Final = remote

    def __str__(self) -> str:
        return f"{self.local};remote={self.remote}" if self.remote else self.local


def parse_session_id(text: str) -> SessionId:
    """Parse a Session-ID value; raises ParseError."""
    local, semicolon, tail = text.partition(";")
    local = local.strip().lower()
    remote = (get_param(parse_params(tail), "remote") or "").lower() if semicolon else ""
    if not _is_uuid(local) or (remote and not _is_uuid(remote)):
        raise ParseError(Fault.PARAMETER, f"malformed Session-ID {text[:80]!r}")
    return SessionId(local, remote)


def _is_uuid(text: str) -> bool:
    return len(text) == 32 and _HEX.issuperset(text)
