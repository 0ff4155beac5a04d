"""Peers behind NATs, peers that claim to be, calls that turn round, and requests too large for a datagram."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.namespaces import entered
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.promptness import Lateness
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side
from tests.rig.sipp import render
from tests.rig.ua import DialogOf, Message, Ua

BEHIND = "192.168.44.2:5060"
"""What a phone behind a NAT believes itself to be."""
HAIRPIN = """[policy]
name = "hairpin"
note = "calls between the PBX's own numbers come back to it"
default = { reject = 403 }
[[rule]]
name = "inside to inside"
when = 'source.realm == "inside"'
then = { route = ["pbx"] }
"""


class Natted(Ua):
    """A user agent that writes a private address of its own, and speaks from another."""

    behind = BEHIND

    def send(self, data: bytes | str, to: tuple[str, int] | None = None) -> None:
        text = data if isinstance(data, str) else data.decode()
        super().send(text.replace(self.address, self.behind), to)


def natted(rig: Rig, side: Side, *, peer: int, port: int, behind: str = BEHIND) -> Natted:
    ua = Natted(rig.network.namespace_of(side.name), side.peers[peer], port, (side.node, side.node_port))
    ua.behind = behind
    return ua


@pytest.fixture
def ends(rig: Rig) -> Iterator[list[Ua]]:
    """User agents that are closed behind the test."""
    made: list[Ua] = []
    yield made
    for ua in made:
        ua.close()


def talk(caller: Ua, callee: Ua, uri: str) -> tuple[DialogOf, DialogOf, Message]:
    """A call up and acknowledged: the dialog as each end sees it, and the ACK that the callee got."""
    caller.send(caller.request("INVITE", uri, body=caller.sdp()))
    invite = callee.expect("INVITE")
    callee.respond(invite, 200, "OK", tag="fartag", body=callee.sdp(18000))
    answer = caller.expect(200, "INVITE")
    near = DialogOf.as_caller(answer)
    caller.send(caller.in_dialog("ACK", near))
    return near, DialogOf.as_callee(invite, "fartag"), callee.expect("ACK")


def outward() -> str:
    return f"sip:4930222@{OUTSIDE.node_address}"


def test_phone_behind_a_nat_is_rung_off(rig: Rig, ends: list[Ua]) -> None:
    """Its Contact is private; re-INVITE and BYE of the other side reach it where it is seen (ADR 8)."""
    phone = natted(rig, OUTSIDE, peer=1, port=16500)
    pbx = rig.ua(INSIDE, call=False)
    ends += [phone, pbx]
    _, far, _ = talk(phone, pbx, outward())
    pbx.send(pbx.in_dialog("INVITE", far, body=pbx.sdp(18000, version=2)))
    again = phone.expect("INVITE")
    assert BEHIND in again.uri
    phone.respond(again, 200, "OK", body=phone.sdp(version=2))
    pbx.expect(200, "INVITE")
    pbx.send(pbx.in_dialog("ACK", far))
    phone.expect("ACK")
    pbx.send(pbx.in_dialog("BYE", far))
    phone.respond(phone.expect("BYE"), 200, "OK")
    pbx.expect(200, "BYE")
    rig.assert_hidden()


def test_gateway_behind_a_nat_has_its_ack_and_its_bye(rig: Rig, ends: list[Ua]) -> None:
    """As callee: the ACK to its 2xx is the first request that its Contact would send astray."""
    gateway = natted(rig, OUTSIDE, peer=0, port=OUTSIDE.trunk_port)
    pbx = rig.ua(INSIDE, call=True)
    ends += [gateway, pbx]
    near, _, ack = talk(pbx, gateway, f"sip:4930333@{INSIDE.node_address}")
    assert BEHIND in ack.uri
    pbx.send(pbx.in_dialog("BYE", near))
    gateway.respond(gateway.expect("BYE"), 200, "OK")
    pbx.expect(200, "BYE")
    rig.assert_hidden()


def test_sipp_behind_a_nat_hears_the_bye(rig: Rig) -> None:
    """Four calls of a peer that keeps RFC 3261's state machines, hung up by the callee."""
    callee = rig.sipp(INSIDE, "uas_bye", call=False, calls=4)
    work = rig.work()
    path = render("uac_bye_wait", work, {"side": "outside"})
    text = path.read_text()
    claimed = text.replace("contact@[local_ip]:[local_port]", f"contact@{BEHIND}")
    assert claimed != text
    path.write_text(claimed)
    caller = rig.sipp(OUTSIDE, path, call=True, peer=1, calls=4, options=("-s", "4930222"))
    caller.assert_ok()
    callee.assert_ok()
    rig.assert_hidden()


