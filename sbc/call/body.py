"""Bodies that a call understands (RFC 5621): the session description, and what a few methods may carry."""

from __future__ import annotations

from typing import Final

from sbc.call.parts import Leg
from sbc.media import Security
from sbc.sip import Message
from sbc.topology import SdpRefused, build_sdp

SDP_TYPE: Final = "application/sdp"


def session_of(message: Message) -> bytes:
    """The session description a message carries, empty where it has none."""
    return message.body if message.body and message.content_type == SDP_TYPE else b""


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


def is_unsupported(message: Message) -> bool:
    """True for a body that we do not understand and the sender insists on (RFC 5621 section 3.1: handling=required)."""
    if not message.body or message.content_type == SDP_TYPE:
        return False
    disposition = (message.get("Content-Disposition") or "").lower()
    return "handling=optional" not in disposition


def _has_keys(leg: Leg) -> bool:
    """True where the media engine may have written keys of its own for this leg."""
    media = leg.call.media
    return media is not None and media.security[leg.side.value] is not Security.NEVER


def shown_sdp(leg: Leg, raw: bytes) -> bytes:
    """The session description as `leg` may see it, from the allow-list, origin ours; empty where it must be refused."""
    try:
        leg.shown = build_sdp(raw, leg.sdp, disclose=leg.call.mode == "bypass", keys=_has_keys(leg))
    except SdpRefused:
        return b""
    return leg.shown
