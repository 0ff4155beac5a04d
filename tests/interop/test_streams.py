"""SIPp over TCP, and over TLS through stunnel, to and from us; and who is turned away at the door, by which name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sbc.config import Certificate
from tests.kit.certificates import Authority
from tests.rig.kamailio import Kamailio
from tests.rig.needs import need
from tests.rig.node import Node, node_file
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side
from tests.rig.sipp import render
from tests.rig.stunnel import Stunnel

TLS_PORT = 5061
NAME = "edge.example.net"
_LISTEN = re.compile(r'listen = \["udp:([\d.]+):(\d+)", "udp:[^"]+"\]')
_FLOWS = {
    "a good call": ("uac_call", "uas_call"),
    "the callee hangs up": ("uac_bye_wait", "uas_bye"),
    "the caller cancels": ("uac_cancel", "uas_cancelled"),
    "the callee re-invites": ("uac_reinvited", "uas_reinvite"),
}


def with_contact(name: str, rig: Rig, side: Side, transport: str, port: str = "[local_port]") -> Path:
    """A scenario of ours with a Contact, and a Via, that name the transport: SIPp takes itself for a TCP peer."""
    path = render(name, rig.work(), {"side": side.name})
    contact = re.compile(r"^(Contact: <sip:\w+@\[local_ip\]:)\[local_port\]", re.MULTILINE)
    text = contact.sub(rf"\g<1>{port};transport={transport}", path.read_text())
    path.write_text(text.replace("SIP/2.0/[transport]", f"SIP/2.0/{transport.upper()}"))
    return path


class Streams:
    """A rig whose node listens on TCP and TLS beside UDP, and whose trunks are reached by `transport`."""

    def __init__(self, transport: str) -> None:
        need("sipp", "stunnel4")
        self.transport = transport
        self.rig = Rig()
        self.tunnels: list[Stunnel] = []
        try:
            self.authority = Authority(self.rig.directory, "ca")
            self.partner = self.authority.issue("partner", dns=("sip.partner.example",))
            self.node = self.rig.start(self.config)
        except BaseException:
            self.rig.close()
            raise

    def config(self, state: Path) -> str:
        """The rig's node file with more listeners, and client certificates demanded in both realms."""
        state.mkdir()
        self.authority.issue("edge", dns=(NAME,))
        folder = self.rig.directory
        text = _LISTEN.sub(
            rf'listen = ["udp:\1:\2", "tcp:\1:\2", "tls:\1:{TLS_PORT}"]\n'
            f'tls = {{ certificate = "{folder}/edge.pem", key = "{folder}/edge.key", ca = "{folder}/ca.pem", '
            'verify_client = "required" }',
            node_file(state=state, pbx=self.target("10.20.0.10", 5080), carrier=self.target("198.51.100.10", 5090)),
        )
        if self.transport == "tls":
            text = re.sub(r"(\[trunk\.\w+\]\n)", r'\1tls_names = ["sip.partner.example"]\n', text)
        return text

    def target(self, host: str, port: int) -> tuple[str, ...]:
        """Where a trunk is: this port by TCP, or TLS in front of it."""
        return (f"{host}:{port if self.transport == 'tcp' else TLS_PORT};transport={self.transport}",)

    def tunnel(self, side: Side, *, accept: int, connect: str, is_client: bool, own: Certificate | None) -> Stunnel:
        """A stunnel at the first peer of a side."""
        made = Stunnel(
            self.rig.work(),
            self.rig.network.namespace_of(side.name),
            accept=f"{side.peers[0]}:{accept}",
            connect=connect,
            is_client=is_client,
            own=own,
            ca=self.authority.ca,
        )
        self.tunnels.append(made)
        return made

    def scenario(self, name: str, side: Side, contact_port: str) -> Path:
        """One of ours for this transport."""
        return with_contact(name, self.rig, side, self.transport, contact_port)

    def close(self) -> None:
        """End everything."""
        for tunnel in self.tunnels:
            tunnel.stop()
        self.rig.close()


def made(transport: str) -> Iterator[Streams]:
    """A rig, judged at its end."""
    streams = Streams(transport)
    try:
        yield streams
        streams.rig.assert_clean_end()
        assert streams.node.stop() == 0
    finally:
        streams.close()


@pytest.fixture(scope="module")
def by_tcp() -> Iterator[Streams]:
    yield from made("tcp")


@pytest.fixture(scope="module")
def by_tls() -> Iterator[Streams]:
    yield from made("tls")


@pytest.mark.parametrize("flow", _FLOWS)
def test_a_flow_over_tcp_is_carried_both_ways(by_tcp: Streams, flow: str) -> None:
    """RFC 3261 section 18: responses come back on the connection, requests in the dialog go to it."""
    caller, callee = _FLOWS[flow]
    rig = by_tcp.rig
    rig.begin()
    for source, destination in ((OUTSIDE, INSIDE), (INSIDE, OUTSIDE)):
        far = rig.sipp(
            destination,
            by_tcp.scenario(callee, destination, "[local_port]"),
            call=False,
            options=("-t", "t1"),
        )
        near = rig.sipp(
            source,
            by_tcp.scenario(caller, source, "[local_port]"),
            call=True,
            options=("-t", "t1", "-s", "4930222"),
        )
        near.assert_ok()
        far.assert_ok()
    rig.assert_hidden()
    assert by_tcp.node.ask("GET", "/status")["transport"]["connections_accepted"] >= 2


