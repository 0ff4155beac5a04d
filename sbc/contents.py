"""Bodies that cross outside of sessions: whose view of them it is, and what the operator lets through unread."""

from __future__ import annotations

from collections.abc import Callable

from sbc.call import Bindings, Leg
from sbc.dialog import DialogTable
from sbc.sip import Message
from sbc.topology import BodyRefused, DialogIds, Rules, View, rewrite_body


def shown_body(
    leg: Leg,
    message: Message,
    dialogs: DialogTable,
    bindings: Bindings,
    now: float,
    told: dict[DialogIds, DialogIds],
) -> tuple[bytes, str] | None:
    """The body of a message of the other leg, and its type, as `leg` may see it; None where it must not.

    `told` are dialogs that other workers have, as they stand on the viewer's side.
    """
    view = View(leg.realm.domain, leg.call.mint, _dialogs(leg, dialogs, told), _contacts(leg, bindings, now))
    try:
        return rewrite_body(message.body, message.get("Content-Type") or "", view, rules_of(leg))
    except BodyRefused:
        return None


def rules_of(leg: Leg) -> Rules:
    """What may cross unread to this leg's trunk."""
    trunk = leg.call.config.trunks.get(leg.trunk)
    return Rules(trunk.bodies if trunk is not None else frozenset())


def _dialogs(
    leg: Leg, dialogs: DialogTable, told: dict[DialogIds, DialogIds]
) -> Callable[[DialogIds], DialogIds | None]:
    sender = leg.other

    def find(ids: DialogIds) -> DialogIds | None:
        if sender is None:
            return None
        return told.get(ids) or dialog_for(ids, sender.realm.name, leg.realm.name, dialogs)

    return find


def dialog_for(ids: DialogIds, sender: str, viewer: str, dialogs: DialogTable) -> DialogIds | None:
    """From a dialog that the sender has with us to the one that we have with the viewer's side for the same call.

    Only of a call between these two realms: nobody learns by a body which dialogs others have.
    """
    found = dialogs.find(ids.call_id, ids.remote_tag, ids.local_tag)
    owner = found[1] if found is not None else None
    if not isinstance(owner, Leg) or owner.realm.name != sender:
        return None
    other = owner.other
    if other is None or other.dialog is None or other.realm.name != viewer:
        return None
    return DialogIds(other.dialog.call_id, other.dialog.local_tag, other.dialog.remote_tag)


def _contacts(leg: Leg, bindings: Bindings, now: float) -> Callable[[str], str]:
    def find(user: str) -> str:
        known = bindings.find(user, now)
        return known.uri if known is not None and known.realm == leg.realm.name else ""

    return find
