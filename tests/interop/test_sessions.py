"""Sessions at the media engine after calls of every ending, and calls after the end of their sessions."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bench.sessions import ENDINGS, engine_of, run
from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine


@pytest.mark.parametrize("kind", ["embedded", "rtpengine"])
def test_no_session_is_left_after_calls_of_every_ending(kind: str) -> None:
    """Issue, must show: BYE, CANCEL, failure, crash. `python -m tests.bench.sessions` makes ten thousand."""
    need("rtpengine")
    with Rig(taps=False) as rig, engine_of(rig, kind) as engine:
        driver, left = run(rig, engine, 10 * len(ENDINGS), 1)
        assert left == 0
        assert driver.odd == {}
        assert driver.ended["node killed"] > 0


@pytest.mark.parametrize("workers", [1, 2])
def test_call_ends_when_its_engine_tells_of_a_media_timeout(workers: int, tmp_path: Path) -> None:
    """rtpengine's `--b2b-url`: nobody has sent a packet for three seconds. The worker that has the call hears."""
    need("rtpengine")
    options = ("--timeout=3", "--b2b-url=http://127.0.0.1:8190/", "--xmlrpc-format=1")
    with Rig(taps=False) as rig:
        daemon = Rtpengine(tmp_path, rig.network.node, options=options)
        try:
            rig.start(
                lambda state: node_file(state=state, engine=daemon.ng, workers=workers).replace(
                    "[media]\n", '[media]\nsweep = 0\ntimeouts = "127.0.0.1:8190"\n'
                )
            )
            talk = Talk(rig)
            began = time.monotonic()
            talk.establish()
            for ua in (talk.near, talk.far):
                ua.respond(ua.expect("BYE", timeout=60), 200, "OK")
            assert time.monotonic() - began > 2
            rig.assert_clean_end()
            rig.node.expect_logged('"cause": "media timeout"')
            assert rig.node.ask("GET", "/status")["engine"]["media"]["timeouts"] == 1
        finally:
            daemon.stop()


def test_call_ends_when_a_sweep_finds_its_session_gone(tmp_path: Path) -> None:
    """Nobody told."""
    need("rtpengine")
    with Rig(taps=False) as rig:
        daemon = Rtpengine(tmp_path, rig.network.node, options=("--timeout=3",))
        try:
            rig.start(
                lambda state: node_file(state=state, engine=daemon.ng).replace("[media]\n", "[media]\nsweep = 2\n")
            )
            talk = Talk(rig)
            talk.establish()
            for ua in (talk.near, talk.far):
                ua.respond(ua.expect("BYE", timeout=60), 200, "OK")
            rig.assert_clean_end()
            rig.node.expect_logged('"cause": "media timeout"')
        finally:
            daemon.stop()