@pytest.mark.parametrize("flow", ["a good call", "the caller cancels"])
def test_a_flow_over_tls_is_carried_both_ways(by_tls: Streams, flow: str) -> None:
    """The same through a tunnel on either side; both ends show a certificate. A tunnel cannot be called back."""
    caller, callee = _FLOWS[flow]
    rig = by_tls.rig
    rig.begin()
    for source, destination in ((OUTSIDE, INSIDE), (INSIDE, OUTSIDE)):
        server = by_tls.tunnel(
            destination,
            accept=TLS_PORT,
            connect=f"{destination.peers[0]}:{destination.trunk_port}",
            is_client=False,
            own=by_tls.partner,
        )
        client = by_tls.tunnel(
            source, accept=15061, connect=f"{source.node}:{TLS_PORT}", is_client=True, own=by_tls.partner
        )
        far = rig.sipp(
            destination, by_tls.scenario(callee, destination, str(TLS_PORT)), call=False, options=("-t", "t1")
        )
        near = rig.sipp(
            source,
            by_tls.scenario(caller, source, "[local_port]"),
            call=True,
            target=f"{source.peers[0]}:15061",
            options=("-t", "t1", "-s", "4930222"),
        )
        near.assert_ok()
        far.assert_ok()
        client.stop()
        server.stop()
    assert by_tls.node.ask("GET", "/status")["transport"]["handshakes_failed"] == 0


def refusals(node: Node) -> list[dict[str, str]]:
    """What the log says of TLS clients that were turned away."""
    lines = [json.loads(line) for line in node.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "TLS client refused"]


@pytest.mark.parametrize("which", ["missing", "expired", "foreign"])
def test_a_certificate_that_will_not_do_is_refused_and_the_log_says_which_and_why(by_tls: Streams, which: str) -> None:
    rig, authority = by_tls.rig, by_tls.authority
    rig.begin()
    if which == "expired":
        own: Certificate | None = authority.issue("late", dns=("sip.late.example",), days=-2)
    elif which == "foreign":
        own = Authority(rig.work(), "Somebody Else").issue("stranger", dns=("sip.partner.example",))
    else:
        own = None
    tunnel = by_tls.tunnel(OUTSIDE, accept=15061, connect=f"{OUTSIDE.node}:{TLS_PORT}", is_client=True, own=own)
    before = len(refusals(by_tls.node))
    caller = rig.sipp(
        OUTSIDE,
        by_tls.scenario("uac_options", OUTSIDE, "[local_port]"),
        call=True,
        target=f"{OUTSIDE.peers[0]}:15061",
        options=("-t", "t1", "-s", "4930222"),
        receive_timeout=2000,
    )
    assert caller.exit_code() != 0
    wait_until(lambda: len(refusals(by_tls.node)) > before, 5, "the refusal in the log")
    tunnel.stop()
    line = refusals(by_tls.node)[before]
    shown = line.get("certificate", "")
    assert line["peer"].startswith("198.51.100.10:")
    assert (line["reason"], shown.partition(", serial ")[0]) == {
        "missing": ("no certificate shown, and one is required", ""),
        "expired": ("certificate not accepted: certificate has expired", "sip.late.example, issued by CN=ca"),
        "foreign": (
            "certificate not accepted: unable to get local issuer certificate",
            "sip.partner.example, issued by CN=Somebody Else",
        ),
    }[which]


def test_kamailio_takes_the_same_call_through_the_same_tunnel(tmp_path: Path) -> None:
    """What is measured or shown over TLS holds for peers alike: their TLS is stunnel's, as SIPp's is."""
    need("sipp", "stunnel4", "kamailio")
    authority = Authority(tmp_path, "ca")
    edge, partner = authority.issue("edge", dns=(NAME,)), authority.issue("partner", dns=("sip.partner.example",))
    with Rig(taps=False) as rig:
        rig.network.join_realms()
        inner = Kamailio(rig.work(), rig.network.node, by_tcp=True)
        near = Stunnel(
            rig.work(),
            rig.network.node,
            accept=f"{OUTSIDE.node}:{TLS_PORT}",
            connect=f"{OUTSIDE.node}:5060",
            is_client=False,
            own=edge,
            ca=authority.ca,
        )
        far = Stunnel(
            rig.work(),
            rig.network.namespace_of("outside"),
            accept=f"{OUTSIDE.peers[0]}:15061",
            connect=f"{OUTSIDE.node}:{TLS_PORT}",
            is_client=True,
            own=partner,
            ca=authority.ca,
        )
        options = ("-t", "t1", "-s", "4930222")
        callee = rig.sipp(INSIDE, with_contact("uas_call", rig, INSIDE, "tcp"), call=False, options=options[:2])
        caller = rig.sipp(
            OUTSIDE,
            with_contact("uac_call", rig, OUTSIDE, "tcp"),
            call=True,
            target=f"{OUTSIDE.peers[0]}:15061",
            options=options,
        )
        try:
            caller.assert_ok()
            callee.assert_ok()
        finally:
            for one in (far, near):
                one.stop()
            inner.process.stop()
