"""The code points that packets bear on the wire: signalling and media, each realm its own (RFC 2474, RFC 4594)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.crowd import Crowd
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine

CS3, AF31, AF41, VA = 24, 26, 34, 44


def marks(rig: Rig) -> dict[tuple[str, bool], set[int]]:
    """The code points of UDP over IPv4 that the node has sent, by realm and whether it was SIP."""
    found: dict[tuple[str, bool], set[int]] = {}
    for frame in rig.taps.frames():
        data = frame.data
        if not frame.from_node or data[12:14] != b"\x08\x00" or data[23] != 17:
            continue
        start = 14 + (data[14] & 15) * 4
        ports = int.from_bytes(data[start : start + 2], "big"), int.from_bytes(data[start + 2 : start + 4], "big")
        is_sip = ports[0] in (5060, 5070)
        found.setdefault((frame.realm, is_sip), set()).add(data[15] >> 2)
    return found


@pytest.mark.parametrize("kind", ["embedded", "rtpengine"])
def test_signalling_and_media_bear_the_code_points_of_their_realm(kind: str, tmp_path: Path) -> None:
    """Issue: DSCP marking for signalling and media per realm. The daemon has one value for both sides of a call."""
    need("rtpengine")
    is_daemon = kind == "rtpengine"
    inside_rtp = AF41 if is_daemon else VA
    with Rig() as rig:
        daemon = Rtpengine(tmp_path, rig.network.node) if is_daemon else None
        rig.start(
            lambda state: node_file(
                state=state,
                engine=daemon.ng if daemon is not None else "",
                outside='dscp = { sip = "cs3", rtp = "af41" }\n',
                inside=f'dscp = {{ sip = "af31", rtp = {inside_rtp} }}\n',
            )
        )
        rig.begin()
        crowd = Crowd(rig, 1)
        try:
            crowd.establish()
            crowd.hang_up()
            rig.node.wait_idle()
        finally:
            crowd.close()
            if daemon is not None:
                daemon.stop()
        assert marks(rig) == {
            ("outside", True): {CS3},
            ("outside", False): {AF41},
            ("inside", True): {AF31},
            ("inside", False): {inside_rtp},
        }
