"""`name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin (RFC 3261 section 20.10)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import TOKEN_CHARS, Params, format_params, get_param, parse_params, quote, split_list
from sbc.sip.uri import Uri, is_seen, parse_uri


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
    if text.startswith('"'):
        end = _closing_quote(text)
        display = text[: end + 1]
        text = text[end + 1 :].lstrip()
        if not text.startswith("<"):
            raise ParseError(Fault.ADDRESS, "a quoted display name is not followed by '<'", offset=end)
    if text.startswith("<"):
        end = text.find(">")
        if end < 0:
            raise ParseError(Fault.ADDRESS, "an angle bracket is not closed")
        tail = text[end + 1 :].strip()
        if tail and not tail.startswith(";"):
            raise ParseError(Fault.ADDRESS, "text after '>'", offset=end)
        return Address(display, parse_uri(text[1:end].strip()), parse_params(tail) if tail else ())
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
    return [parse_address(part) for value in values for part in split_list(value)]


def tag_of(value: str) -> str:
    """The tag of a From or To value without parsing the rest: for look-ups on the straight path.

    Gives an empty string where there is none. A `tag` inside the angle brackets or the display name is not taken.
    """
    tail = value[value.rfind(">") + 1 :]
    position = tail.find(";tag=")
    if position < 0:
        if "tag" not in tail.lower():
            return ""
        return parse_address(value).tag
    if '"' in tail:
        return parse_address(value).tag
    end = tail.find(";", position + 5)
    return (tail[position + 5 :] if end < 0 else tail[position + 5 : end]).strip()


def _quoted(display: str) -> str:
    """A display name that lacks its quotes, with them: names beyond ASCII come so. More than a name raises."""
    if not display.isprintable() and any(character < " " for character in display):
        raise ParseError(Fault.ADDRESS, "a display name holds control characters")
    if not _NAME_FORBIDDEN.isdisjoint(display):
        raise ParseError(Fault.ADDRESS, "an unquoted display name holds characters that need quotes")
    return quote(display)


_NAME_FORBIDDEN: Final[frozenset[str]] = frozenset(",;:@>")


def is_plain(text: str) -> bool:
    """True where `parse_address` is sure to accept the value: a URI seen before in angle brackets, at most a tag.

    False says nothing.
    """
    opening = text.find("<")
    closing = text.find(">", opening)
    if opening < 0 or not is_seen(text[opening + 1 : closing]):
        return False
    if opening:
        display = text[:opening].rstrip()
        if display[:1] != '"' or display[-1:] != '"' or display.count('"') != 2 or "\\" in display:
            return False
    tail = text[closing + 1 :]
    return not tail or (
        tail[:5] == ";tag=" and len(tail) > 5 and tail.isprintable() and _TAIL_FORBIDDEN.isdisjoint(tail[5:])
    )


_TAIL_FORBIDDEN: Final[frozenset[str]] = frozenset(' ;"<>')


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
