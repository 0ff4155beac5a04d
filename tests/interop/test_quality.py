"""Who heard whom, as the node tells it: of a live call, and at its end, with either engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.rig.crowd import Crowd
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine

TALK = 4.0


@pytest.mark.parametrize("kind", ["embedded", "rtpengine"])
def test_two_way_and_one_way_calls_are_told_apart(kind: str, tmp_path: Path) -> None:
    """Issue: packets of each leg and one-way detection in `sbc calls show` and in the call's end record."""
    need("rtpengine")
    with Rig(taps=False) as rig:
        daemon = Rtpengine(tmp_path, rig.network.node) if kind == "rtpengine" else None
        rig.start(lambda state: node_file(state=state, engine=daemon.ng if daemon is not None else ""))
        crowd = Crowd(rig, 2)
        crowd.callees[1].is_mute = True
        try:
            crowd.establish(all_hear=False)
            time.sleep(TALK)
            shown: dict[str, Any] = {}
            for row in rig.node.calls():
                shown[row["callee"]] = rig.node.ask("GET", f"/calls/{row['id']}")["quality"]
            assert shown["493020000"]["audio"] == "two-way"
            assert shown["493020000"]["caller"]["packets"] > 10
            assert shown["493020000"]["callee"]["packets"] > 10
            assert (shown["493020001"]["audio"], shown["493020001"]["unheard"]) == ("one-way", "callee")
            crowd.hang_up()
            rig.node.wait_idle()
            wait_until(lambda: rig.node.log().count('"call quality"') == 2, 5, "the end records")
            counters = rig.node.ask("GET", "/status")["events"]
            assert (counters["audio.two-way"], counters["audio.one-way"]) == (1, 1)
        finally:
            crowd.close()
            if daemon is not None:
                daemon.stop()
