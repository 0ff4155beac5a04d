"""The request of a `[[test]]`: a request line, and below it the few headers that a rule can see."""

from __future__ import annotations

import re
from typing import Final

from policies.errors import Finding, PolicyErrors, suggest
from policies.facts import Message, Party

_LINE: Final = re.compile(r"([A-Z]{1,32}) (\S+)(?: SIP/2\.0)?")
_URI: Final = re.compile(r"(sips?):(?:([^@\s<>]+)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:[;?]\S*)?")
_OPAQUE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(\S+)")
_HEADERS: Final = ("From", "To", "User-Agent")
_ANONYMOUS: Final = Party("anonymous", "anonymous.invalid")


def parse_request(text: str) -> Message:
    """`INVITE sip:+4930@example.net`, then optional `From:`, `To:` and `User-Agent:` lines; raises PolicyErrors.

    Not a SIP parser: it reads what a person writes into a test. Without From the caller is anonymous, without To it is
    the Request-URI.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    first = _LINE.fullmatch(lines[0]) if lines else None
    if first is None:
        raise _wrong(f'"{lines[0] if lines else ""}" is no request line', 'METHOD URI, such as "INVITE sip:100@pbx"')
    uri = parse_party(first[2])
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name.strip() not in _HEADERS:
            raise _wrong(f'"{line[:60]}"', f"the headers that a rule can see: {', '.join(_HEADERS)}", name.strip())
        headers[name.strip()] = value.strip()
    from_ = parse_party(headers["From"]) if "From" in headers else _ANONYMOUS
    to = parse_party(headers["To"]) if "To" in headers else uri
    return Message(first[1], uri, from_, to, headers.get("User-Agent", ""))


def parse_party(text: str) -> Party:
    """A URI, or one in angle brackets with a display name before it; raises PolicyErrors."""
    if "<" in text and ">" in text:
        text = text[text.rindex("<") + 1 : text.rindex(">")]
    found = _URI.fullmatch(text)
    if found is not None:
        return Party(found[2] or "", found[3].lower(), found[1])
    opaque = _OPAQUE.fullmatch(text)
    if opaque is None or opaque[1].lower() in ("sip", "sips"):
        raise _wrong(f'"{text[:60]}" is no URI', "sip:user@host, sips:user@host or tel:number")
    return Party(opaque[2] if opaque[1].lower() == "tel" else "", "", opaque[1].lower())


def _wrong(found: str, allowed: str, name: str = "") -> PolicyErrors:
    return PolicyErrors([Finding(found, allowed=allowed, remedy=suggest(name, _HEADERS) if name else "")])
