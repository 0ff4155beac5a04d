"""kill -TERM: calls that are up live on, new ones are sent away, and when the last is over the node ends with 0."""

from __future__ import annotations

import signal

from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.rig import OUTSIDE, Rig


def test_sigterm_drains() -> None:
    """Build item 9: SIGTERM drains."""
    need("sipp")
    with Rig() as rig:
        node = rig.start()
        rig.begin()
        talk = Talk(rig)
        near, _ = talk.establish()
        node.process.signal(signal.SIGTERM)
        wait_until(lambda: node.ask("GET", "/status")["state"] == "draining", 5, "the node to drain")
        other = rig.ua(OUTSIDE, call=True, peer=1)
        other.send(other.request("INVITE", talk.uri, body=other.sdp()))
        assert other.expect(503).get("contact") == ""
        talk.hang_up(near)
        assert node.process.wait(60) == 0
        node.assert_sound_log()
        rig.assert_hidden()
        assert not node.control.exists()
