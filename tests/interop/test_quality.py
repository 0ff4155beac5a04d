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
_KEPT = "SELECT callee, side, audio, unheard, packets FROM cdr JOIN quality USING (call)"


@pytest.mark.parametrize("kind", ["embedded", "rtpengine"])
def test_two_way_and_one_way_calls_are_told_apart(kind: str, tmp_path: Path) -> None:
    """Issue: packets of each leg and one-way detection in `sbc calls show` and in the call's end record."""
    need("rtpengine")
    with Rig(taps=False) as rig:
        daemon = Rtpengine(tmp_path, rig.network.node) if kind == "rtpengine" else None
        rig.start(lambda state: node_file(state=state, store="sqlite", engine=daemon.ng if daemon else ""))
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
            wait_until(lambda: len(rig.node.kept(_KEPT)) == 4, 5, "the call records")
            assert {(callee, side, audio, unheard) for callee, side, audio, unheard, _ in rig.node.kept(_KEPT)} == {
                ("493020000", "caller", "two-way", ""),
                ("493020000", "callee", "two-way", ""),
                ("493020001", "caller", "one-way", "callee"),
                ("493020001", "callee", "one-way", "callee"),
            }
            packets = {(callee, side): count for callee, side, _, _, count in rig.node.kept(_KEPT)}
            assert packets.pop(("493020001", "callee")) == 0
            assert min(packets.values()) > 10
        finally:
            crowd.close()
            if daemon is not None:
                daemon.stop()
