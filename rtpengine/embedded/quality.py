"""What RTCP tells about a call: loss, jitter, round trip and MOS, by the SSRC that reported (RFC 3550 section 6.4, RFC
3611 section 4.7).

A report passes through here on its way, so both halves of a round trip can be told apart: the time from a sender report
to the block that answers it, less the time that the reporter kept it, is the leg to that party. The way from end to end
is both legs together; the score of a conversation needs it.

Everything is bounded: SSRCs of a call, sender reports that wait for an answer, entries of a progression.
"""

from __future__ import annotations

import struct
from typing import Final

from rtpengine.bencode import Value

MAX_SOURCES: Final = 16
MAX_WAITING: Final = 64
MAX_ENTRIES: Final = 24
_SR: Final = 200
_RR: Final = 201
_XR: Final = 207
_VOIP_METRICS: Final = 7
_HEADER: Final = 8
_SENDER_INFO: Final = 20
_BLOCK: Final = 24
_LONGEST: Final = 10_000_000
"""Microseconds of a leg; what is above is a lie or a clock that jumped."""


class Sample:
    """One report about what a party has received."""

    __slots__ = ("at", "jitter", "leg", "loss", "mos", "round_trip")

    def __init__(self, at: float, loss: int, jitter: int, leg: int, round_trip: int, mos: int) -> None:
        self.at: Final = at
        """Monotonic."""
        self.loss: Final = loss
        """Percent."""
        self.jitter: Final = jitter
        """Milliseconds."""
        self.leg: Final = leg
        """Microseconds between the party and us; 0: not known."""
        self.round_trip: Final = round_trip
        """Microseconds from end to end; 0: not known."""
        self.mos: Final = mos
        """Times ten; 0: not known."""


class _Hearing:
    """All that one SSRC has reported."""

    __slots__ = ("best", "count", "entries", "interval", "leg", "lost", "scored", "sums", "worst")

    def __init__(self) -> None:
        self.count = 0
        self.scored = 0
        self.sums = [0, 0, 0, 0, 0]
        """MOS, round trip, leg, jitter, loss."""
        self.worst: Sample | None = None
        self.best: Sample | None = None
        self.lost = 0
        self.leg = 0
        self.entries: list[Sample] = []
        self.interval = 0.0
        """Seconds between entries; it doubles when they are too many."""

    def add(self, sample: Sample) -> None:
        self.count += 1
        for index, value in enumerate((sample.mos, sample.round_trip, sample.leg, sample.jitter, sample.loss)):
            self.sums[index] += value
        if sample.mos:
            self.scored += 1
            if self.worst is None or sample.mos < self.worst.mos:
                self.worst = sample
            if self.best is None or sample.mos > self.best.mos:
                self.best = sample
        if self.entries and sample.at - self.entries[-1].at < self.interval:
            return
        self.entries.append(sample)
        if len(self.entries) > MAX_ENTRIES:
            self.entries = self.entries[::2]
            self.interval = 2 * max(self.interval, 1.0)

    def describe(self, now: float, wall: float) -> Value:
        """In the daemon's structure."""
        mos, round_trip, leg, jitter, loss = self.sums
        count, scored = max(1, self.count), max(1, self.scored)
        entries: list[Value] = [_entry(sample, now, wall) for sample in self.entries]
        described: dict[str, Value] = {
            "cumulative loss": self.lost,
            "average MOS": {
                "MOS": mos // scored,
                "round-trip time": round_trip // scored,
                "round-trip time leg": leg // count,
                "jitter": jitter // count,
                "packet loss": loss // count,
                "samples": self.count,
            },
        }
        if self.worst is not None and self.best is not None:
            described["lowest MOS"] = _entry(self.worst, now, wall)
            described["highest MOS"] = _entry(self.best, now, wall)
        described["MOS progression"] = {"interval": int(self.interval), "entries": entries}
        return described


