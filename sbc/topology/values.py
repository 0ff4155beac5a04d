"""How the values that cross are made: one function for each member of `Value`, an empty string for nothing left.

Each builds from words and numbers that an RFC defines (or a user and our domain), so that no free text of a peer
survives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.sip import (
    ParseError,
    format_params,
    get_param,
    is_token,
    parse_address,
    parse_params,
    parse_user_to_user,
    split_list,
)
from sbc.topology.causes import is_number, number, reason, warning
from sbc.topology.parties import history, history_guarded, identity, party, party_guarded
from sbc.topology.table import Value

Maker = Callable[[str, str], str]
"""From a value as the peer wrote it and the domain of the egress realm to the value that crosses."""

_PRIVACY: Final[frozenset[str]] = frozenset({"header", "session", "user", "none", "critical", "id", "history"})
_PRIORITY: Final[frozenset[str]] = frozenset({"emergency", "urgent", "normal", "non-urgent", "psap-callback"})
_STATES: Final[frozenset[str]] = frozenset({"active", "pending", "terminated"})
_STATE_REASONS: Final[frozenset[str]] = frozenset(
    {"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}
)
_DISPOSITIONS: Final[frozenset[str]] = frozenset({"session", "render", "info-package", "signal", "notification"})
_LONGEST_TOKEN: Final = 32
_LONGEST_DATA: Final = 512
_HEX: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF")
_DONE: Final[frozenset[str]] = frozenset({"user", "header", "session"})
_LOCATORS: Final[frozenset[str]] = frozenset({"http", "https", "sip", "sips", "pres"})


def verbatim(value: str, domain: str) -> str:
    """The peer's own text: only a policy or a row without a better rule sends it."""
    return value


def privacy(value: str, domain: str) -> str:
    """The known words, in lower case (RFC 3323 section 4.2)."""
    words = [word.strip().lower() for word in value.replace(",", ";").split(";")]
    return ";".join([word for word in words if word in _PRIVACY])


def privacy_done(value: str, domain: str) -> str:
    """As `privacy`, without what has been done: who carries out a wish takes it away (RFC 3323 section 5.1).

    Headers and sessions are ours on every leg, and the From of who asked for `user` is anonymous (`Passage.caller`).
    """
    words = [word for word in privacy(value, domain).split(";") if word not in _DONE]
    return "" if words == ["critical"] else ";".join(words)


_TONES: Final = {
    "service": ("normal", "call-waiting", "forward", "recall:callback", "recall:hold", "recall:transfer"),
    "source": ("unclassified", "internal", "external", "friend", "family"),
    "priority": ("normal", "low", "high"),
    "duration": ("normal", "short", "long"),
    "delay": ("none", "yes"),
}
"""The indications that RFC 7462 section 9.2 registers, by category."""


def priority(value: str, domain: str) -> str:
    """A known word, in lower case."""
    word = value.strip().lower()
    return word if word in _PRIORITY else ""


def alert(value: str, domain: str) -> str:
    """The standard `urn:alert` tones (RFC 7462 sections 5 and 9.2), nothing private or fetched from a host."""
    out: list[str] = []
    for part in split_list(value):
        inner = part[part.find("<") + 1 : part.find(">")].strip().lower()
        if inner.startswith("urn:alert:") and _is_standard_tone(inner[10:]):
            out.append(f"<{inner}>")
    return ", ".join(out)


def _is_standard_tone(text: str) -> bool:
    category, _, indication = text.partition(":")
    if category == "locale":  # a country, ISO 3166-1
        return indication in ("default", "") or (len(indication) == 2 and indication.isascii() and indication.isalpha())
    return indication in _TONES.get(category, ())


def event(value: str, domain: str) -> str:
    """Package and `id` (RFC 6665 section 8.2.1)."""
    package, _, tail = value.partition(";")
    package = token(package, domain)
    if not package:
        return ""
    identifier = get_param(parse_params(tail), "id") if tail else None
    return f"{package};id={identifier}" if identifier and is_number(identifier, 10) else package


def state(value: str, domain: str) -> str:
    """State, `reason`, `expires` and `retry-after` of a subscription (RFC 6665 section 8.2.3)."""
    name, _, tail = value.partition(";")
    name = name.strip().lower()
    if name not in _STATES:
        return ""
    kept: list[tuple[str, str | None]] = []
    for key, text in parse_params(tail) if tail else ():
        word = (text or "").lower()
        if (key == "reason" and word in _STATE_REASONS) or (key in ("expires", "retry-after") and is_number(word, 10)):
            kept.append((key, word))
    return name + format_params(tuple(kept))


def token(value: str, domain: str) -> str:
    """Tokens without parameters, a few and short: names of packages and modes."""
    words = [word.partition(";")[0].strip() for word in value.split(",")]
    return ", ".join([word for word in words if is_token(word) and len(word) <= _LONGEST_TOKEN][:4])


def disposition(value: str, domain: str) -> str:
    """A known disposition, and `handling` (RFC 3261 section 20.11)."""
    name, _, tail = value.partition(";")
    name = name.strip().lower()
    if name not in _DISPOSITIONS:
        return ""
    handling = (get_param(parse_params(tail), "handling") or "") if tail else ""
    return f"{name};handling={handling}" if handling in ("optional", "required") else name


def user_to_user(value: str, domain: str) -> str:
    """Hexadecimal data with the names of its application (RFC 7433 section 4); quoted text has no such form."""
    out: list[str] = []
    for part in split_list(value):
        found = parse_user_to_user(part)
        if found.encoding != "hex" or len(found.data) > _LONGEST_DATA or not _HEX.issuperset(found.data):
            continue
        kept: list[tuple[str, str | None]] = [("encoding", "hex")]
        for name, text in found.params:
            if name in ("purpose", "content") and text and is_token(text) and len(text) <= _LONGEST_TOKEN:
                kept.append((name, text))
        out.append(found.data + format_params(tuple(kept)))
    return ", ".join(out)


def location(value: str, domain: str) -> str:
    """References that whoever sends help must follow (RFC 6442 section 4.1); one to a part of the body (`cid`) not."""
    out: list[str] = []
    for part in split_list(value):
        uri = parse_address(part).uri
        if uri.scheme in _LOCATORS and len(part) <= _LONGEST_DATA:
            out.append(f"<{uri}>")
    return ", ".join(out)


MAKERS: Final[dict[Value, Maker]] = {
    Value.VERBATIM: verbatim,
    Value.IDENTITY: identity,
    Value.PARTY: party,
    Value.REASON: reason,
    Value.NUMBER: number,
    Value.PRIVACY: privacy,
    Value.PRIORITY: priority,
    Value.ALERT: alert,
    Value.EVENT: event,
    Value.STATE: state,
    Value.TOKEN: token,
    Value.DISPOSITION: disposition,
    Value.HISTORY: history,
    Value.WARNING: warning,
    Value.USER_DATA: user_to_user,
    Value.LOCATION: location,
}
GUARDED: Final[dict[Value, Maker]] = {
    **MAKERS,
    Value.PARTY: party_guarded,
    Value.HISTORY: history_guarded,
    Value.PRIVACY: privacy_done,
}
"""Toward a realm that is not trusted."""


def make(maker: Maker, value: str, domain: str) -> str:
    """What crosses of a value; nothing of one that does not follow its grammar."""
    try:
        return maker(value, domain)
    except ParseError:
        return ""
