"""The few numbers of a long reply that tell what a call's media were like, read in one walk.

Every call ends with such a reply, so nothing else of it is looked at; `read_session` reads all of it. The engine is not
trusted: what does not have the right shape is zero.
"""

from __future__ import annotations

from typing import Final

from rtpengine.replies import Reply, Result

_STREAMS: Final = 64
"""Of one party, at most."""


class Measure:
    """One party: what came from it (RTP alone), and what its own RTCP says of what it received.

    `jitter` in milliseconds, `loss` in percent, `round_trip` in microseconds, `mos` in tenths; without `samples` it has
    said nothing.
    """

    __slots__ = ("errors", "jitter", "loss", "lost", "mos", "octets", "packets", "round_trip", "samples")

    def __init__(self) -> None:
        self.packets = self.octets = self.errors = 0
        self.lost = self.loss = self.jitter = self.round_trip = self.mos = self.samples = 0


def read_measures(reply: Reply, tags: tuple[str, str]) -> tuple[Measure, Measure] | None:
    """Both parties from the reply to a `Query`, or to a `Delete` that named a tag; None where it tells of none."""
    body: object = reply.plain if reply.plain is not None else reply.body
    if reply.result is not Result.OK or not isinstance(body, dict) or "tags" not in body:
        return None
    parties, reports = body["tags"], body.get("SSRC")
    return _measure(_of(parties, tags[0]), reports), _measure(_of(parties, tags[1]), reports)


def _measure(party: object, reports: object) -> Measure:
    measure = Measure()
    medias = _of(party, "medias")
    count = 0
    for media in medias if isinstance(medias, list) else ():
        streams = _of(media, "streams")
        for stream in streams if isinstance(streams, list) else ():
            count += 1
            if count > _STREAMS:
                return measure
            _add(measure, stream, reports)
    return measure


def _add(measure: Measure, stream: object, reports: object) -> None:
    flags = _of(stream, "flags")
    is_rtp = isinstance(flags, list) and ("RTP" in flags or b"RTP" in flags)
    stats = _of(stream, "stats")
    if is_rtp or not (isinstance(flags, list) and ("RTCP" in flags or b"RTCP" in flags)):
        measure.packets += _number(stats, "packets")
        measure.octets += _number(stats, "bytes")
        measure.errors += _number(stats, "errors")
    source = _of(stream, "SSRC")
    report = _of(reports, str(source)) if isinstance(source, int) else None
    average = _of(report, "average MOS")
    samples = _number(average, "samples")
    if samples > measure.samples:
        measure.samples = samples
        measure.lost = _number(report, "cumulative loss")
        measure.loss = _number(average, "packet loss")
        measure.jitter = _number(average, "jitter")
        measure.round_trip = _number(average, "round-trip time")
        measure.mos = _number(average, "MOS")


def _of(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _number(value: object, key: str) -> int:
    found = value.get(key) if isinstance(value, dict) else None
    return found if type(found) is int else 0
