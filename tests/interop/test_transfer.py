"""Transfers between real phones, with the node between them: who is joined hears whom, by tone.

All of it with one worker and with two; what two calls are joined from is then held by different ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.rig.baresip import Phone
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side
from tests.rig.ua import DialogOf, Message, Ua

_LEFT, _ASKER, _NEW = 440.0, 1000.0, 1800.0
_SECOND = 5092
_POLICY = """
[policy]
name = "transfers"
note = "two parties on either side, by number"
default = { reject = 403 }

[[rule]]
name = "the second party outside"
when = 'message.uri.user.prefix("497")'
then = { route = ["carrier2"] }

[[rule]]
name = "the second party inside"
when = 'message.uri.user.prefix("498")'
then = { route = ["pbx2"] }

[[rule]]
name = "from outside"
when = 'source.realm == "outside"'
then = { route = ["pbx"] }

[[rule]]
name = "from inside"
when = 'source.realm == "inside"'
then = { route = ["carrier"] }
"""
_TRUNKS = f"""
[trunk.carrier2]
realm = "outside"
targets = [{{ uri = "sip:{OUTSIDE.peers[1]}:{_SECOND}" }}]
[trunk.pbx2]
realm = "inside"
targets = [{{ uri = "sip:{INSIDE.peers[1]}:{_SECOND}" }}]
"""


def _config(state: Path, workers: int) -> str:
    policy = state.parent / "transfers.toml"
    policy.write_text(_POLICY)
    text = node_file(state=state, policies=policy, extra=_TRUNKS, workers=workers)
    return text.replace("trusted = false", 'trusted = false\nrefer = "terminate"')


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def transfers(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig whose node carries out transfers for both sides."""
    need("baresip")
    with Rig() as rig:
        rig.start(lambda state: _config(state, request.param))
        yield rig
        assert rig.node.stop() == 0, f"the node did not end cleanly\n{rig.node.log()[-3000:]}"
        rig.node.assert_sound_log()


@pytest.fixture
def rig(transfers: Rig) -> Iterator[Rig]:
    """The same, fresh for a test."""
    transfers.begin()
    yield transfers
    transfers.assert_clean_end()


def _phone(rig: Rig, side: Side, peer: int, port: int, tone: float, **more: object) -> Phone:
    media = 42000 + 200 * (peer + 2 * (side is INSIDE) + 4 * (port == 5062))
    where = rig.network.namespace_of(side.name)
    host = side.peers[peer]
    return Phone(
        rig.work(),
        where,
        host=host,
        port=port,
        frequency=tone,
        media_ports=(media, media + 100),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("source", "by_caller", "target", "number"),
    [
        (OUTSIDE, False, OUTSIDE, "4971"),
        (OUTSIDE, False, INSIDE, "4981"),
        (OUTSIDE, True, INSIDE, "4981"),
        (INSIDE, True, OUTSIDE, "4971"),
    ],
)
def test_blind_transfer_between_three_phones(
    rig: Rig, source: Side, by_caller: bool, target: Side, number: str
) -> None:
    """RFC 5589 section 6.1: baresip refers, baresip is referred, baresip is called; audio says who talks to whom."""
    destination = INSIDE if source is OUTSIDE else OUTSIDE
    new = _phone(rig, target, 1, _SECOND, _NEW, user=number)
    callee = _phone(rig, destination, 0, destination.trunk_port, _LEFT if by_caller else _ASKER, control=4555)
    dial = f"sip:phone@{source.node}:{source.node_port}"
    caller = _phone(rig, source, 0, 5062, _ASKER if by_caller else _LEFT, control=4556, dial=dial)
    asker, left = (caller, callee) if by_caller else (callee, caller)
    side = source if by_caller else destination
    try:
        asker.wait_until_hears(_LEFT, 0.5)
        left.wait_until_hears(_ASKER, 0.5)
        asker.command("transfer", f"sip:{number}@{side.node}:{side.node_port}")
        new.wait_until_hears(_LEFT, 0.5)
        left.wait_until_hears(_NEW, 0.5)
        wait_until(lambda: any(one.payload[:4] == b"BYE " for one in rig.taps.packets()), 8, "the asker's call to end")
    finally:
        for phone in (left, new, asker):
            phone.stop()
    rig.assert_hidden()