def test_contact_on_the_inside_sends_nothing_there(rig: Rig, ends: list[Ua]) -> None:
    """A stranger names an inner host and port: nothing of ours arrives there, in no part of the call."""
    victim = rig.ua(INSIDE, call=True, peer=1, port=16600)
    scanner = natted(rig, OUTSIDE, peer=1, port=16501, behind=f"{victim.host}:{victim.port}")
    pbx = rig.ua(INSIDE, call=False)
    ends += [victim, scanner, pbx]
    _, far, _ = talk(scanner, pbx, outward())
    pbx.send(pbx.in_dialog("BYE", far))
    pbx.expect(200, "BYE")
    scanner.respond(scanner.expect("BYE"), 200, "OK")
    assert victim.receive(0.3) is None


@pytest.mark.parametrize("method", ["BYE", "INVITE"])
def test_third_address_with_the_tags_of_a_call_is_nobody(rig: Rig, ends: list[Ua], method: str) -> None:
    """Tags, Call-ID and a higher CSeq, from another host of the realm: 481, and the call goes on."""
    caller = rig.ua(OUTSIDE, call=True, peer=1)
    thief = rig.ua(OUTSIDE, call=True, peer=2)
    pbx = rig.ua(INSIDE, call=False)
    ends += [caller, thief, pbx]
    near, _, _ = talk(caller, pbx, outward())
    stolen = DialogOf(near.from_, near.to, near.call_id, near.target, near.cseq + 50)
    thief.send(thief.in_dialog(method, stolen, body=thief.sdp(version=9) if method == "INVITE" else ""))
    thief.expect(481, method)
    pbx.silent(method)
    assert rig.node.ask("GET", "/status")["engine"]["counters"]["dialog.wrong-source"] >= 1
    caller.send(caller.in_dialog("BYE", near))
    caller.expect(200, "BYE")
    pbx.respond(pbx.expect("BYE"), 200, "OK")
    rig.assert_hidden()


def test_phone_whose_nat_gives_it_another_port_goes_on(rig: Rig, ends: list[Ua]) -> None:
    """Same host, new port: its requests are taken, and ours go there from then on (RFC 3581)."""
    phone = natted(rig, OUTSIDE, peer=1, port=16502)
    again = natted(rig, OUTSIDE, peer=1, port=16503)
    pbx = rig.ua(INSIDE, call=False)
    ends += [phone, again, pbx]
    near, far, _ = talk(phone, pbx, outward())
    again.send(again.in_dialog("INFO", near))
    pbx.respond(pbx.expect("INFO"), 200, "OK")
    again.expect(200, "INFO")
    pbx.send(pbx.in_dialog("BYE", far))
    again.respond(again.expect("BYE"), 200, "OK")
    pbx.expect(200, "BYE")


def test_refusal_to_a_stranger_is_one_packet(rig: Rig, ends: list[Ua]) -> None:
    """Its source may be forged: Timer G would make eleven of it."""
    stranger = rig.ua(OUTSIDE, call=True, peer=1)
    ends.append(stranger)
    stranger.send(stranger.request("INVITE", outward(), body=stranger.sdp(), headers="Require: frobnicate\r\n"))
    stranger.expect(420)
    assert stranger.receive(1.8) is None, "Timer G would have repeated it twice"


