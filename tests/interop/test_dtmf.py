"""Keys that one side says in INFO and the other hears as telephone events, with either engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.ends import PlainPhone
from tests.interop.test_media_secure import Conversation
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine

EVENTS = 101
RELAY = "application/dtmf-relay"
_TOLD = "127.0.0.1:8191"
_PROFILES = '[profile.says]\ndtmf = "info"\n[profile.hears]\ndtmf = "events"\n'


@pytest.fixture(scope="module", params=["embedded", "rtpengine", "embedded, two workers"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A node whose outside says keys in INFO, and whose inside takes events only."""
    need("rtpengine")
    with Rig() as rig:
        daemon = None
        if request.param == "rtpengine":
            options = (f"--dtmf-log-dest={_TOLD}",)
            daemon = Rtpengine(tmp_path_factory.mktemp("rtpengine"), rig.network.node, options=options)

        workers = 2 if request.param.endswith("workers") else 1

        def config(state: Path) -> str:
            ng = Rtpengine.ng if daemon is not None else ""
            says, hears = 'profile = "says"', 'profile = "hears"'
            text = node_file(state=state, engine=ng, extra=_PROFILES, outside=says, inside=hears, workers=workers)
            return text.replace("[media]\n", f'[media]\nkeys = "{_TOLD}"\n')

        rig.start(config)
        yield rig
        if daemon is not None:
            daemon.stop()


def with_events(text: str) -> str:
    """The same description with telephone events."""
    head, _, rest = text.partition(" RTP/AVP 8\r\n")
    return f"{head} RTP/AVP 8 {EVENTS}\r\n{rest}a=rtpmap:{EVENTS} telephone-event/8000\r\n"


def test_a_key_said_in_info_is_heard_as_an_event(rig: Rig) -> None:
    """RFC 4733 section 2.3: the event of the key, with the end marked; audio goes on, no INFO crosses."""
    call = Conversation(rig, ("plain", "plain"))
    try:
        talk = call.talk
        assert isinstance(call.far, PlainPhone)
        talk.start(with_events(call.near.offer()))
        call.said = with_events(call.far.answer(talk.invite.body.decode()))
        assert f" {EVENTS}\r\n" in talk.invite.body.decode()
        call.answer()
        assert f"rtpmap:{EVENTS} " not in call.shown, "events are not offered to who says its keys in INFO"
        call.assert_both_hear()
        rig.taps.clear()
        info = talk.near.in_dialog("INFO", call.dialog, body="Signal=7\r\nDuration=200\r\n", content_type=RELAY)
        talk.near.send(info)
        talk.near.expect(200, "INFO")

        def ends() -> list[bytes]:
            packets = [one for one in rig.taps.packets() if one.from_node and one.payload[:1] == b"\x80"]
            events = [one.payload for one in packets if one.payload[1] & 127 == EVENTS]
            return [payload for payload in events if payload[13] & 0x80]

        wait_until(lambda: bool(ends()), 5, "the end of the event")
        assert {payload[12] for payload in ends()} == {7}
        talk.far.silent("INFO")
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()


def test_an_event_is_heard_in_info(rig: Rig) -> None:
    """The callee presses, the caller, who has offered no events, is told."""
    call = Conversation(rig, ("plain", "plain"))
    try:
        talk = call.talk
        assert isinstance(call.far, PlainPhone)
        talk.start(call.near.offer())
        offered = talk.invite.body.decode()
        number = int(offered.partition(" telephone-event")[0].rpartition(":")[2])
        assert number == EVENTS
        call.said = with_events(call.far.answer(offered))
        call.answer()
        call.assert_both_hear()
        call.far.press(EVENTS, 9)
        info = talk.near.expect("INFO")
        assert info.body.startswith(b"Signal=9\r\nDuration=")
        talk.near.respond(info, 200, "OK")
        talk.near.silent("INFO")
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()
