"""application/conference-info+xml (RFC 4575): who is in a conference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.topology.bodies.view import View
from sbc.topology.bodies.xml import (
    Element,
    element,
    format_document,
    moment_of,
    number_of,
    parse_document,
    text_element,
    word_of,
)

NAMESPACE: Final = "urn:ietf:params:xml:ns:conference-info"
_SCOPES: Final[frozenset[str]] = frozenset({"full", "partial", "deleted"})
_STATUSES: Final[frozenset[str]] = frozenset(
    {"pending", "dialing-out", "dialing-in", "alerting", "on-hold", "connected", "muted-via-focus"}
    | {"disconnecting", "disconnected"}
)
_METHODS: Final[frozenset[str]] = frozenset({"dialed-in", "dialed-out", "focus-owner"})
_ROLES: Final[frozenset[str]] = frozenset({"moderator", "participant", "observer", "host", "presenter"})
_MEDIA: Final[frozenset[str]] = frozenset({"audio", "video", "text", "message", "application"})
_DIRECTIONS: Final[frozenset[str]] = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_TRUTHS: Final[frozenset[str]] = frozenset({"true", "false"})


@dataclass(frozen=True, slots=True)
class Stream:
    """A medium of an endpoint; labels and sources are not read."""

    kind: str
    direction: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One device of a user; its address is not read, nor are the ids of its call."""

    id: str
    scope: str
    status: str
    method: str
    joined: str
    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True)
class User:
    """One participant."""

    entity: str
    scope: str
    display: str
    roles: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class ConferenceInfo:
    """A whole document, or the part that changed; addresses of the service itself are not read."""

    version: str
    scope: str
    entity: str
    title: str
    subject: str
    most_users: str
    user_count: str
    active: str
    locked: str
    users: tuple[User, ...]
    users_scope: str


def parse_conference_info(body: bytes) -> ConferenceInfo:
    """Read a document; raises BodyRefused."""
    root = parse_document(body, NAMESPACE, "conference-info")
    about = root.find(_name("conference-description")) or Element("", {})
    state = root.find(_name("conference-state")) or Element("", {})
    users = root.find(_name("users")) or Element("", {})
    return ConferenceInfo(
        version=number_of(root.get("version")),
        scope=word_of(root.get("state"), _SCOPES) or "full",
        entity=root.get("entity"),
        title=about.text_of(_name("display-text")),
        subject=about.text_of(_name("subject")),
        most_users=number_of(about.text_of(_name("maximum-user-count"))),
        user_count=number_of(state.text_of(_name("user-count"))),
        active=word_of(state.text_of(_name("active")), _TRUTHS),
        locked=word_of(state.text_of(_name("locked")), _TRUTHS),
        users=tuple([_user(one) for one in users.all(_name("user"))]),
        users_scope=word_of(users.get("state"), _SCOPES),
    )


def format_conference_info(info: ConferenceInfo, view: View) -> bytes:
    """Write it for a viewer: people at the viewer's domain, devices without an address."""
    attributes = [("xmlns", NAMESPACE), ("entity", view.uri(info.entity) or f"sip:{view.domain}")]
    attributes += [("state", info.scope), ("version", info.version)]
    about = [text_element("display-text", info.title), text_element("subject", info.subject)]
    about.append(text_element("maximum-user-count", info.most_users))
    state = [text_element("user-count", info.user_count), text_element("active", info.active)]
    state.append(text_element("locked", info.locked))
    users = [_written(user, view) for user in info.users]
    inside = [element(name, [], *parts) for name, parts in _blocks(about, state) if any(parts)]
    if users or info.users_scope:
        inside.append(element("users", [("state", info.users_scope)], *users))
    return format_document("conference-info", attributes, *inside)


def _blocks(about: list[str], state: list[str]) -> tuple[tuple[str, list[str]], ...]:
    return ("conference-description", about), ("conference-state", state)


def _name(local: str) -> str:
    return f"{NAMESPACE} {local}"


def _user(one: Element) -> User:
    roles = one.find(_name("roles"))
    words = [word_of(role.text, _ROLES) for role in roles.all(_name("entry"))] if roles is not None else []
    return User(
        entity=one.get("entity"),
        scope=word_of(one.get("state"), _SCOPES),
        display=one.text_of(_name("display-text")),
        roles=tuple([word for word in words if word]),
        endpoints=tuple([_endpoint(endpoint) for endpoint in one.all(_name("endpoint"))]),
    )


def _endpoint(one: Element) -> Endpoint:
    joining = one.find(_name("joining-info")) or Element("", {})
    streams = [
        Stream(word_of(media.text_of(_name("type")), _MEDIA), word_of(media.text_of(_name("status")), _DIRECTIONS))
        for media in one.all(_name("media"))
    ]
    return Endpoint(
        id=one.get("entity"),
        scope=word_of(one.get("state"), _SCOPES),
        status=word_of(one.text_of(_name("status")), _STATUSES),
        method=word_of(one.text_of(_name("joining-method")), _METHODS),
        joined=moment_of(joining.text_of(_name("when"))),
        streams=tuple([stream for stream in streams if stream.kind]),
    )


def _written(user: User, view: View) -> str:
    inside = [text_element("display-text", user.display)]
    if user.roles:
        inside.append(element("roles", [], *[text_element("entry", role) for role in user.roles]))
    for endpoint in user.endpoints:
        parts = [text_element("status", endpoint.status), text_element("joining-method", endpoint.method)]
        if endpoint.joined:
            parts.append(element("joining-info", [], text_element("when", endpoint.joined)))
        for number, stream in enumerate(endpoint.streams, 1):
            kind, direction = text_element("type", stream.kind), text_element("status", stream.direction)
            parts.append(element("media", [("id", str(number))], kind, direction))
        id_ = f"sip:{view.opaque(endpoint.id)}@{view.domain}"
        inside.append(element("endpoint", [("entity", id_), ("state", endpoint.scope)], *parts))
    entity = view.uri(user.entity) or f"sip:{view.opaque(user.entity)}@{view.domain}"
    return element("user", [("entity", entity), ("state", user.scope)], *inside)
