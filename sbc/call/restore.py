"""The way back: a peer is offered once more what it had before an exchange that went wrong."""

from __future__ import annotations

from sbc.call.body import SDP_TYPE, shown_sdp
from sbc.call.interval import asked
from sbc.call.parts import Exit, Kind, Leg, Outgoing


def restore(leg: Leg, former: bytes, exit_: Exit) -> None:
    """Offer `leg` once more what it had before an exchange that went wrong half-way."""
    dialog = leg.dialog
    body = shown_sdp(leg, former) if former else b""
    if dialog is None or not body:
        return
    out = Outgoing(Kind.RESTORE, leg, "INVITE", dialog)
    out.fields = asked(leg)
    exit_.request(out, None, body, SDP_TYPE)
