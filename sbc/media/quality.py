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
    measures = rtpengine.read_measures(reply, tags)
    if measures is None:
        return None
    return _leg(measures[0]), _leg(measures[1])


def _leg(one: rtpengine.Measure) -> LegMeasure:
    if not one.samples:
        return LegMeasure(one.packets, one.octets, one.errors)
    round_trip = round(one.round_trip / 1000, 1) if one.round_trip else -1.0
    mos = one.mos / 10 if one.mos else -1.0
    return LegMeasure(one.packets, one.octets, one.errors, one.lost, one.loss, one.jitter, round_trip, mos)


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
