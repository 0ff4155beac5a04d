"""kill -TERM: calls that are up live on, new ones are sent away, and when the last is over the node ends with 0,
whoever dies meanwhile.
"""

from __future__ import annotations

import os
import signal

from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.node import Node
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


def test_a_worker_that_is_killed_while_the_node_drains_has_a_successor_that_drains() -> None:
    """What it took over goes on, new calls are sent away, and the node still ends with its last call."""
    need("sipp")
    with Rig() as rig:
        node = rig.start_with(store="sqlite", workers=2)
        rig.begin()
        talk = Talk(rig)
        near, _ = talk.establish()
        node.process.signal(signal.SIGTERM)
        wait_until(lambda: node.ask("GET", "/status")["state"] == "draining", 5, "the node to drain")
        for worker in (0, 1):
            victim = int(node.ask("GET", "/status")["workers"][worker]["pid"])
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda at=worker, gone=victim: is_replaced(node, at, gone), 60, "the next one")  # type: ignore[misc]
        assert node.ask("GET", "/status")["calls"] == 1
        other = rig.ua(OUTSIDE, call=True, peer=1)
        for number in range(8):  # whichever worker it is for
            other.send(other.request("INVITE", talk.uri, call_id=f"late-{number}@{other.host}", body=other.sdp()))
            while (answer := other.expect(503)).get("call-id") != f"late-{number}@{other.host}":
                pass
            assert answer.get("contact") == ""
        talk.far.silent("INVITE")
        talk.hang_up(near)
        assert node.process.wait(60) == 0
        rig.assert_hidden()


def is_replaced(node: Node, worker: int, victim: int) -> bool:
    """Whether another process is this worker, and drains."""
    workers = node.ask("GET", "/status").get("workers", [])
    return len(workers) == 2 and workers[worker]["pid"] != victim and workers[worker]["state"] == "draining"