@pytest.fixture(scope="module")
def own() -> Iterator[Rig]:
    """A rig for nodes with files of their own."""
    need("sipp")
    with Rig() as rig:
        yield rig


def test_call_from_the_pbx_to_the_pbx_has_two_legs_in_one_realm(own: Rig) -> None:
    """Hairpin: the same realm and the same trunk on both sides, each leg with a dialog of its own."""
    policy = own.work() / "hairpin.toml"
    policy.write_text(HAIRPIN)
    own.begin()
    own.start_with(policies=policy)
    callee = own.sipp(INSIDE, "uas_call", call=False, calls=3)
    own.sipp(INSIDE, "uac_call", call=True, calls=3, options=("-s", "4930222")).assert_ok()
    callee.assert_ok()
    own.assert_clean_end()
    assert own.node.stop() == 0


def _with_tcp(state: Path) -> str:
    text = node_file(state=state, media="bypass")
    listen = f'listen = ["udp:{INSIDE.node}:5070", '
    assert listen in text
    return text.replace(listen, f'listen = ["udp:{INSIDE.node}:5070", "tcp:{INSIDE.node}:5070", ')


def test_large_invite_comes_by_tcp_where_somebody_listens_and_by_udp_else(own: Rig) -> None:
    """RFC 3261 section 18.1.1: the kernel's reset is noticed, and the call loses no time."""
    own.begin()
    own.start(_with_tcp)
    caller = own.ua(OUTSIDE, call=True, peer=1)
    pbx = own.ua(INSIDE, call=False)
    large = caller.sdp() + "".join(f"a=rtpmap:{number} opus/48000/2\r\n" for number in range(96, 127)) * 2
    with Lateness() as machine:
        began = time.monotonic()
        caller.send(caller.request("INVITE", outward(), body=large))
        invite = pbx.expect("INVITE")
        took = time.monotonic() - began
    assert len(invite.data) > 1300
    assert invite.get("via").startswith("SIP/2.0/UDP ")
    machine.check(took, 3, "another way where a connection is refused, which is known at once,")
    pbx.respond(invite, 486, "Busy Here")
    pbx.expect("ACK")
    caller.expect(486)
    caller.close()
    pbx.close()
    assert own.node.stop() == 0

    own.start(_with_tcp)
    caller = own.ua(OUTSIDE, call=True, peer=1)
    with entered(own.network.namespace_of("inside")):
        server = socket.create_server((INSIDE.peers[0], INSIDE.trunk_port))
    server.settimeout(30)
    caller.send(caller.request("INVITE", outward(), body=large))
    connection, source = server.accept()
    connection.settimeout(30)
    heard = Message(connection.recv(65535), source[:2])
    assert heard.method == "INVITE"
    assert heard.get("via").startswith(f"SIP/2.0/TCP {INSIDE.node}:5070")
    assert "transport=tcp" not in heard.get("contact")
    connection.close()
    server.close()
    caller.close()
    own.node.process.stop(3)


def test_phone_in_a_call_gets_line_ends(own: Rig) -> None:
    """At least as often as the realm says, from the socket that its NAT knows."""
    own.begin()
    own.start(
        lambda state: node_file(state=state).replace(
            "trusted = false", 'trusted = false\nnat = { keep_alive = "crlf", every = 5 }'
        )
    )
    phone = natted(own, OUTSIDE, peer=1, port=16504)
    pbx = own.ua(INSIDE, call=False)
    near, _, _ = talk(phone, pbx, outward())
    phone._socket.settimeout(30)
    while (heard := phone._socket.recvfrom(9000))[0].startswith(b"SIP/2.0 "):
        pass  # copies of the answer, where the ACK was late
    data, source = heard
    assert data == b"\r\n\r\n"
    assert source[:2] == (OUTSIDE.node, OUTSIDE.node_port)
    phone.send(phone.in_dialog("BYE", near))
    phone.expect(200, "BYE")
    pbx.respond(pbx.expect("BYE"), 200, "OK")
    phone.close()
    pbx.close()
    own.assert_clean_end()
    assert own.node.stop() == 0
