"""Addresses come, go and change under a running node: its listeners follow, and say so."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.namespaces import OUTSIDE_NODE6, entered, ip_in
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.ua import DialogOf

VIP, MOVED = "198.51.100.77", "198.51.100.2"
_FREEBIND = 15
"""The socket option IP_FREEBIND: an address that is not there yet."""


def config(state: Path, workers: int, **keys: Any) -> str:  # noqa: ANN401
    """A listener named after its interface, one on an address that is not there yet, and one for TCP there."""
    listen = f'listen = ["udp:outside:5060", "udp:{VIP}:5060", "tcp:{VIP}:5060"]'
    text = node_file(state=state, workers=workers, **keys)
    before = f'listen = ["udp:{OUTSIDE.node}:5060", "udp:[{OUTSIDE_NODE6}]:5060"]'
    assert before in text
    return text.replace(before, listen).replace('domain = "edge.example.net"\n', "")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig of each test's own: they change its addresses."""
    need("sipp", "ip")
    with Rig() as rig:
        rig.start(lambda state: config(state, request.param))
        yield rig
        rig.node.wait_idle()
        trouble = rig.node.trouble(without="media engine lost")  # it starts again with the interface's new address
        assert not trouble, trouble


def listener(rig: Rig, transport: str, which: int = 0) -> dict[str, Any]:
    """One row of the status: the outside listeners of this transport, in order."""
    rows = [row for row in rig.node.ask("GET", "/status")["listeners"] if row["realm"] == "outside"]
    found: dict[str, Any] = [row for row in rows if row["transport"] == transport][which]
    return found


def events(rig: Rig, name: str) -> list[dict[str, Any]]:
    """Lines of the log with this event."""
    lines = [json.loads(line) for line in rig.node.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def change(rig: Rig, *commands: str) -> None:
    """Give these commands to `ip` where the node lives."""
    ip_in(rig.network.node, *commands)


def call(rig: Rig, host: str, *options: str) -> None:
    """A call to the node at this address of its own."""
    far = rig.sipp(INSIDE, "uas_call", call=False)
    near = rig.sipp(OUTSIDE, "uac_call", call=True, target=f"{host}:5060", options=("-s", "4930222", *options))
    near.assert_ok()
    far.assert_ok()


def test_a_vip_moves_in_and_out(rig: Rig) -> None:
    waiting = listener(rig, "UDP", 1)
    assert (waiting["host"], waiting["state"], waiting["why"]) == (VIP, "down", "no interface has this address")
    call(rig, OUTSIDE.node)
    change(rig, f"addr add {VIP}/24 dev outside")
    wait_until(lambda: listener(rig, "TCP")["state"] == listener(rig, "UDP", 1)["state"] == "up", 5, "the VIP")
    call(rig, VIP)
    change(rig, f"addr del {VIP}/24 dev outside")
    wait_until(lambda: listener(rig, "UDP", 1)["state"] == "down", 5, "the VIP to go")
    call(rig, OUTSIDE.node)
    assert [(line["interface"], line["address"]) for line in events(rig, "address removed")] == [("outside", VIP)]
    assert [line["listener"] for line in events(rig, "listener up")] == [f"udp {VIP}:5060", f"tcp {VIP}:5060"]
    assert {line["why"] for line in events(rig, "listener down")} == {"no interface has this address"}
    command = [sys.executable, "-m", "sbc", "status", "--control", str(rig.node.control)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"{VIP}:5060  DOWN: no interface has this address" in shown


def test_a_listener_whose_port_somebody_has_is_up_once_it_is_let_go(rig: Rig) -> None:
    """Another process waits for the VIP as we do, and was faster; nothing of the network changes when it ends."""
    with entered(rig.network.node):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    other.bind((VIP, 5060))
    change(rig, f"addr add {VIP}/24 dev outside")
    wait_until(lambda: "in use" in listener(rig, "UDP", 1)["why"], 60, "the node to say who has the port")
    wait_until(lambda: listener(rig, "TCP")["state"] == "up", 60, "the listener that has its port")
    other.close()
    wait_until(lambda: listener(rig, "UDP", 1)["state"] == "up", 60, "the port to be tried again")
    call(rig, VIP)
    ups = [line["listener"] for line in events(rig, "listener up")]
    assert ups == [f"tcp {VIP}:5060", f"udp {VIP}:5060"], "the one that had its port did not wait for the other"


def test_a_listener_named_after_its_interface_follows_its_address_and_media_do_too(rig: Rig) -> None:
    call(rig, OUTSIDE.node)
    change(rig, f"addr del {OUTSIDE.node}/24 dev outside")
    wait_until(lambda: listener(rig, "UDP")["why"] == "interface outside has no address", 5, "the address to go")
    before = rig.node.ask("GET", "/status")["media"]["embedded"]["restarts"]
    change(rig, f"addr add {MOVED}/24 dev outside")
    wait_until(lambda: listener(rig, "UDP")["host"] == MOVED, 5, "the listener to move")
    status = rig.node.ask
    wait_until(lambda: status("GET", "/status")["media"]["embedded"]["restarts"] > before, 10, "the media engine")
    wait_until(lambda: status("GET", "/status")["media"]["embedded"]["pid"], 10, "the media engine to run")
    call(rig, MOVED)
    [line] = events(rig, "listener moved")
    assert (line["listener"], line["was"], line["interface"]) == (f"udp {MOVED}:5060", "198.51.100.1:5060", "outside")


def test_a_live_call_goes_on_at_the_new_address(rig: Rig) -> None:
    """Its peer is told by a target refresh, answers it, and is reached by the other side's BYE (RFC 3261 12.2)."""
    caller, callee = rig.ua(OUTSIDE, call=True), rig.ua(INSIDE, call=False)
    invite = caller.request("INVITE", f"sip:4930222@{OUTSIDE.node_address}", body=caller.sdp())
    caller.send(invite)
    got = callee.expect("INVITE")
    callee.respond(got, 200, tag="far", body=callee.sdp())
    answered = caller.expect(200, "INVITE")
    caller.send(caller.in_dialog("ACK", DialogOf.as_caller(answered)))
    callee.expect("ACK")
    change(rig, f"addr del {OUTSIDE.node}/24 dev outside", f"addr add {MOVED}/24 dev outside")
    told = caller.expect("INVITE", timeout=60)
    while MOVED not in told.get("contact"):
        told = caller.expect("INVITE", timeout=60)
    assert told.source[0] == MOVED
    caller.respond(told, 200, tag=told.tag("to"), body=caller.sdp())
    caller.expect("ACK")
    callee.send(callee.in_dialog("BYE", DialogOf.as_callee(got, "far")))
    callee.expect(200, "BYE")
    bye = caller.expect("BYE")
    assert bye.source[0] == MOVED
    caller.respond(bye, 200)
