"""application/reginfo+xml (RFC 3680): which Contacts are registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.topology.bodies.view import View
from sbc.topology.bodies.xml import (
    Element,
    element,
    format_document,
    number_of,
    parse_document,
    share_of,
    text_element,
    word_of,
)

NAMESPACE: Final = "urn:ietf:params:xml:ns:reginfo"
_STATES: Final[frozenset[str]] = frozenset({"init", "active", "terminated"})
_EVENTS: Final[frozenset[str]] = frozenset(
    {
        "registered",
        "created",
        "refreshed",
        "shortened",
        "expired",
        "deactivated",
        "probation",
        "unregistered",
        "rejected",
    }
)
_SCOPES: Final[frozenset[str]] = frozenset({"full", "partial"})


@dataclass(frozen=True, slots=True)
class RegisteredContact:
    """One binding; device names, Call-IDs and unknown parameters are not read."""

    id: str
    state: str
    event: str
    uri: str
    expires: str
    retry_after: str
    duration: str
    share: str


@dataclass(frozen=True, slots=True)
class Registration:
    """The bindings of one address of record."""

    record: str
    id: str
    state: str
    contacts: tuple[RegisteredContact, ...]


@dataclass(frozen=True, slots=True)
class RegInfo:
    """A whole document, or the part that changed."""

    version: str
    scope: str
    registrations: tuple[Registration, ...]


def parse_reginfo(body: bytes) -> RegInfo:
    """Read a document; raises BodyRefused."""
    root = parse_document(body, NAMESPACE, "reginfo")
    found = [_registration(one) for one in root.all(_name("registration"))]
    return RegInfo(number_of(root.get("version")) or "0", word_of(root.get("state"), _SCOPES) or "full", tuple(found))


def format_reginfo(info: RegInfo, view: View) -> bytes:
    """Write it for a viewer: its own Contacts as they are, all others without an address."""
    attributes = [("xmlns", NAMESPACE), ("version", info.version), ("state", info.scope)]
    return format_document("reginfo", attributes, *[_written(one, view) for one in info.registrations])


def _name(local: str) -> str:
    return f"{NAMESPACE} {local}"


def _registration(one: Element) -> Registration:
    contacts = tuple([_contact(contact) for contact in one.all(_name("contact"))])
    return Registration(one.get("aor"), one.get("id"), word_of(one.get("state"), _STATES) or "init", contacts)


def _contact(one: Element) -> RegisteredContact:
    return RegisteredContact(
        id=one.get("id"),
        state=word_of(one.get("state"), _STATES) or "terminated",
        event=word_of(one.get("event"), _EVENTS) or "registered",
        uri=one.text_of(_name("uri")),
        expires=number_of(one.get("expires")),
        retry_after=number_of(one.get("retry-after")),
        duration=number_of(one.get("duration-registered")),
        share=share_of(one.get("q")),
    )


def _written(one: Registration, view: View) -> str:
    attributes = [("aor", view.uri(one.record) or f"sip:{view.domain}"), ("id", view.opaque(one.id))]
    attributes.append(("state", one.state))
    inside: list[str] = []
    for contact in one.contacts:
        marks = [("id", view.opaque(contact.id)), ("state", contact.state), ("event", contact.event)]
        marks += [("expires", contact.expires), ("retry-after", contact.retry_after)]
        marks += [("duration-registered", contact.duration), ("q", contact.share)]
        inside.append(element("contact", marks, text_element("uri", view.contact(contact.uri))))
    return element("registration", attributes, *inside)
