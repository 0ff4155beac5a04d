"""`name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin (RFC 3261 section 20.10)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import TOKEN_CHARS, Params, format_params, get_param, parse_params, quote, split_list
from sbc.sip.uri import Uri, parse_uri


class Address:
    """A display name, a URI and header parameters.

    `display` is as written (with its quotes where it had them), an empty string where absent.
    """

    __slots__ = ("display", "params", "uri")

    def __init__(self, display: str, uri: Uri, params: Params = ()) -> None:
        self.display: Final = display
        self.uri: Final = uri
        self.params: Final = params

    def __str__(self) -> str:
        head = f"{self.display} <{self.uri}>" if self.display else f"<{self.uri}>"
        return head + format_params(self.params)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    @property
    def tag(self) -> str:
        """The `tag` parameter, or an empty string."""
        return get_param(self.params, "tag") or ""

    def param(self, name: str) -> str | None:
        """A header parameter: its value, an empty string for a flag, None where absent."""
        return get_param(self.params, name)


def parse_address(text: str) -> Address:
    """Parse one `name-addr` or `addr-spec` with its parameters; raises ParseError.

    Without angle brackets, what follows `;` are header parameters, never URI parameters, and a comma, a question
    mark or a semicolon may not stand in the URI (RFC 3261 section 20; RFC 4475 section 3.1.2.13).
    """
    text = text.strip()
    display = ""
    if text[:1] == '"':
        end = text.find('"', 1)
        if "\\" in text:
            end = _closing_quote(text)
        opening = text.find("<", end)
        if end < 0 or opening < 0 or text[end + 1 : opening].strip():
            raise ParseError(Fault.ADDRESS, "a quoted display name is not closed or not followed by '<'")
        display = text[: end + 1]
        text = text[opening:]
    if text[:1] == "<":
        end = text.find(">")
        if end < 0:
            raise ParseError(Fault.ADDRESS, "an angle bracket is not closed")
        uri = parse_uri(text[1:end].strip())
        tail = text[end + 1 :].strip()
        if not tail:
            return Address(display, uri)
        if tail[0] != ";":
            raise ParseError(Fault.ADDRESS, "text after '>'", offset=end)
        return Address(display, uri, parse_params(tail))
    opening = text.find("<")
    if opening > 0:
        display = text[:opening].strip()
        for word in display.split():
            if not TOKEN_CHARS.issuperset(word):
                display = _quoted(display)
                break
        inner = parse_address(text[opening:])
        return Address(display, inner.uri, inner.params)
    spec, semicolon, tail = text.partition(";")
    spec = spec.strip()
    if "?" in spec or "," in spec:
        raise ParseError(Fault.ADDRESS, "a URI with '?' or ',' must stand in angle brackets")
    return Address("", parse_uri(spec), parse_params(tail) if semicolon else ())


def parse_addresses(values: list[str]) -> list[Address]:
    """All addresses of a header that may be repeated or comma-separated."""
    if len(values) == 1 and "," not in values[0]:
        return [parse_address(values[0])]
    return [parse_address(part) for value in values for part in split_list(value)]


def tag_of(value: str) -> str:
    """The tag of a From or To value without parsing the rest: for look-ups on the straight path.

    Gives an empty string where there is none. A `tag` inside the angle brackets or the display name is not taken.
    """
    opening = value.find("<")
    # Without an opening bracket a closing one is no bracket: whatever the grammar says, some parameter holds it.
    tail = value[value.find(">", opening) + 1 :] if opening >= 0 else value
    if not tail:
        return ""
    if tail[:5] == ";tag=" and tail.rfind(";") == 0 and '"' not in tail:
        return tail[5:].strip()
    return parse_address(value).tag if "tag" in tail.lower() else ""


def address_end(value: str) -> int:
    """Where the header parameters of a `name-addr` begin: behind its bracket, 0 where there is none.

    A bracket in the display name or in a quoted parameter is not taken for it. Never raises.
    """
    start = 0
    if value[:1] == '"':
        try:
            start = _closing_quote(value)
        except ParseError:
            return value.rfind(">") + 1
    opening = value.find("<", start)
    return value.find(">", opening) + 1 if opening >= 0 else 0


def _quoted(display: str) -> str:
    """A display name that lacks its quotes, with them: names beyond ASCII come so. More than a name raises."""
    if not display.isprintable() and any(character < " " for character in display):
        raise ParseError(Fault.ADDRESS, "a display name holds control characters")
    if not _NAME_FORBIDDEN.isdisjoint(display):
        raise ParseError(Fault.ADDRESS, "an unquoted display name holds characters that need quotes")
    return quote(display)


_NAME_FORBIDDEN: Final[frozenset[str]] = frozenset(",;:@>")


_seen: Final[dict[str, None]] = {}
_SEEN_LIMIT: Final = 4096  # addresses remembered; then the table starts afresh


def is_seen(text: str) -> bool:
    """True where `parse_address` is sure to accept the value, since it did lately up to the closing bracket.

    Nothing but a tag may stand behind the bracket. False says nothing.
    """
    closing = text.rfind(">") + 1
    if text[:closing] not in _seen:
        return False
    tail = text[closing:]
    return not tail or (tail[:5] == ";tag=" and tail.rfind(";") == 0 and '"' not in tail and "<" not in tail)


def remember(text: str) -> None:
    """Keep a value that `parse_address` accepted for `is_seen`."""
    closing = text.rfind(">") + 1
    if 0 < closing <= 256 and '"' not in text[closing:] and "<" in text:
        if len(_seen) >= _SEEN_LIMIT:
            _seen.clear()
        _seen[text[:closing]] = None


def _closing_quote(text: str) -> int:
    position = 1
    size = len(text)
    while position < size:
        if text[position] == "\\":
            position += 1
        elif text[position] == '"':
            return position
        position += 1
    raise ParseError(Fault.ADDRESS, "a quote is not closed")
