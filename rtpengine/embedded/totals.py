"""Counters of the engine's life, in the words of the daemon's `statistics`.

What the daemon counts and this engine has no counterpart of is left out, not reported as zero.
"""

from __future__ import annotations

import math
from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.call import Call
from rtpengine.embedded.relay import RelayStatistics

_COMMANDS: Final[dict[str, str]] = {
    "ping": "ping",
    "offer": "offer",
    "answer": "answer",
    "delete": "delete",
    "query": "query",
    "list": "list",
    "start recording": "startrec",
    "stop recording": "stoprec",
    "start forwarding": "startfwd",
    "stop forwarding": "stopfwd",
    "block DTMF": "blkdtmf",
    "unblock DTMF": "unblkdtmf",
    "block media": "blkmedia",
    "unblock media": "unblkmedia",
    "play media": "playmedia",
    "stop media": "stopmedia",
    "play DTMF": "playdtmf",
    "statistics": "stats",
    "silence media": "slnmedia",
    "unsilence media": "unslnmedia",
    "publish": "pub",
    "subscribe request": "subreq",
    "subscribe answer": "subans",
    "unsubscribe": "unsub",
}
"""A command's name to the daemon's word for it in `controlstatistics`."""


class Totals:
    """Counters that only grow. Calls are added when they end, requests when they come."""

    __slots__ = (
        "_asked",
        "_commands",
        "_duration",
        "_duration_squared",
        "_mos",
        "_mos_samples",
        "_mos_squared",
        "_one_way",
        "_relayed",
        "_zero_way",
        "final_timeouts",
        "managed",
        "offer_timeouts",
        "rejected",
        "silent_timeouts",
        "started",
        "terminated",
        "timeouts",
    )

    def __init__(self, started: float) -> None:
        self.started: Final = started
        self.managed = 0
        """Calls that have ended, however they did."""
        self.rejected = 0
        self.terminated = 0
        """Calls ended by a command."""
        self.timeouts = 0
        self.silent_timeouts = 0
        self.offer_timeouts = 0
        self.final_timeouts = 0
        self._commands: Final = dict.fromkeys(_COMMANDS, 0)
        self._duration = self._duration_squared = 0.0
        self._zero_way = self._one_way = 0
        self._mos = self._mos_squared = 0.0
        self._mos_samples = 0
        self._asked = started
        self._relayed = RelayStatistics(0, 0, 0)
        """As it was at `_asked`: rates are those since."""

    def count(self, command: Value | None) -> None:
        """A request has come."""
        name = command.decode("latin-1") if isinstance(command, bytes) else ""
        if name in self._commands:
            self._commands[name] += 1

    def add(self, call: Call, now: float) -> None:
        """A call has ended; its streams are still there to be looked at."""
        self.managed += 1
        lasted = max(0.0, now - call.begun)
        self._duration += lasted
        self._duration_squared += lasted * lasted
        lines = max((len(party.media) for party in call.parties if not party.sources), default=0)
        for index in range(lines):
            pairs = [
                party.media[index].pair for party in call.parties if not party.sources and index < len(party.media)
            ]
            heard = [pair.rtp.packets > 0 for pair in pairs if pair is not None]
            if heard and not any(heard):
                self._zero_way += 1
            elif heard and not all(heard):
                self._one_way += 1
        for score in call.quality.scores():
            self._mos += score
            self._mos_squared += score * score
            self._mos_samples += 1

    def describe(self, sessions: int, relayed: RelayStatistics, now: float) -> dict[str, Value]:
        """Everything but interfaces. Rates are those since this was asked last."""
        passed = max(now - self._asked, 0.001)
        packets, octets, errors = (
            int((later - earlier) / passed)
            for later, earlier in (
                (relayed.packets, self._relayed.packets),
                (relayed.octets, self._relayed.octets),
                (relayed.errors, self._relayed.errors),
            )
        )
        self._asked, self._relayed = now, relayed
        mean, deviation = _spread(self._duration, self._duration_squared, self.managed)
        score, spread = _spread(self._mos, self._mos_squared, self._mos_samples)
        control: dict[str, Value] = {f"total{_COMMANDS[name]}count": count for name, count in self._commands.items()}
        return {
            "currentstatistics": {
                "sessionsown": sessions,
                "sessionsforeign": 0,
                "sessionstotal": sessions,
                "transcodedmedia": 0,
                "packetrate": packets,
                "byterate": octets,
                "errorrate": errors,
            },
            "totalstatistics": {
                "uptime": str(int(now - self.started)),
                "managedsessions": self.managed,
                "rejectedsessions": self.rejected,
                "timeoutsessions": self.timeouts,
                "silenttimeoutsessions": self.silent_timeouts,
                "finaltimeoutsessions": self.final_timeouts,
                "offertimeoutsessions": self.offer_timeouts,
                "regularterminatedsessions": self.terminated,
                "relayedpackets": relayed.packets,
                "relayedpacketerrors": relayed.errors,
                "relayedbytes": relayed.octets,
                "zerowaystreams": self._zero_way,
                "onewaystreams": self._one_way,
                "avgcallduration": f"{mean:.6f}",
                "totalcallsduration": f"{self._duration:.6f}",
                "totalcallsduration2": f"{self._duration_squared:.6f}",
                "totalcallsduration_stddev": f"{deviation:.6f}",
            },
            "mos": {
                "mos_total": f"{self._mos:.6f}",
                "mos2_total": f"{self._mos_squared:.6f}",
                "mos_samples_total": self._mos_samples,
                "mos_average": f"{score:.6f}",
                "mos_stddev": f"{spread:.6f}",
            },
            "controlstatistics": {"proxies": [], **control},
        }


def _spread(total: float, squares: float, count: int) -> tuple[float, float]:
    """Mean and standard deviation."""
    if not count:
        return 0.0, 0.0
    mean = total / count
    return mean, math.sqrt(max(0.0, squares / count - mean * mean))
