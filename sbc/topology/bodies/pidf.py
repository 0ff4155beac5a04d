"""application/pidf+xml (RFC 3863) with the activities of RFC 4480: who is there, and doing what.

Locations (RFC 4119) are not read: where a person is crosses by policy on emergency routes only, never here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.topology.bodies.view import View
from sbc.topology.bodies.xml import (
    Element,
    element,
    format_document,
    moment_of,
    parse_document,
    share_of,
    text_element,
    word_of,
)

NAMESPACE: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
_BASIC: Final[frozenset[str]] = frozenset({"open", "closed"})
_ACTIVITIES: Final[frozenset[str]] = frozenset(
    {
        "appointment",
        "away",
        "breakfast",
        "busy",
        "dinner",
        "holiday",
        "in-transit",
        "looking-for-work",
        "lunch",
        "meal",
        "meeting",
        "on-the-phone",
        "performance",
        "permanent-absence",
        "playing",
        "presentation",
        "shopping",
        "sleeping",
        "spectator",
        "steering",
        "travel",
        "tv",
        "unknown",
        "vacation",
        "working",
        "worship",
    }
)
_MOST_NOTES: Final = 4


@dataclass(frozen=True, slots=True)
class Tuple:
    """One way to reach the person. `contact` is kept as what it is only to say that there is one."""

    id: str
    basic: str
    contact: str
    priority: str
    notes: tuple[str, ...]
    timestamp: str


@dataclass(frozen=True, slots=True)
class Presence:
    """A whole document."""

    entity: str
    tuples: tuple[Tuple, ...]
    notes: tuple[str, ...]
    activities: tuple[str, ...]
    person_notes: tuple[str, ...]


def parse_pidf(body: bytes) -> Presence:
    """Read a document; raises BodyRefused."""
    root = parse_document(body, NAMESPACE, "presence")
    activities: list[str] = []
    person_notes: list[str] = []
    for person in root.all(f"{DATA_MODEL} person"):
        person_notes += [note.text.strip() for note in person.all(f"{DATA_MODEL} note")]
        found = person.find(f"{RPID} activities")
        for child in found.children if found is not None else ():
            namespace, _, local = child.name.rpartition(" ")
            if namespace == RPID and local in _ACTIVITIES:
                activities.append(local)
    tuples = tuple([_tuple(one) for one in root.all(_name("tuple"))])
    return Presence(root.get("entity"), tuples, _notes(root), tuple(activities), tuple(person_notes[:_MOST_NOTES]))


def format_pidf(presence: Presence, view: View) -> bytes:
    """Write it for a viewer: the person and all contacts at the viewer's domain."""
    entity = view.uri(presence.entity) or f"sip:{view.domain}"
    attributes = [("xmlns", NAMESPACE), ("entity", entity)]
    inside = [_written(one, entity, view) for one in presence.tuples]
    inside += [text_element("note", note) for note in presence.notes]
    if presence.activities or presence.person_notes:
        attributes += [("xmlns:dm", DATA_MODEL), ("xmlns:rpid", RPID)]
        doing = [element(f"rpid:{activity}", []) for activity in presence.activities]
        parts = [element("rpid:activities", [], *doing)] if doing else []
        parts += [text_element("dm:note", note) for note in presence.person_notes]
        inside.append(element("dm:person", [("id", "p1")], *parts))
    return format_document("presence", attributes, *inside)


def _name(local: str) -> str:
    return f"{NAMESPACE} {local}"


def _notes(one: Element) -> tuple[str, ...]:
    return tuple([note.text.strip() for note in one.all(_name("note"))][:_MOST_NOTES])


def _tuple(one: Element) -> Tuple:
    status, contact = one.find(_name("status")), one.find(_name("contact"))
    return Tuple(
        id=one.get("id"),
        basic=word_of(status.text_of(_name("basic")), _BASIC) if status is not None else "",
        contact=contact.text.strip() if contact is not None else "",
        priority=share_of(contact.get("priority")) if contact is not None else "",
        notes=_notes(one),
        timestamp=moment_of(one.text_of(_name("timestamp"))),
    )


def _written(one: Tuple, entity: str, view: View) -> str:
    inside = [element("status", [], text_element("basic", one.basic))]
    if one.contact:
        inside.append(element("contact", [("priority", one.priority)], view.uri(one.contact) or entity))
    inside += [text_element("note", note) for note in one.notes]
    inside.append(text_element("timestamp", one.timestamp))
    return element("tuple", [("id", view.opaque(one.id) or "t1")], *inside)
