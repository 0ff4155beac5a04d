"""SIP, SIPS and other URIs as values (RFC 3261 section 19.1)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.escape import unescape
from sbc.sip.params import Params, format_params, get_param, parse_params

_HOST_CHARS: Final[frozenset[str]] = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
_IPV6_CHARS: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF:.%")
_USER_FORBIDDEN: Final[frozenset[str]] = frozenset(' <>"\t\r\n')


class Uri:
    """A URI; for `sip` and `sips` taken apart, for every other scheme only `scheme` and `opaque` are set.

    `user` is kept as written, escapes included (RFC 4475 section 3.1.1.3 forbids to unescape twice), and includes
    user parameters and a password. `host` is in lower case; IPv6 references keep their brackets. `port` is 0 where
    absent. `headers` is the text after `?`, as written.
    """

    __slots__ = ("headers", "host", "opaque", "params", "port", "scheme", "user")

    def __init__(
        self,
        scheme: str,
        user: str,
        host: str,
        port: int = 0,
        params: Params = (),
        headers: str = "",
        opaque: str = "",
    ) -> None:
        self.scheme: Final = scheme
        self.user: Final = user
        self.host: Final = host
        self.port: Final = port
        self.params: Final = params
        self.headers: Final = headers
        self.opaque: Final = opaque

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        text = f"{self.scheme}:{self.user}@{self.host}" if self.user else f"{self.scheme}:{self.host}"
        if self.port:
            text = f"{text}:{self.port}"
        if self.params:
            text += format_params(self.params)
        if self.headers:
            text = f"{text}?{self.headers}"
        return text

    def __repr__(self) -> str:
        return f"Uri({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uri) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def is_sip(self) -> bool:
        """True for `sip:` and `sips:`."""
        return not self.opaque

    def param(self, name: str) -> str | None:
        """A URI parameter: its value, an empty string for a flag, None where absent."""
        return get_param(self.params, name)

    def header(self, name: str) -> str | None:
        """A header embedded behind `?`, unescaped once (RFC 3261 section 19.1.1); None where absent.

        The text may hold anything, line ends included: parse it, never copy it into a message.
        """
        if not self.headers:
            return None
        wanted = name.lower()
        for part in self.headers.split("&"):
            known, _, value = part.partition("=")
            if unescape(known).lower() == wanted:
                return unescape(value)
        return None


def parse_host_port(text: str, fault: Fault = Fault.URI) -> tuple[str, int]:
    """`host[:port]` to (host in lower case, port or 0); IPv6 references keep their brackets."""
    if text.startswith("["):
        end = text.find("]")
        inner = text[1:end] if end > 0 else ""
        if not inner or ":" not in inner or not _IPV6_CHARS.issuperset(inner):
            raise ParseError(fault, "malformed IPv6 reference")
        host, rest = text[: end + 1], text[end + 1 :].lstrip()
        if rest and not rest.startswith(":"):
            raise ParseError(fault, "text after an IPv6 reference")
        port_text = rest[1:]
        colon = bool(rest)
    else:
        host, separator, port_text = text.partition(":")
        host = host.rstrip()
        colon = bool(separator)
        if not host or not _HOST_CHARS.issuperset(host):
            raise ParseError(fault, f"malformed host {host[:60]!r}")
    if not colon:
        return host.lower(), 0
    port_text = port_text.strip()
    if not (port_text.isascii() and port_text.isdigit()) or len(port_text) > 5 or int(port_text) > 65535:
        raise ParseError(fault, f"malformed port {port_text[:20]!r}")
    return host.lower(), int(port_text)


_seen: Final[dict[str, Uri]] = {}
_SEEN_LIMIT: Final = 4096  # URIs remembered; then the table starts afresh
_SEEN_LENGTH: Final = 128


def parse_uri(text: str) -> Uri:
    """Parse an absolute URI; raises ParseError with status 400.

    The last few thousand short ones are remembered: each URI of a call stands in most of its messages.
    """
    known = _seen.get(text)
    if known is not None:
        return known
    uri = _parse_uri(text)
    if len(text) <= _SEEN_LENGTH:
        if len(_seen) >= _SEEN_LIMIT:
            _seen.clear()
        _seen[text] = uri
    return uri


def _parse_uri(text: str) -> Uri:
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not scheme.isascii() or not scheme[:1].isalpha() or not rest:
        raise ParseError(Fault.URI, f"not a URI: {text[:60]!r}")
    if scheme != "sip" and scheme != "sips":
        if not all(c.isalnum() or c in "+-." for c in scheme) or not _USER_FORBIDDEN.isdisjoint(rest):
            raise ParseError(Fault.URI, f"not a URI: {text[:60]!r}")
        return Uri(scheme, "", "", 0, (), "", rest)
    user, at, after = rest.partition("@")
    if not at:
        user, after = "", rest
    elif not user or not _USER_FORBIDDEN.isdisjoint(user):
        raise ParseError(Fault.URI, f"malformed user part in {text[:60]!r}")
    headers = ""
    if "?" in after:
        after, _, headers = after.partition("?")
        if not headers:
            raise ParseError(Fault.URI, f"a question mark without headers in {text[:60]!r}")
    params: Params = ()
    if ";" in after:
        after, _, tail = after.partition(";")
        if tail[:1] == ";":
            raise ParseError(Fault.URI, f"an empty parameter in {text[:60]!r}")
        params = parse_params(tail)
    host, port = parse_host_port(after)
    return Uri(scheme, user, host, port, params, headers)
