"""What a media engine tells of a session, as one row for each leg, and whether both could hear each other."""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc.outputs import LegMeasure

JUDGED_AFTER: Final = 3.0
"""Seconds of talking before silence means anything."""
TWO_WAY: Final = "two-way"
ONE_WAY: Final = "one-way"
NONE: Final = "none"
UNKNOWN: Final = "unknown"
_QUIET: Final = (b"\na=recvonly", b"\na=inactive")


def legs_of(reply: rtpengine.Reply, tags: tuple[str, str]) -> tuple[LegMeasure, LegMeasure] | None:
    """The rows of A and B from the reply to a `Query`, or to a `Delete` that named a tag; None where it holds none.

    Packets, octets and errors are those that came from the leg's peer. Loss, jitter, round trip and MOS are what that
    peer's RTCP says of the media that it received (RFC 3550 section 6.4, RFC 3611), -1 where it has said nothing.
    """
    if reply.result is not rtpengine.Result.OK or "tags" not in reply.body:
        return None
    session = rtpengine.read_session(reply)
    return _leg(session, tags[0]), _leg(session, tags[1])


def _leg(session: rtpengine.SessionReading, tag: str) -> LegMeasure:
    party = session.party(tag)
    if party is None:
        return LegMeasure()
    came = party.received
    heard = session.heard_by(party)
    if heard is None or not heard.samples:
        return LegMeasure(came.packets, came.octets, came.errors)
    return LegMeasure(
        came.packets,
        came.octets,
        came.errors,
        heard.lost,
        float(heard.loss),
        float(heard.jitter),
        round(heard.round_trip / 1000, 1) if heard.round_trip else -1.0,
        heard.mos if heard.mos else -1.0,
    )


def audio_of(legs: tuple[LegMeasure, LegMeasure], said: tuple[bytes, bytes], talked: float) -> tuple[str, str]:
    """`two-way`, `one-way`, `none` or `unknown`, and who was not heard: `caller`, `callee` or nobody.

    `said` is what each peer last said of itself: from one that holds, or is held, nothing is expected (RFC 3264
    section 8.4), and a call that has just begun is not judged.
    """
    if talked < JUDGED_AFTER:
        return UNKNOWN, ""
    is_silent = [not leg.packets for leg in legs]
    if not any(is_silent):
        return TWO_WAY, ""
    expected = [bool(sdp) and not any(mark in sdp for mark in _QUIET) for sdp in said]
    if not all(expected):
        return UNKNOWN, ""
    if all(is_silent):
        return NONE, ""
    return ONE_WAY, "caller" if is_silent[0] else "callee"
