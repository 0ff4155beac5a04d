"""Which hosts a description names, wherever they stand."""

from __future__ import annotations

from typing import Final

from sbc.sdp.model import Session

_BREAKS: Final = str.maketrans(dict.fromkeys(",;|/=[]()<>\"'@", " "))
_HEX: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF")


def addresses(session: Session) -> list[str]:
    """Every host in the description, once, in order of appearance.

    Those of `o=` and `c=` whatever they look like, names too; everywhere else (attributes known and unknown, the texts,
    lines of unknown type) each literal IPv4 or IPv6 address. Host names inside attributes are not recognised.
    """
    found: dict[str, None] = {session.origin.address: None}
    if session.connection is not None:
        found[session.connection.host] = None
    texts = [session.name or "", session.information or "", session.uri or "", session.origin.username]
    texts += session.emails + session.phones + session.unknown
    texts += [value for _, value in session.attributes if value]
    for media in session.media:
        if media.connection is not None:
            found[media.connection.host] = None
        for connection in media.more_connections:
            found[connection.host] = None
        texts += [value for _, value in media.attributes if value]
        texts += media.unknown
        texts.append(media.information or "")
    for text in texts:
        for word in literals(text):
            found[word] = None
    return list(found)


def literals(text: str) -> list[str]:
    """The IP addresses in a text, cut at white space and common punctuation; a port behind a colon is taken off."""
    if "." not in text and ":" not in text:
        return []
    out: list[str] = []
    for word in text.translate(_BREAKS).split():
        if is_ip_literal(word):
            out.append(word)
            continue
        for part in word.split(":"):
            if "." in part and is_ip_literal(part):
                out.append(part)
    return out


def is_ip_literal(word: str) -> bool:
    """True for a dotted IPv4 address and for an IPv6 address without brackets, with or without a zone."""
    if ":" in word:
        return _is_ipv6(word.partition("%")[0])
    return _is_ipv4(word)


def _is_ipv4(word: str) -> bool:
    parts = word.split(".")
    if len(parts) != 4:
        return False
    return all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts)


def _is_ipv6(word: str) -> bool:
    head, gap, tail = word.partition("::")
    if "::" in tail or ":::" in word:
        return False
    groups = (head.split(":") if head else []) + (tail.split(":") if tail else [])
    size = len(groups)
    if groups and "." in groups[-1]:
        if not _is_ipv4(groups[-1]):
            return False
        groups = groups[:-1]
        size += 1
    if not all(0 < len(group) <= 4 and _HEX.issuperset(group) for group in groups):
        return False
    return size <= 7 if gap else size == 8
