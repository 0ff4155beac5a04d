"""kill -9 of a node with live calls, and another on its state: the calls go on, the audio never stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.promptness import expect_within
from tests.rig.rig import INSIDE, OUTSIDE, Rig

CALLS = 200
KEPT = 2.0
"""Seconds until the journal has what was answered: it is written behind, by 50 ms where nothing else is done."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig whose node keeps a journal."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(store="sqlite")
        rig.begin()
        yield rig


def is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody asked for does not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def test_all_calls_end_with_a_bye_on_both_legs_after_kill_9_and_restart(rig: Rig) -> None:
    """Issue, must show: 200 live calls, `kill -9` of the whole node and restart, all end properly on both legs."""
    callee = rig.sipp(INSIDE, "bench_uas", call=False, calls=CALLS, timeout=180, receive_timeout=120000)
    caller = rig.sipp(
        OUTSIDE,
        "bench_uac",
        call=True,
        calls=CALLS,
        rate=100,
        held=CALLS,
        timeout=180,
        receive_timeout=60000,
        values={"held": "20000"},
        options=("-s", "4930222"),
    )
    wait_until(lambda: rig.node.ask("GET", "/status")["calls"] == CALLS, 12, "all calls to be up")
    wait_until(lambda: rig.node.journalled() == CALLS, 10, "all calls to be answered, and in the journal")
    caller.process.signal(signal.SIGSTOP)  # nobody hangs up meanwhile, however long a restart takes here
    engine = rig.node.ask("GET", "/status")["media"]["embedded"]["pid"]

    rig.restart()
    status = rig.node.ask("GET", "/status")
    assert status["events"]["calls.adopted"] == CALLS
    assert status["calls"] == CALLS
    assert status["media"]["embedded"]["pid"] == engine, "the media engine was not found again"
    caller.process.signal(signal.SIGCONT)

    caller.assert_ok(200)
    callee.assert_ok(200)
    rig.assert_hidden(allowed=("alice",))  # the Contact's user is the display name too
    rig.assert_clean_end()
    wait_until(lambda: len(rig.node.records()) == CALLS, 5, "the call records")
    assert set(rig.node.records()) == {(200, "caller", "bye")}
    assert rig.node.journalled() == 0
    assert rig.node.stop() == 0
    wait_until(lambda: not is_running(engine), 5, "the media engine to end with its node")


def test_a_reinvite_crosses_after_a_restart(rig: Rig) -> None:
    """Issue, must show: re-INVITE works meanwhile."""
    talk = Talk(rig)
    near, far = talk.establish()
    expect_within(KEPT, lambda: rig.node.journalled() == 1, "the call in the journal")
    rig.restart()
    talk.far.send(talk.far.in_dialog("INVITE", far, body=talk.far.sdp(18000, version=2)))
    crossed = talk.near.expect("INVITE")
    talk.near.respond(crossed, 200, "OK", body=talk.near.sdp(version=2))
    talk.near.expect("ACK")
    talk.far.expect(200, "INVITE")
    talk.far.send(talk.far.in_dialog("ACK", far))
    near.cseq += 1
    talk.hang_up(near)
    rig.assert_hidden()
    rig.assert_clean_end()


def test_calls_without_their_media_engine_get_another(rig: Rig) -> None:
    """Both sides get a re-INVITE, and a BYE where one refuses; nobody is left in a call without audio."""
    talk = Talk(rig)
    near, _ = talk.establish()
    expect_within(KEPT, lambda: rig.node.journalled() == 1, "the call in the journal")
    (rig.node.directory / "media-engine").unlink()
    rig.restart()
    talk.near.respond(talk.near.expect("INVITE"), 200, "OK", body=talk.near.sdp())
    talk.near.expect("ACK")
    talk.far.respond(talk.far.expect("INVITE"), 200, "OK", body=talk.far.sdp(18000))
    talk.far.expect("ACK")
    wait_until(lambda: rig.node.ask("GET", "/status")["events"].get("calls.reanchored") == 1, 5, "the call to move")
    talk.hang_up(near)
    rig.assert_hidden()
    rig.node.wait_idle()
    wait_until(lambda: rig.node.records() == [(200, "caller", "bye")], 5, "the call record")
