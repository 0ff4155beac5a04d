"""Audio under numbers of the engine's, on the wires of both sides."""

from __future__ import annotations

import time
from pathlib import Path

from tests.rig.crowd import Crowd
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import Rig


def own_streams(state: Path) -> str:
    """The rig's node file with that wish."""
    return node_file(state=state).replace("[media]\n", '[media]\nstreams = "own"\n')


def test_neither_side_sees_an_ssrc_of_the_other_and_both_hear_each_other() -> None:
    """Issue: nothing leaks beside the SDP, SSRC and timestamps among it; after another re-INVITE as before."""
    need()
    with Rig() as rig:
        rig.start(own_streams)
        rig.begin()
        crowd = Crowd(rig, 3)
        try:
            crowd.establish()
            rig.taps.clear()
            for number in sorted(crowd.dialogs):
                phone = crowd.callers[number]
                crowd.near.send(crowd.near.in_dialog("INVITE", crowd.dialogs[number], body=phone.sdp()))
            again = time.monotonic() + 0.5
            wait_until(lambda: all(phone.hears(again) for phone in crowd.phones), 15, "all phones to hear")
            assert not any(phone.wrong for phone in crowd.phones)
            packets = [one for one in rig.taps.packets() if one.payload[:2] == b"\x80\x08" and len(one.payload) > 100]
            said = {one.payload[8:12] for one in packets if not one.from_node}
            shown = {one.payload[8:12] for one in packets if one.from_node}
            assert len(said) == 3, "phones on both sides have the number of their call"
            assert len(shown) == 6
            assert said.isdisjoint(shown)
            crowd.hang_up()
            rig.node.wait_idle()
        finally:
            crowd.close()
