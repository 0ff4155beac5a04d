"""How the values that cross are made: one function for each member of `Value`, an empty string for nothing left.

Each builds from words and numbers that an RFC defines (or a user and our domain), so that no free text of a peer
survives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.sip import ParseError, format_params, get_param, is_token, parse_address, parse_params, split_list
from sbc.topology.identity import hide_identity
from sbc.topology.table import Value

Maker = Callable[[str, str], str]
"""From a value as the peer wrote it and the domain of the egress realm to the value that crosses."""

_PRIVACY: Final[frozenset[str]] = frozenset({"header", "session", "user", "none", "critical", "id", "history"})
_PRIORITY: Final[frozenset[str]] = frozenset({"emergency", "urgent", "normal", "non-urgent", "psap-callback"})
_PROTOCOLS: Final[dict[str, str]] = {
    "sip": "SIP",
    "q.850": "Q.850",
    "preemption": "Preemption",
    "emm": "EMM",
    "stir": "STIR",
    "s1ap": "S1AP",
    "ngap": "NGAP",
    "rls": "RELEASE_CAUSE",
    "release_cause": "RELEASE_CAUSE",
}
_STATES: Final[frozenset[str]] = frozenset({"active", "pending", "terminated"})
_STATE_REASONS: Final[frozenset[str]] = frozenset(
    {"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}
)
_DISPOSITIONS: Final[frozenset[str]] = frozenset({"session", "render", "info-package", "signal", "notification"})
_PARTY_WORDS: Final[dict[str, frozenset[str]]] = {
    "party": frozenset({"calling", "called"}),
    "screen": frozenset({"yes", "no"}),
    "privacy": frozenset({"full", "off", "name", "uri", "none"}),
    "reason": frozenset(
        {
            "unknown",
            "user-busy",
            "no-answer",
            "unavailable",
            "unconditional",
            "time-of-day",
            "do-not-disturb",
            "deflection",
            "follow-me",
            "out-of-service",
            "away",
        }
    ),
}
_LONGEST_TOKEN: Final = 32


def verbatim(value: str, domain: str) -> str:
    """The peer's own text: only a policy or a row without a better rule sends it."""
    return value


def identity(value: str, domain: str) -> str:
    """Addresses with our domain for their hosts, no header parameters (RFC 3325 section 9.1)."""
    return ", ".join([hide_identity(parse_address(part), domain) for part in split_list(value)])


def party(value: str, domain: str) -> str:
    """As `identity`, with parameters of Remote-Party-ID and Diversion whose value is a known word."""
    out: list[str] = []
    for part in split_list(value):
        address = parse_address(part)
        kept: list[tuple[str, str | None]] = []
        for name, text in address.params:
            word = (text or "").strip('"').lower()
            known = _PARTY_WORDS.get(name)
            if (known is not None and word in known) or (name in ("counter", "limit") and is_number(word, 3)):
                kept.append((name, word))
        out.append(hide_identity(address, domain) + format_params(tuple(kept)))
    return ", ".join(out)


def reason(value: str, domain: str) -> str:
    """Protocol and cause of each value, one value a protocol (RFC 3326; several of one protocol: RFC 9366)."""
    out: list[str] = []
    for part in split_list(value):
        name, _, tail = part.partition(";")
        protocol = _PROTOCOLS.get(name.strip().lower())
        cause = get_param(parse_params(tail), "cause") or ""
        if protocol and is_number(cause, 4):
            out.append(f"{protocol};cause={cause}")
    return ", ".join(out)


def number(value: str, domain: str) -> str:
    """The leading number: `120 (in a meeting);duration=60` is 120."""
    digits = value.partition(";")[0].partition("(")[0].strip()
    return digits if is_number(digits, 10) else ""


def privacy(value: str, domain: str) -> str:
    """The known words, in lower case (RFC 3323 section 4.2)."""
    words = [word.strip().lower() for word in value.replace(",", ";").split(";")]
    return ";".join([word for word in words if word in _PRIVACY])


def priority(value: str, domain: str) -> str:
    """A known word, in lower case."""
    word = value.strip().lower()
    return word if word in _PRIORITY else ""


def alert(value: str, domain: str) -> str:
    """The `urn:alert` tones (RFC 7462 section 7), nothing that is fetched from a host."""
    out: list[str] = []
    for part in split_list(value):
        inner = part[part.find("<") + 1 : part.find(">")].strip().lower()
        if inner.startswith("urn:alert:") and all(is_token(piece) for piece in inner.split(":")):
            out.append(f"<{inner}>")
    return ", ".join(out)


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


def is_number(text: str, digits: int) -> bool:
    """True for a decimal number of at most so many digits."""
    return text.isascii() and text.isdigit() and len(text) <= digits


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
}


def make(maker: Maker, value: str, domain: str) -> str:
    """What crosses of a value; nothing of one that does not follow its grammar."""
    try:
        return maker(value, domain)
    except ParseError:
        return ""
