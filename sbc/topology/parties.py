"""Who asserts, who forwarded, and to whom: identity headers with our domain for their hosts.

A realm that is not trusted sees such headers only where a policy passes them, and then those that a party asked to keep
private are left out or made anonymous (RFC 5806 section 5, RFC 7044 section 10.1): the functions `*_guarded`.
"""

from __future__ import annotations

from typing import Final

from sbc.sip import Address, HistoryEntry, escape, format_params, parse_address, parse_history_entry, split_list
from sbc.topology.causes import is_number, reason
from sbc.topology.identity import ANONYMOUS, hide_identity

DIVERSION_REASONS: Final[frozenset[str]] = frozenset(
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
)
_WORDS: Final[dict[str, frozenset[str]]] = {
    "party": frozenset({"calling", "called"}),
    "screen": frozenset({"yes", "no"}),
    "privacy": frozenset({"full", "off", "name", "uri", "none"}),
    "reason": DIVERSION_REASONS,
}
_NUMBERED: Final[frozenset[str]] = frozenset({"counter", "limit"})
_TARGETS: Final[frozenset[str]] = frozenset({"rc", "mp", "np"})
HIDDEN: Final[frozenset[str]] = frozenset({"history", "header", "session"})
"""Words of Privacy that concern History-Info (RFC 7044 section 10.1.1)."""
_MOST_ENTRIES: Final = 50
_LONGEST_INDEX: Final = 64


def identity(value: str, domain: str) -> str:
    """Addresses with our domain for their hosts, no header parameters (RFC 3325 section 9.1)."""
    return ", ".join([hide_identity(parse_address(part), domain) for part in split_list(value)])


def party(value: str, domain: str) -> str:
    """As `identity`, with parameters of Remote-Party-ID and Diversion whose value is a known word."""
    return ", ".join([_party(parse_address(part), domain) for part in split_list(value)])


def party_guarded(value: str, domain: str) -> str:
    """As `party`, without those who asked for privacy; a name alone may be kept back (RFC 5806 section 5)."""
    out: list[str] = []
    for part in split_list(value):
        address = parse_address(part)
        wish = (address.param("privacy") or "").strip('"').lower()
        if wish in ("", "off", "none", "name"):
            out.append(_party(Address("" if wish == "name" else address.display, address.uri, address.params), domain))
    return ", ".join(out)


def _party(address: Address, domain: str) -> str:
    kept: list[tuple[str, str | None]] = []
    for name, text in address.params:
        word = (text or "").strip('"').lower()
        known = _WORDS.get(name)
        if (known is not None and word in known) or (name in _NUMBERED and is_number(word, 3)):
            kept.append((name, word))
    return hide_identity(address, domain) + format_params(tuple(kept))


def history(value: str, domain: str) -> str:
    """Each target with our domain for its host, its index, and what is embedded of Reason and Privacy (RFC 7044)."""
    return ", ".join([_entry(entry, domain) for entry in entries_of(value)])


def history_guarded(value: str, domain: str) -> str:
    """As `history`; a target that is private keeps its place in the tree and nothing else (section 10.1.2)."""
    out: list[str] = []
    for entry in entries_of(value):
        is_private = not HIDDEN.isdisjoint(entry.privacy.lower().replace(",", ";").replace(" ", "").split(";"))
        out.append(f"{ANONYMOUS};index={entry.index}" if is_private else _entry(entry, domain))
    return ", ".join(out)


def entries_of(value: str) -> list[HistoryEntry]:
    """The entries of one field, the first fifty; an index of great length is not ours to carry."""
    found = [parse_history_entry(part) for part in split_list(value)[:_MOST_ENTRIES]]
    return [entry for entry in found if len(entry.index) <= _LONGEST_INDEX]


def _entry(entry: HistoryEntry, domain: str) -> str:
    address = entry.address
    shown = hide_identity(address, domain)
    embedded: list[str] = []
    if address.uri.is_sip:
        cause = reason(entry.reason, domain) if entry.reason else ""
        if cause:
            embedded.append(f"Reason={escape(cause)}")
        if entry.privacy.lower() in ("history", "none"):
            embedded.append(f"Privacy={entry.privacy.lower()}")
        tail = f";cause={entry.cause}" if is_number(entry.cause, 3) else ""
        if embedded:
            tail += "?" + "&".join(embedded)
        shown = f"{shown[:-1]}{tail}>"
    kept: list[tuple[str, str | None]] = [("index", entry.index)]
    for name, text in address.params:
        if name in _TARGETS and text and len(text) <= _LONGEST_INDEX and text.replace(".", "").isdigit():
            kept.append((name, text))
    return shown + format_params(tuple(kept))
