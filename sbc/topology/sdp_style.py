"""A session description as one peer wants it: how it says hold, and which streams and payloads it is offered at all."""

from __future__ import annotations

from typing import Final

from sbc.config import Profile
from sbc.sdp import Connection, MediaDescription, Session

_HELD: Final[frozenset[str]] = frozenset({"sendonly", "inactive"})
_DIRECTIONS: Final[frozenset[str]] = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_FAX: Final = "image"


def has_style(profile: Profile) -> bool:
    """Whether a profile wants descriptions to differ at all."""
    return profile.hold != "pass" or profile.dtmf == "info" or profile.fax != "pass"


def restyle(session: Session, profile: Profile, asks_for_fax: bool) -> bool:
    """Change a description that is about to be sent; False where no stream of it is left.

    `asks_for_fax`: the peer spoke of T.38 itself, so it is not kept from it.
    """
    for media in session.media:
        if media.kind == _FAX and profile.fax == "refuse" and not asks_for_fax:
            media.port, media.attributes, media.connection = 0, [], None
        if not media.port:
            continue
        if media.kind == "audio" and profile.dtmf == "info":
            _leave_out_events(media)
        if profile.hold != "pass":
            _hold(media, session.connection, profile.hold)
    return any(media.port for media in session.media)


def _leave_out_events(media: MediaDescription) -> None:
    """RFC 4733's payloads, where anything else is left."""
    events = {
        (value or "").partition(" ")[0] for name, value in media.attributes if name == "rtpmap" and _is_event(value)
    }
    formats = tuple([name for name in media.formats if name not in events])
    if not formats:
        return
    media.formats = formats
    media.attributes = [
        (name, value)
        for name, value in media.attributes
        if name not in ("rtpmap", "fmtp") or (value or "").partition(" ")[0] not in events
    ]


def _is_event(value: str | None) -> bool:
    return value is not None and "telephone-event" in value.lower()


def _hold(media: MediaDescription, shared: Connection | None, style: str) -> None:
    """Say that it is held as `style` has it: by direction, and in the old way by an address that is none."""
    connection = media.connection or shared
    direction = ""
    for name, _ in media.attributes:
        if name in _DIRECTIONS:
            direction = name
    is_zero = connection is not None and connection.is_unspecified
    if direction not in _HELD and not is_zero:
        return
    wanted = "inactive" if style != "sendonly" or direction == "inactive" else "sendonly"
    media.attributes = [one for one in media.attributes if one[0] not in _DIRECTIONS]
    media.attributes.append((wanted, None))
    if style == "zero" and connection is not None:
        six = connection.address_type == "IP6"
        media.connection = Connection("IN", connection.address_type, "::" if six else "0.0.0.0")
