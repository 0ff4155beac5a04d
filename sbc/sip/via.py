"""The Via header (RFC 3261 section 20.42, RFC 3581)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params
from sbc.sip.uri import parse_host_port

MAGIC_COOKIE: Final = "z9hG4bK"


class Via:
    """One Via value: the transport in upper case, `sent-by` as host and port (0 where absent), parameters."""

    __slots__ = ("branch", "host", "params", "port", "transport")

    def __init__(self, transport: str, host: str, port: int = 0, params: Params = ()) -> None:
        self.transport: Final = transport
        self.host: Final = host
        self.port: Final = port
        self.params: Final = params
        self.branch: Final = get_param(params, "branch") or ""
        """The branch parameter, or an empty string (an RFC 2543 peer)."""

    def __str__(self) -> str:
        sent_by = f"{self.host}:{self.port}" if self.port else self.host
        return f"SIP/2.0/{self.transport} {sent_by}{format_params(self.params)}"

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"

    @property
    def sent_by(self) -> str:
        """`host:port` in lower case, with the transport's default port where none was given."""
        return f"{self.host}:{self.port or (5061 if self.transport == 'TLS' else 5060)}"

    def param(self, name: str) -> str | None:
        """A Via parameter: its value, an empty string for a flag (`rport`), None where absent."""
        return get_param(self.params, name)


_seen: Final[dict[str, tuple[str, str, int]]] = {}
_SEEN_LIMIT: Final = 4096  # senders remembered; then the table starts afresh


def parse_via(text: str) -> Via:
    """Parse one Via value; white space may stand around the slashes, the colon and the semicolons."""
    head, semicolon, tail = text.partition(";")
    sender = _seen.get(head)
    if sender is None:
        sender = _parse_sender(head)
        if len(head) <= 128:
            if len(_seen) >= _SEEN_LIMIT:
                _seen.clear()
            _seen[head] = sender
    if ";;" in tail:
        # A proxy that blanks the `rport` it answered leaves these; the branch is all we need of the value.
        tail = ";".join([part for part in tail.split(";") if part.strip()])
    return Via(sender[0], sender[1], sender[2], parse_params(tail) if semicolon else ())


def _parse_sender(text: str) -> tuple[str, str, int]:
    """Transport in upper case, host and port of sent-by."""
    if text.startswith("SIP/2.0/"):
        transport, _, rest = text[8:].partition(" ")
        if not rest:
            transport, rest = _split_white(text[8:])
    else:
        protocol, slash, after = text.partition("/")
        version, slash2, after = after.partition("/")
        if not slash or not slash2 or protocol.strip().upper() != "SIP" or version.strip() != "2.0":
            raise ParseError(Fault.VIA, f"malformed Via {text[:60]!r}")
        transport, rest = _split_white(after.strip())
    transport = transport.strip()
    if not is_token(transport):
        raise ParseError(Fault.VIA, f"malformed Via transport in {text[:60]!r}")
    host, port = parse_host_port(rest.strip(), Fault.VIA)
    return transport.upper(), host, port


def _split_white(text: str) -> tuple[str, str]:
    parts = text.split(None, 1)
    if len(parts) != 2:
        raise ParseError(Fault.VIA, "a Via has no sent-by")
    return parts[0], parts[1]
