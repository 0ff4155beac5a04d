"""application/dialog-info+xml (RFC 4235): who is in which dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from sbc.topology.bodies.view import DialogIds, View
from sbc.topology.bodies.xml import (
    Element,
    element,
    format_document,
    number_of,
    parse_document,
    text_element,
    word_of,
)

NAMESPACE: Final = "urn:ietf:params:xml:ns:dialog-info"
_STATES: Final[frozenset[str]] = frozenset({"trying", "proceeding", "early", "confirmed", "terminated"})
_EVENTS: Final[frozenset[str]] = frozenset(
    {"cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout"}
)
_DIRECTIONS: Final[frozenset[str]] = frozenset({"initiator", "recipient"})
_SCOPES: Final[frozenset[str]] = frozenset({"full", "partial"})
_RENDERING: Final[frozenset[str]] = frozenset({"yes", "no", "unknown"})


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a dialog. `rendering` is `no` while it holds the other (section 4.1.6.2)."""

    display: str
    uri: str
    rendering: str


@dataclass(frozen=True, slots=True)
class DialogState:
    """One dialog of the one who is watched."""

    id: str
    ids: DialogIds
    direction: str
    state: str
    event: str
    code: str
    duration: str
    local: Party | None
    remote: Party | None
    replaces: DialogIds | None


@dataclass(frozen=True, slots=True)
class DialogInfo:
    """A whole document, or the part that changed."""

    version: str
    scope: str
    entity: str
    dialogs: tuple[DialogState, ...]


def parse_dialog_info(body: bytes) -> DialogInfo:
    """Read a document; raises BodyRefused. What is not in the model is not read."""
    root = parse_document(body, NAMESPACE, "dialog-info")
    dialogs = tuple([_dialog(one) for one in root.all(_name("dialog"))])
    scope = word_of(root.get("state"), _SCOPES) or "full"
    return DialogInfo(number_of(root.get("version")) or "0", scope, root.get("entity"), dialogs)


def format_dialog_info(info: DialogInfo, view: View) -> bytes:
    """Write it for a viewer: hosts are the viewer's domain, dialogs the ones on its side, targets nobody's."""
    attributes = [("xmlns", NAMESPACE), ("version", info.version), ("state", info.scope)]
    attributes.append(("entity", view.uri(info.entity) or f"sip:{view.domain}"))
    return format_document("dialog-info", attributes, *[_written(one, view) for one in info.dialogs])


def _name(local: str) -> str:
    return f"{NAMESPACE} {local}"


def _dialog(one: Element) -> DialogState:
    state = one.find(_name("state"))
    replaces = one.find(_name("replaces"))
    return DialogState(
        id=one.get("id"),
        ids=_ids(one),
        direction=word_of(one.get("direction"), _DIRECTIONS),
        state=word_of(state.text, _STATES) if state is not None else "",
        event=word_of(state.get("event"), _EVENTS) if state is not None else "",
        code=number_of(state.get("code"), 3) if state is not None else "",
        duration=number_of(one.text_of(_name("duration"))),
        local=_party(one.find(_name("local"))),
        remote=_party(one.find(_name("remote"))),
        replaces=_ids(replaces) if replaces is not None else None,
    )


def _ids(one: Element) -> DialogIds:
    return DialogIds(one.get("call-id"), one.get("local-tag"), one.get("remote-tag"))


def _party(one: Element | None) -> Party | None:
    if one is None:
        return None
    identity, target = one.find(_name("identity")), one.find(_name("target"))
    rendering = ""
    for param in target.all(_name("param")) if target is not None else ():
        if param.get("pname").lower() == "+sip.rendering":
            rendering = word_of(param.get("pval"), _RENDERING)
    uri = identity.text.strip() if identity is not None else ""
    return Party(identity.get("display") if identity is not None else "", uri, rendering)


def _written(one: DialogState, view: View) -> str:
    ids = view.dialog(one.ids)
    attributes = [("id", view.opaque(one.id)), ("call-id", ids.call_id), ("local-tag", ids.local_tag)]
    attributes += [("remote-tag", ids.remote_tag), ("direction", one.direction)]
    inside = [element("state", [("event", one.event), ("code", one.code)], one.state or "trying")]
    inside.append(text_element("duration", one.duration))
    if one.replaces is not None:
        before = view.dialog(one.replaces)
        marks = [("call-id", before.call_id), ("local-tag", before.local_tag), ("remote-tag", before.remote_tag)]
        inside.append(element("replaces", marks))
    for name, party in (("local", one.local), ("remote", one.remote)):
        if party is not None:
            inside.append(element(name, [], *_shown(party, view)))
    return element("dialog", attributes, *inside)


def _shown(party: Party, view: View) -> list[str]:
    uri = view.uri(party.uri)
    if not uri:
        return []
    shown = [element("identity", [("display", party.display)], escape(uri))]
    if party.rendering:
        param = element("param", [("pname", "+sip.rendering"), ("pval", party.rendering)])
        shown.append(element("target", [("uri", uri)], param))
    else:
        shown.append(element("target", [("uri", uri)]))
    return shown
