"""Headers that say the same in two ways, said in the way that a peer's profile wants.

Diversion and History-Info (RFC 7544), P-Asserted-Identity and Remote-Party-ID. What comes in here may cross already:
hosts are replaced, private parties are anonymous or gone.
"""

from __future__ import annotations

from typing import Final

from sbc.config import Profile
from sbc.sip import (
    Address,
    Diversion,
    Fields,
    HistoryEntry,
    Message,
    ParseError,
    Request,
    Uri,
    parse_address,
    parse_diversion,
    parse_history_entry,
    split_list,
)

DIVERSION, HISTORY = "Diversion", "History-Info"
ASSERTED, PARTY = "P-Asserted-Identity", "Remote-Party-Id"
_MOST: Final = 20

# RFC 7544 section 4: causes of History-Info (RFC 4458) and reasons of Diversion.
_REASONS: Final[dict[str, str]] = {
    "302": "unconditional",
    "404": "unknown",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
}
_CAUSES: Final[dict[str, str]] = {
    "unconditional": "302",
    "no-answer": "408",
    "deflection": "480",
    "user-busy": "486",
    "unavailable": "503",
}
_UNKNOWN: Final = "404"


def converts(profile: Profile) -> bool:
    """Whether a profile wants anything said differently."""
    return profile.forwarding != "as-is" or profile.identity != "as-is"


def paired(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Headers of which one is made from the other: both must come this far if one may cross."""
    forwarding = ((DIVERSION, HISTORY),) if profile.forwarding != "as-is" else ()
    return (*forwarding, (ASSERTED, PARTY)) if profile.identity != "as-is" else forwarding


def convert(fields: Fields, message: Message, domain: str, profile: Profile) -> Fields:
    """`fields` of a message toward a peer with this profile, in its words; what cannot be read is left out."""
    try:
        if profile.forwarding != "as-is":
            fields = _forwarding(fields, message, domain, profile.forwarding)
        if profile.identity != "as-is":
            fields = _identity(fields, message, profile.identity)
    except ParseError:
        unsure = {name for pair in paired(profile) for name in pair}
        return [field for field in fields if field[0] not in unsure]
    return fields


def _values(fields: Fields, name: str) -> list[str]:
    return [value for known, text in fields if known == name for value in split_list(text)][:_MOST]


def _without(fields: Fields, *names: str) -> Fields:
    return [field for field in fields if field[0] not in names]


def _forwarding(fields: Fields, message: Message, domain: str, wanted: str) -> Fields:
    diversions, entries = _values(fields, DIVERSION), _values(fields, HISTORY)
    if wanted == "none" or not (diversions or entries):
        return _without(fields, DIVERSION, HISTORY)
    if wanted == "diversion":
        made = diversions or _diversions([parse_history_entry(one) for one in entries])
        name = DIVERSION
    else:
        made = entries or _history([parse_diversion(one) for one in diversions], message, domain)
        name = HISTORY
    rest = _without(fields, DIVERSION, HISTORY)
    return [*rest, (name, ", ".join(made))] if made else rest


def _diversions(entries: list[HistoryEntry]) -> list[str]:
    """Whoever a target with a cause was reached from has diverted; the latest one first (RFC 7544 section 4.2)."""
    by_index = {entry.index: entry for entry in entries}
    out: list[str] = []
    for position, entry in enumerate(entries):
        if not entry.cause or not position:
            continue
        parent = entry.address.param("mp") or entry.index.rpartition(".")[0]
        diverting = by_index.get(parent, entries[position - 1])
        privacy = "full" if diverting.privacy == "history" else "off"
        out.insert(0, f"{_bare(diverting.address)};reason={_REASONS.get(entry.cause, 'unknown')};privacy={privacy}")
    return out


def _history(diversions: list[Diversion], message: Message, domain: str) -> list[str]:
    """The first who diverted first, and where the call goes now last (RFC 7544 section 4.1)."""
    out: list[str] = []
    index, cause = "1", ""
    for diversion in reversed(diversions):
        hidden = "?Privacy=history" if diversion.privacy in ("full", "uri", "name") else ""
        tail = f";cause={cause}" if cause else ""
        out.append(f"{_bare(diversion.address)[:-1]}{tail}{hidden}>;index={index}" + _parent(index))
        cause = _CAUSES.get(diversion.reason, _UNKNOWN)
        index += ".1"
    uri = message.uri if isinstance(message, Request) else Uri("sip", "", domain)
    user = uri.user.partition(";")[0]
    target = f"sip:{user}@{domain}" if user else f"sip:{domain}"
    out.append(f"<{target};cause={cause}>;index={index}" + _parent(index))
    return out


def _parent(index: str) -> str:
    parent = index.rpartition(".")[0]
    return f";mp={parent}" if parent else ""


def _bare(address: Address) -> str:
    """Name and URI, without what either header puts into the URI."""
    uri = address.uri
    params = tuple([one for one in uri.params if one[0] == "user"])
    plain = Uri(uri.scheme, uri.user, uri.host, uri.port, params, "", uri.opaque)
    return f"{address.display} <{plain}>" if address.display else f"<{plain}>"


def _identity(fields: Fields, message: Message, wanted: str) -> Fields:
    asserted, parties = _values(fields, ASSERTED), _values(fields, PARTY)
    words = {word for value in _values(fields, "Privacy") for word in value.split(";")}
    rest = _without(fields, ASSERTED, PARTY)
    if wanted == "asserted":
        if asserted or not parties:
            return [*rest, (ASSERTED, ", ".join(asserted))] if asserted else rest
        caller = parse_address(parties[0])
        rest.append((ASSERTED, _bare(caller)))
        if (caller.param("privacy") or "off") not in ("off", "none") and "id" not in words:
            rest = [*_without(rest, "Privacy"), ("Privacy", ";".join([*sorted(words - {"none"}), "id"]))]
        return rest
    if asserted and not parties:
        who = "calling" if isinstance(message, Request) else "called"
        privacy = "off" if words.isdisjoint({"id", "user", "header"}) else "full"
        parties = [f"{_bare(parse_address(asserted[0]))};party={who};screen=yes;privacy={privacy}"]
    return [*rest, (PARTY, ", ".join(parties))] if parties else rest
