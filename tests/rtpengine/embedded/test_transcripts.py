"""The real daemon's recorded exchanges, replayed against the embedded engine, volatile fields masked."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from rtpengine.embedded import Limits, Server, parse_interfaces
from rtpengine.embedded.http import HttpListener
from tests.rtpengine.replay import Recorded, masked, recorded

PROFILES = {
    "default": (["127.0.0.1"], (34000, 34399), 0),
    "four-ports": (["127.0.0.1"], (34400, 34403), 0),
    "max-sessions-1": (["127.0.0.1"], (34410, 34439), 1),
    "two-interfaces": (["priv/127.0.0.1", "pub/127.0.0.2!203.0.113.1"], (34440, 34599), 0),
}

LOOP_MARK = re.compile(rb"a=rtpengine:\w{12}")
"""By which the engine knows its own: what the daemon has written in a recorded request is ours here."""

DIFFERENT = {
    18: "recordings can be paused, as from 11.3 on",
    29: "media was flowing when it was recorded: codec and SSRC are seen in it",
    39: "media was flowing when it was recorded: codec and SSRC are seen in it",
    40: "media was flowing when it was recorded: codec and SSRC are seen in it",
    49: "no NULL, F8, AES-192 or AES-256 counter suites; the caller's key is never passed on",
    51: "no NULL, F8, AES-192 or AES-256 counter suites; the caller's key is never passed on",
    58: "no NULL, F8, AES-192 or AES-256 counter suites; the caller's key is never passed on",
    62: "ICE-lite says so in the SDP",
    66: "ICE-lite says so in the SDP",
    71: "ICE-lite says so in the SDP",
    64: "an address of ICE is not shown before a path is nominated",
    65: "an address of ICE is not shown before a path is nominated",
    69: "an address of ICE is not shown before a path is nominated",
    70: "an address of ICE is not shown before a path is nominated",
    87: "nothing is repacketised, so ptime stays",
    89: "no transcoding",
    90: "no transcoding",
    91: "no transcoding",
    93: "no T.38 gateway",
    98: "a losing branch of a fork is cut off both ways and keeps no streams",
    99: "a losing branch of a fork is cut off both ways and keeps no streams",
    100: "a losing branch of a fork is cut off both ways and keeps no streams",
    105: "another to-tag is another name of the party, as from 13.1 on",
    152: "a listener and a publisher are shown a description of ours, not a party's; labels count from 0",
    157: "a listener and a publisher are shown a description of ours, not a party's; labels count from 0",
    160: "a listener and a publisher are shown a description of ours, not a party's; labels count from 0",
    155: "nothing is transcoded for a listener, and deleting a call ends its listeners too",
    159: "nothing is transcoded for a listener, and deleting a call ends its listeners too",
    186: "no TCP: on 10.5.3 a request that the network cuts in two ends the connection",
    187: "no TCP: on 10.5.3 a request that the network cuts in two ends the connection",
}
"""Exchanges that differ, and why; all others agree."""


def _bind(host: str, port: int) -> socket.socket:
    """A socket bound to nothing."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _agrees(server: Server, exchange: Recorded) -> bool:
    """The same reply to the same request; TCP is not spoken, and so never agrees."""
    if exchange.transport == "tcp":
        return False
    if exchange.transport != "http":
        request = LOOP_MARK.sub(server.engine.resources.loop_mark.encode(), exchange.request)
        return masked(server.answer(request)) == masked(exchange.response)
    first = f"{exchange.http['method']} {exchange.http['path']} HTTP/1.1"
    kind = exchange.http["request_content_type"]
    status, answered, body = HttpListener(server.answer).reply(first, kind, exchange.request)
    told = (int(status.split(" ")[0]), answered)
    if told != (exchange.http["status"], exchange.http["response_content_type"]):
        return False
    return body == exchange.response or (b" " in body and masked(body) == masked(exchange.response))


def test_replies_are_those_of_the_real_daemon() -> None:
    """Every exchange agrees, but for those that are listed; and those do differ."""
    servers = {
        name: Server(parse_interfaces(interfaces), ports, Limits(max_sessions=sessions), bind=_bind)
        for name, (interfaces, ports, sessions) in PROFILES.items()
    }
    agreed = {exchange.number: _agrees(servers[exchange.profile], exchange) for exchange in recorded()}
    assert {number for number, agrees in agreed.items() if not agrees} == set(DIFFERENT)
    assert sum(agreed.values()) == 193 - len(DIFFERENT)
    for server in servers.values():
        server.engine.close()


def test_documentation_lists_what_differs() -> None:
    """Number by number, with the reason."""
    page = Path(__file__).resolve().parents[3] / "docs" / "media-engine.md"
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {int(number): why for numbers, why in rows for number in numbers.split(", ")}
    assert listed == DIFFERENT
