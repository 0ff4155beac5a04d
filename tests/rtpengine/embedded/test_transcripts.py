"""The real daemon's recorded exchanges, replayed against the embedded engine, volatile fields masked."""

from __future__ import annotations

import socket
from collections import Counter

from rtpengine.embedded import Limits, Server, parse_interfaces
from tests.rtpengine.replay import masked, recorded

PROFILES = {
    "default": (["127.0.0.1"], (34000, 34399), 0),
    "four-ports": (["127.0.0.1"], (34400, 34403), 0),
    "max-sessions-1": (["127.0.0.1"], (34410, 34439), 1),
    "two-interfaces": (["priv/127.0.0.1", "pub/127.0.0.2!203.0.113.1"], (34440, 34599), 0),
}

NOT_SPOKEN = {
    "sdes": "fewer suites than the daemon offers, and the caller's key is never passed on",
    "osrtp": "as sdes",
    "codec-transcode": "no transcoding",
    "t38": "no T.38 gateway",
    "pubsub": "no subscriptions",
}
"""Scenarios that this engine does not aim at yet."""

DIFFERENT = {
    18: "recordings can be paused, as from 11.3 on",
    29: "media was flowing: codec and SSRC are seen in it",
    39: "media was flowing: codec and SSRC are seen in it",
    40: "media was flowing: codec and SSRC are seen in it",
    62: "ICE-lite says so in the SDP",
    64: "as 62: what ICE has found is not shown before it is found",
    65: "as 64",
    66: "as 62",
    69: "as 64",
    70: "as 64",
    71: "as 62",
    87: "ptime is not changed: nothing is repacketised",
    98: "a losing branch is cut off both ways",
    99: "a losing branch is cut off both ways",
    100: "a losing branch keeps no streams",
    105: "another to-tag is another name of the party, as from 13.1 on",
    159: "as pubsub",
    162: "`loop-protect` is not spoken",
}
"""Single exchanges that differ, and why."""


def _bind(host: str, port: int) -> socket.socket:
    """A socket bound to nothing."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_replies_are_those_of_the_real_daemon() -> None:
    """Every exchange of the scenarios aimed at agrees, but for those that are listed; and those do differ."""
    servers = {
        name: Server(parse_interfaces(interfaces), ports, Limits(max_sessions=sessions), bind=_bind)
        for name, (interfaces, ports, sessions) in PROFILES.items()
    }
    differing: set[int] = set()
    agreed: Counter[str] = Counter()
    for exchange in recorded():
        if not exchange.transport.startswith("udp"):
            continue
        reply = servers[exchange.profile].answer(exchange.request)
        if masked(reply) == masked(exchange.response):
            agreed[exchange.scenario] += 1
        elif exchange.scenario not in NOT_SPOKEN:
            differing.add(exchange.number)
    assert differing == set(DIFFERENT)
    assert agreed.total() >= 151
    for server in servers.values():
        server.engine.close()
