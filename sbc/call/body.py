"""Bodies that a call understands (RFC 5621): the session description, and what a few methods may carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sbc.call.parts import Leg
from sbc.sip import Fields, Message, is_token, split_list
from sbc.topology import BodyRefused, Part, SdpRefused, build_sdp, format_multipart, is_multipart, parse_multipart

SDP_TYPE: Final = "application/sdp"


DTMF_BODIES: Final[frozenset[str]] = frozenset({"application/dtmf-relay", "application/dtmf"})
"""Keys pressed, one in each INFO."""


def session_of(message: Message) -> bytes:
    """The session description a message carries, alone or as a part (RFC 5621 section 8), empty where it has none."""
    if not message.body or message.content_type == SDP_TYPE:
        return message.body
    for part in _parts(message):
        if _is_session(part):
            return part.body
    return b""


def _parts(message: Message) -> list[Part]:
    """The parts of a multipart body; none of another or of a malformed one."""
    if not is_multipart(message.content_type):
        return []
    try:
        return parse_multipart(message.body, message.get("Content-Type") or "")
    except BodyRefused:
        return []


def _is_session(part: Part) -> bool:
    return part.kind == SDP_TYPE and part.disposition.partition(";")[0] in ("", "session")


def dressed(leg: Leg, message: Message, sdp: bytes) -> tuple[bytes, str]:
    """A session description with what else of a message's parts may cross to this leg's trunk unread (`bodies`)."""
    trunk = leg.call.config.trunks.get(leg.trunk)
    if trunk is None or not trunk.bodies or not is_multipart(message.content_type):
        return sdp, SDP_TYPE if sdp else ""
    parts = [
        replace(part, content_id=_shown_id(leg, part.content_id))
        for part in _parts(message)
        if part.kind in trunk.bodies and not _is_session(part)
    ]
    if not parts:
        return sdp, SDP_TYPE if sdp else ""
    if sdp:
        parts.insert(0, Part(SDP_TYPE, sdp))
    boundary = leg.call.mint.token()
    return format_multipart(parts, boundary), f"multipart/mixed;boundary={boundary}"


def _shown_id(leg: Leg, content_id: str) -> str:
    """A part's id at the domain that this leg's side knows; empty where it is no name."""
    name = content_id.partition("@")[0]
    return f"{name}@{leg.realm.domain}" if is_token(name) else ""


def locations(leg: Leg, message: Message) -> Fields:
    """Where the caller is, as far as a part says so that crosses to this leg's trunk (RFC 6442 section 4.1)."""
    value, trunk = message.get("Geolocation"), leg.call.config.trunks.get(leg.trunk)
    if value is None or trunk is None or not trunk.bodies or not is_multipart(message.content_type):
        return []
    crossing = {part.content_id for part in _parts(message) if part.content_id and part.kind in trunk.bodies}
    found: Fields = []
    for one in split_list(value):
        content_id = one.partition(">")[0].strip().removeprefix("<")
        shown = _shown_id(leg, content_id[4:]) if content_id[:4].lower() == "cid:" else ""
        if shown and content_id[4:] in crossing:
            found.append(("Geolocation", f"<cid:{shown}>"))
    return found


_TELLING: Final = (b"o=", b"c=", b"m=", b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive")


def is_unchanged(before: bytes, sdp: bytes) -> bool:
    """True for an offer that changes nothing (RFC 3264 section 8: the same `o=`).

    Peers that hold or move without a new version are taken at their deed: addresses, ports and directions count too.
    """
    return before == sdp or (bool(before) and _telling(before) == _telling(sdp))


def _telling(sdp: bytes) -> list[bytes]:
    lines = [line.strip() for line in sdp.split(b"\n")]
    return [
        b" ".join(line.split(b" ")[:3]) if line[:2] == b"m=" else line for line in lines if line.startswith(_TELLING)
    ]


def is_unsupported(message: Message, passed: frozenset[str] = frozenset()) -> bool:
    """True for a body that we do not understand and the sender insists on (RFC 5621 section 3.1: handling=required).

    Parts of kinds in `passed` may cross to some trunk as they are.
    """
    if not message.body or message.content_type == SDP_TYPE:
        return False
    if is_multipart(message.content_type):
        parts = _parts(message)
        others = [part for part in parts if not _is_session(part) and part.kind not in passed]
        return not parts or any(part.is_required and bool(part.disposition) for part in others)
    disposition = (message.get("Content-Disposition") or "").lower()
    return "handling=optional" not in disposition


def _has_keys(leg: Leg) -> bool:
    """True where the media engine may have written keys of its own for this leg."""
    media = leg.call.media
    return media is not None and media.terms[leg.side.value].has_sdes


def shown_sdp(leg: Leg, raw: bytes) -> bytes:
    """The session description as `leg` may see it, from the allow-list, origin ours; empty where it must be refused."""
    try:
        disclose, keys, modify = leg.call.mode == "bypass", _has_keys(leg), leg.call.modify
        said = modify.offer if modify is not None and modify.leg is leg else leg.said
        leg.shown = build_sdp(raw, leg.sdp, disclose=disclose, keys=keys, profile=leg.profile, said=said)
    except SdpRefused:
        return b""
    return leg.shown
