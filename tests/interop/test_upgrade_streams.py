"""An upgrade while calls live on connections: TCP goes on in the next process, TLS stays until its time is over."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.interop.halfway import LONG, stands
from tests.interop.test_upgrade import WORKERS, settled
from tests.interop.test_upgrade_around import TIMERS
from tests.interop.test_workers import assert_no_strays, status
from tests.kit.certificates import Authority
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.stream_ua import StreamTrunk, StreamUa, connected
from tests.rig.ua import DialogOf
from tests.rig.upgrades import upgrade

TLS_PORT: Final = 5061
GLARE: Final = 0.3
"""Seconds that an ACK may take: a re-INVITE that comes before it is answered 491."""
_LISTEN = re.compile(r'listen = \["udp:([\d.]+):(\d+)", "udp:[^"]+"\]')


class Streams:
    """A node of several workers whose trunk is reached by TCP or TLS, and the callee that listens there."""

    def __init__(self, transport: str) -> None:
        need()
        self.transport: Final = transport
        self.rig: Final = Rig()
        self._callers: list[StreamUa] = []
        self._authority = Authority(self.rig.directory, "ca")
        partner = self._authority.issue("partner", dns=("sip.partner.example",))
        self._client = ssl.create_default_context(cafile=self._authority.ca)
        self._client.check_hostname = False
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(partner.certificate, partner.key)
        try:
            self.rig.start(self._config)
            is_tls = transport == "tls"
            self.trunk = StreamTrunk(self.rig, INSIDE, 5080, self._server if is_tls else None)
        except BaseException:
            self.rig.close()
            raise

    def _config(self, state: Path) -> str:
        state.mkdir()
        self._authority.issue("edge", dns=("edge.example.net",))
        folder = self.rig.directory
        text = node_file(
            state=state,
            store="sqlite",
            workers=WORKERS,
            media="bypass",
            timers=TIMERS,
            pbx=(f"10.20.0.10:5080;transport={self.transport}",),
            outside='nat = { peers = "always" }',  # a phone's connection is the only way back to it
        )
        text = _LISTEN.sub(
            rf'listen = ["udp:\1:\2", "tcp:\1:\2", "tls:\1:{TLS_PORT}"]\n'
            f'tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key", ca = "{folder}/ca.pem", '
            'verify_client = "optional" }',
            text,
        )
        if self.transport == "tls":
            text = text.replace("[trunk.pbx]\n", '[trunk.pbx]\ntls_names = ["sip.partner.example"]\n')
        return text

    def caller(self) -> StreamUa:
        """Another connection from outside."""
        is_tls = self.transport == "tls"
        port, tls = (TLS_PORT, self._client) if is_tls else (OUTSIDE.node_port, None)
        self._callers.append(connected(self.rig, OUTSIDE, port, tls))
        return self._callers[-1]

    def close(self) -> None:
        """End everything."""
        for ua in self._callers:
            ua.close()
        self.trunk.close()
        self.rig.close()


@pytest.fixture
def streams(transport: str) -> Iterator[Streams]:
    made = Streams(transport)
    first = made.rig.node.process
    try:
        yield made
    finally:
        made.close()
        first.stop()


class Call:
    """A call over connections, both of which are to live as long as it."""

    def __init__(self, streams: Streams) -> None:
        self.near = streams.caller()
        uri = f"sip:4930222@{OUTSIDE.node_address};transport={streams.transport}"
        self.near.send(self.near.request("INVITE", uri, body=self.near.sdp()))
        self.far = streams.trunk.accepted()
        self.invite = self.far.expect("INVITE")
        self.far.respond(self.invite, 200, "OK", tag="fartag", body=self.far.sdp(18000))
        answer = self.near.expect(200, "INVITE")
        self.near_dialog, self.far_dialog = DialogOf.as_caller(answer), DialogOf.as_callee(self.invite, "fartag")
        self.near.send(self.near.in_dialog("ACK", self.near_dialog))
        self.far.expect("ACK")

    def change(self) -> None:
        """A re-INVITE of either side."""
        ways = ((self.near, self.near_dialog, self.far), (self.far, self.far_dialog, self.near))
        for version, (one, dialog, other) in enumerate(ways, 2):
            one.send(one.in_dialog("INVITE", dialog, body=one.sdp(version=version)))
            other.respond(other.expect("INVITE"), 200, "OK", body=other.sdp(version=version))
            one.expect(200, "INVITE")
            one.send(one.in_dialog("ACK", dialog))
            other.expect("ACK")
            time.sleep(GLARE)

    def end(self, *, by_callee: bool) -> None:
        """BYE, over the connections of the beginning."""
        one, dialog, other = self.near, self.near_dialog, self.far
        if by_callee:
            one, dialog, other = self.far, self.far_dialog, self.near
        one.send(one.in_dialog("BYE", dialog))
        other.respond(other.expect("BYE"), 200, "OK")
        one.expect(200, "BYE")


def assert_alive(call: Call) -> None:
    """No connection has ended, by FIN or RST."""
    for ua in (call.near, call.far):
        ua.receive(0.01)
        assert not ua.ended


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_calls_on_connections_go_on_over_the_same_ones(streams: Streams, transport: str) -> None:
    """Issue: no lost packet. Re-INVITEs and BYEs of both sides come by the connections that the calls began on."""
    rig = streams.rig
    settled(rig)
    one = Call(streams)
    one.change()
    upgrade(rig.node, "--deadline", LONG)
    if transport == "tcp":
        wait_until(lambda: stands(rig) == ["front"] * WORKERS, 60, "the old processes to end")
    else:
        wait_until(
            lambda: "keeping" in stands(rig) and "leaving" not in stands(rig), 60, "no process to read but the new"
        )
    assert_alive(one)
    one.change()
    one.end(by_callee=True)
    assert_alive(one)
    late = streams.caller()
    late.send(late.request("OPTIONS", f"sip:{OUTSIDE.node_address};transport={transport}"))
    late.expect(200, "OPTIONS")
    rig.node.wait_idle()
    wait_until(lambda: rig.node.records() == [(200, "callee", "bye")], 5, "the call record")
    assert_no_strays(rig)
    assert status(rig)["transport"]["undeliverable"] == 0
    for ua in (one.near, one.far, late):
        ua.close()
    wait_until(lambda: stands(rig) == ["front"] * WORKERS, 20, "the old processes to end with their last connection")
    rig.node.assert_sound()
    assert rig.node.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("transport", ["tls"])
def test_connections_that_cannot_move_are_closed_in_peace_when_their_time_is_over(streams: Streams) -> None:
    """FIN and no RST; the call goes on over new ones, which both ends open as they would after any loss."""
    rig = streams.rig
    settled(rig)
    one = Call(streams)
    upgrade(rig.node, "--deadline", "15")
    wait_until(lambda: stands(rig) == ["front"] * WORKERS, 60, "the old processes to end")
    for ua in (one.near, one.far):
        assert ua.receive(1.0) is None
        assert ua.ended == "closed"
    again = streams.caller()
    again.send(again.in_dialog("INVITE", one.near_dialog, body=again.sdp(version=2)))
    far = streams.trunk.accepted()
    far.respond(far.expect("INVITE"), 200, "OK", body=far.sdp(18000, version=2))
    again.expect(200, "INVITE")
    again.send(again.in_dialog("ACK", one.near_dialog))
    far.expect("ACK")
    time.sleep(GLARE)
    far.send(far.in_dialog("BYE", one.far_dialog))
    again.respond(again.expect("BYE"), 200, "OK")
    far.expect(200, "BYE")
    rig.node.wait_idle()
    wait_until(lambda: rig.node.records() == [(200, "callee", "bye")], 5, "the call record")
    rig.node.assert_sound()
    assert rig.node.stop() == 0