class _Lines:
    """Two dialogs of one scripted PBX, whose phone transfers."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.first: Ua = rig.ua(INSIDE, call=False)
        self.second: Ua = rig.ua(INSIDE, call=True)

    def close(self) -> None:
        """Leave the PBX's address to the next test."""
        self.first.close()
        self.second.close()

    def answer(self) -> DialogOf:
        """Take the call that comes in; back once it is up for its caller as well, whom the media engine holds up."""
        invite = self.first.expect("INVITE")
        self.first.respond(invite, 200, "OK", tag="linetag1", body=self.first.sdp(18000))
        self.first.expect("ACK")
        node = self.rig.node
        wait_until(lambda: [one["state"] for one in node.calls()] == ["talking"], 10, "the caller to acknowledge")
        return DialogOf.as_callee(invite, "linetag1")

    def consult(self, call_id: str, more: str = "") -> DialogOf:
        """Call the second party."""
        uri = f"sip:4971@{INSIDE.node_address}"
        body = self.second.sdp(18100)
        self.second.send(self.second.request("INVITE", uri, body=body, call_id=call_id, headers=more))
        answer = self.second.expect(200, "INVITE")
        dialog = DialogOf.as_caller(answer)
        self.second.send(self.second.in_dialog("ACK", dialog))
        return dialog


def _holders(rig: Rig) -> list[int]:
    """How many calls each worker has."""
    status: dict[str, Any] = rig.node.ask("GET", "/status")
    return [int(one["calls"]) for one in status.get("workers", [status])]


def _moved(rig: Rig) -> int:
    """How many calls have gone to another worker so far."""
    return int(rig.node.ask("GET", "/status")["events"].get("calls.moved", 0))


def _call_id(worker: int, workers: int) -> str:
    """A Call-ID whose call is this worker's (design 3a: its checksum)."""
    names = (f"consultation-{number}@10.20.0.10" for number in range(99))
    return next(name for name in names if (crc32(name.encode()) & 255) % workers == worker)


def _tag(value: str) -> str:
    return value.partition(";tag=")[2]


def _expect_told(ua: Ua, status: int) -> Message:
    notify = ua.expect("NOTIFY")
    assert notify.body.startswith(f"SIP/2.0 {status} ".encode()), notify.body
    assert notify.body.count(b"\r\n") == 1
    ua.respond(notify, 200, "OK")
    return notify


def test_attended_transfer_joins_two_phones(rig: Rig) -> None:
    """RFC 5589 section 7.1: the PBX talks to both phones and leaves; Replaces names its second call through us."""
    lines = _Lines(rig)
    new = _phone(rig, OUTSIDE, 1, _SECOND, _NEW, user="4971")
    left = _phone(rig, OUTSIDE, 0, 5062, _LEFT, dial=f"sip:phone@{OUTSIDE.node}:{OUTSIDE.node_port}")
    try:
        first, before = lines.answer(), _moved(rig)
        holders = _holders(rig)
        away = (holders.index(1) + 1) % len(holders)
        second = lines.consult(_call_id(away, len(holders)))
        assert len(holders) == 1 or _holders(rig) == [1, 1]
        replaces = f"{second.call_id}%3Bto-tag%3D{_tag(second.to)}%3Bfrom-tag%3D{_tag(second.from_)}"
        refer_to = f"Refer-To: <sip:4971@{INSIDE.node_address}?Replaces={replaces.replace('@', '%40')}>\r\n"
        lines.first.send(lines.first.in_dialog("REFER", first, headers=refer_to))
        lines.first.expect(202, "REFER")
        _expect_told(lines.first, 100)
        new.wait_until_hears(_LEFT, 0.5)
        left.wait_until_hears(_NEW, 0.5)
        _expect_told(lines.first, 200)
        assert _moved(rig) - before == len(holders) - 1
        lines.second.respond(lines.second.expect("BYE"), 200, "OK")
        lines.first.send(lines.first.in_dialog("BYE", first))
        lines.first.expect(200, "BYE")
    finally:
        lines.close()
        left.stop()
        new.stop()
    rig.assert_hidden()


def test_a_third_line_picks_up_the_call_of_another(rig: Rig) -> None:
    """RFC 3891 section 7.1: INVITE with Replaces, by a Call-ID that would lead to the other worker."""
    lines = _Lines(rig)
    left = _phone(rig, OUTSIDE, 0, 5062, _LEFT, dial=f"sip:phone@{OUTSIDE.node}:{OUTSIDE.node_port}")
    try:
        first = lines.answer()
        holders = _holders(rig)
        away = (holders.index(1) + 1) % len(holders)
        named = f"Replaces: {first.call_id};to-tag={_tag(first.to)};from-tag={_tag(first.from_)}\r\n"
        third = lines.consult(_call_id(away, len(holders)), named)
        lines.first.respond(lines.first.expect("BYE"), 200, "OK")
        lines.second.send(lines.second.in_dialog("BYE", third))
        lines.second.expect(200, "BYE")
        wait_until(lambda: sum(_holders(rig)) == 0, 5, "the call to end")
    finally:
        lines.close()
        left.stop()
    rig.assert_hidden()
