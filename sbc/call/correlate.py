"""Session-ID (RFC 7989): an id by which operators find the messages of one session, one for each side of us.

What a peer calls the session is repeated to it as the remote half; the local half is ours, the same for all of a leg.
So each side can follow its own messages, and none can join them with the other side's.
"""

from __future__ import annotations

from sbc.call.parts import Leg
from sbc.sip import Message, ParseError, SessionId, parse_session_id

_NIL = "0" * 32


def note_session_id(leg: Leg, message: Message) -> None:
    """Remember by which id the peer knows the session; a malformed one is none."""
    value = message.get("Session-ID")
    if value is None:
        return
    try:
        leg.session_id = parse_session_id(value).local
    except ParseError:
        return


def session_id_of(leg: Leg) -> str:
    """The header for a message on this leg; empty where its profile wants none."""
    style = leg.profile.session_id
    if style == "none":
        return ""
    other = leg.other
    remote = leg.session_id or _NIL
    if style == "pass":
        return str(SessionId((other.session_id if other is not None else "") or _NIL, remote))
    seed = f"session-id\n{leg.call.id}\n{leg.side.value}\n{leg.realm.name}"
    return str(SessionId(leg.call.mint.uuid(seed.encode()), remote))