class Quality:
    """One call's."""

    __slots__ = ("_hearings", "_sent")

    def __init__(self) -> None:
        self._hearings: Final[dict[int, _Hearing]] = {}
        self._sent: Final[dict[tuple[int, int], float]] = {}
        """When a sender report went by, by its SSRC and the middle of its NTP time."""

    def take(self, data: bytearray, size: int, rate: int, now: float) -> None:
        """A compound packet in clear, with timestamps in units of `rate` a second. What is malformed ends it."""
        at = 0
        while at + _HEADER <= size:
            end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
            if data[at] >> 6 != 2 or end > size:
                return
            kind = data[at + 1]
            ssrc = int.from_bytes(data[at + 4 : at + 8], "big")
            if kind == _SR and end - at >= _HEADER + _SENDER_INFO:
                self._remember(ssrc, int.from_bytes(data[at + 10 : at + 14], "big"), now)
                self._blocks(data, at + _HEADER + _SENDER_INFO, end, ssrc, data[at] & 31, rate, now)
            elif kind == _RR:
                self._blocks(data, at + _HEADER, end, ssrc, data[at] & 31, rate, now)
            elif kind == _XR:
                self._extended(data, at + _HEADER, end, ssrc, now)
            at = end

    def scores(self) -> list[float]:
        """Each reporter's mean opinion score, where it has one."""
        return [hearing.sums[0] / hearing.scored / 10 for hearing in self._hearings.values() if hearing.scored]

    def describe(self, now: float, wall: float) -> dict[str, Value]:
        """The `SSRC` dictionary of a `query`; reporters that have said nothing of anybody are not in it."""
        return {str(ssrc): hearing.describe(now, wall) for ssrc, hearing in self._hearings.items() if hearing.count}

    def _remember(self, ssrc: int, middle: int, now: float) -> None:
        if len(self._sent) >= MAX_WAITING:
            del self._sent[next(iter(self._sent))]
        self._sent[ssrc, middle] = now

    def _blocks(self, data: bytearray, at: int, end: int, reporter: int, count: int, rate: int, now: float) -> None:
        """Report blocks; the one about the source that was heard last counts where there are several."""
        for _ in range(count):
            if at + _BLOCK > end:
                return
            source, loss, _, jitter, middle, kept = struct.unpack_from("!IIIIII", data, at)
            at += _BLOCK
            hearing = self._hearing(reporter)
            if hearing is None:
                return
            leg = self._leg((source, middle), kept, now) if middle else 0
            hearing.leg = leg or hearing.leg
            lost = loss & 0xFFFFFF
            hearing.lost = 0 if lost >= 0x800000 else lost
            self._add(hearing, source, (loss >> 24) * 100 // 256, min(jitter * 1000 // max(1, rate), 60_000), leg, now)

    def _extended(self, data: bytearray, at: int, end: int, reporter: int, now: float) -> None:
        """RFC 3611: a phone's own opinion of the call, for a party that has none of ours."""
        while at + 4 <= end:
            length = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
            if at + length > end:
                return
            if data[at] == _VOIP_METRICS and length >= 36:
                hearing = self._hearing(reporter)
                score = data[at + 27]
                if hearing is None or hearing.scored or not 10 <= score <= 50:
                    return
                delay = int.from_bytes(data[at + 16 : at + 18], "big") * 1000
                hearing.add(Sample(now, data[at + 8] * 100 // 256, 0, hearing.leg, delay, score))
            at += length

    def _add(self, hearing: _Hearing, source: int, loss: int, jitter: int, leg: int, now: float) -> None:
        other = self._hearings.get(source)
        round_trip = hearing.leg + other.leg if hearing.leg and other is not None and other.leg else 0
        hearing.add(Sample(now, loss, jitter, leg, round_trip, score(round_trip, jitter, loss) if round_trip else 0))

    def _hearing(self, ssrc: int) -> _Hearing | None:
        found = self._hearings.get(ssrc)
        if found is None and len(self._hearings) < MAX_SOURCES:
            found = self._hearings[ssrc] = _Hearing()
        return found

    def _leg(self, report: tuple[int, int], kept: int, now: float) -> int:
        """Microseconds to the reporter and back; 0 where the report is not ours to know, or the figures make no
        sense."""
        sent = self._sent.get(report)
        if sent is None:
            return 0
        leg = int((now - sent - kept / 65536) * 1_000_000)
        return max(1, leg) if -50_000 < leg < _LONGEST else 0


def score(round_trip: int, jitter: int, loss: int) -> int:
    """Mean opinion score of a conversation times ten, from microseconds, milliseconds and percent.

    The daemon's formula, a simplification of the E-model (ITU-T G.107).
    """
    delay = round_trip // 1000 + 2 * jitter + 10
    rating = 93.2 - (delay / 40 if delay < 160 else (delay - 120) / 10) - 2.5 * loss
    if rating < 0:
        return 10
    return min(50, max(10, int(10 * (1 + 0.035 * rating + 0.000007 * rating * (rating - 60) * (100 - rating)))))


def _entry(sample: Sample, now: float, wall: float) -> Value:
    return {
        "MOS": sample.mos,
        "round-trip time": sample.round_trip,
        "round-trip time leg": sample.leg,
        "jitter": sample.jitter,
        "packet loss": sample.loss,
        "reported at": int(wall - (now - sample.at)),
    }
