"""Live calls on a real Redis: it may die, the node may die, and another may go on; never two with one call."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sbc.journal import Place, Server, open_server
from tests.interop.test_races import Talk
from tests.journal.servers import check_server
from tests.kit.certificates import Authority
from tests.rig.needs import need
from tests.rig.node import Node, node_file
from tests.rig.process import wait_until
from tests.rig.promptness import expect_within
from tests.rig.redis import Redis
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.sipp import Sipp

CALLS = 30
TAKEN_OVER = 13.0
"""Seconds until another node goes on: the lease lasts ten, and who stands by looks once a second."""
KEY = "sbc:{rig}:"
SECRET = "open sesame 7"
BEHIND = 0.5
"""Seconds, many times what the journal may be behind: a call whose ACK is not kept yet does not outlive its node."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig without a node yet."""
    for peer in ("sipp", "redis-server", "rtpengine"):
        need(peer)
    with Rig() as rig:
        yield rig


@pytest.fixture
def redis(rig: Rig) -> Iterator[Redis]:
    """A server on the loopback of the node's namespace."""
    made = Redis(rig.work(), rig.network.node)
    yield made
    made.close()


@pytest.fixture
def engine(rig: Rig) -> Iterator[Rtpengine]:
    """A media engine that outlives nodes."""
    made = Rtpengine(rig.work(), rig.network.node)
    yield made
    made.stop()


def shared(state: Path, redis: Redis, **keys: Any) -> str:  # noqa: ANN401
    return node_file(state=state, store=redis.url, **keys)


def calls(rig: Rig, count: int, held: int, rate: int = 15) -> tuple[Sipp, Sipp]:
    """A callee, and a caller that holds so many calls."""
    callee = rig.sipp(INSIDE, "bench_uas", call=False, calls=count, timeout=120, receive_timeout=60000)
    caller = rig.sipp(
        OUTSIDE,
        "bench_uac",
        call=True,
        calls=count,
        rate=rate,
        held=count,
        timeout=120,
        receive_timeout=20000,
        values={"held": str(held)},
        options=("-s", "4930222"),
    )
    return callee, caller


def status(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = node.ask("GET", "/status")
    return found


def wait_kept(redis: Redis, count: int) -> None:
    """Until the server has so many live calls, and what the last of them may have had to say since."""
    wait_until(lambda: redis.ask("HLEN", f"{KEY}calls") == str(count), 15, f"{count} calls on the server")
    time.sleep(BEHIND)


def wait_adopted(node: Node) -> None:
    """Until every worker has its calls."""
    wait_until(lambda: status(node).get("events", {}).get("calls.adopted") == CALLS, 20, "all calls to be adopted")


@pytest.mark.parametrize("cluster", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_real_server_does_what_is_demanded_of_one(tmp_path: Path, cluster: bool) -> None:
    """As the one in memory, which unit tests count on."""
    need("redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # The second port of a cluster is the first and 10000.
    redis = Redis(tmp_path, port=port if not cluster else 20000 + port % 10000, cluster=cluster)
    try:
        if cluster:
            assert redis.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK"
            wait_until(lambda: "cluster_state:ok" in redis.ask("CLUSTER", "INFO"), 10, "the cluster")

        def make(me: str) -> Server:
            return open_server(Place(redis.url), "rig", me)

        check_server(make, lambda: redis.ask("DEL", f"{KEY}lease"))
        for key in ("calls", "aside", "owner", "slots"):
            assert redis.ask("EXISTS", KEY + key) == "0" or int(redis.ask("TTL", KEY + key)) > 3000, key
        assert int(redis.ask("PTTL", f"{KEY}lease")) <= 10_000
    finally:
        redis.close()


@pytest.fixture
def guarded(rig: Rig) -> Iterator[Redis]:
    """A server that speaks TLS alone and wants a password, with what a node needs beside it."""
    authority = Authority(rig.work())
    where = rig.work()
    own = authority.issue("redis", addresses=("127.0.0.1",))
    made = Redis(where, rig.network.node, password=SECRET, tls=own, ca=authority.ca)
    (where / "password").write_text(SECRET + "\n")
    (where / "password").chmod(0o600)
    shutil.copy(authority.ca, where / "ca.pem")
    made.files = where
    yield made
    made.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_with_tls_and_a_password_is_as_good(rig: Rig, guarded: Redis, workers: int) -> None:
    """`rediss://`, `state.password_file` and `state.ca`: the calls are on the server, the password is in no log."""
    node = rig.start(lambda state: behind_lock(state, guarded, workers=workers))
    rig.begin()
    talk = Talk(rig)
    near, _ = talk.establish()
    wait_until(lambda: guarded.ask("HLEN", f"{KEY}calls") == "1", 15, "the call on the server")
    assert status(node)["journal"]["shared"]["state"] == "up"
    talk.hang_up(near)
    wait_until(lambda: guarded.ask("HLEN", f"{KEY}calls") == "0", 15, "the call to be gone")
    assert SECRET not in node.log()
    assert node.stop() == 0


@pytest.mark.parametrize(
    ("key", "text", "why"), [("password_file", "wrong", "invalid username-password"), ("ca", "", "certificate verify")]
)
def test_a_server_that_does_not_take_us_or_is_not_to_be_believed_is_away(
    rig: Rig, guarded: Redis, key: str, text: str, why: str
) -> None:
    """The log says why, and the node serves without it; the password is shown to nobody whom the authority has not."""
    other = Authority(rig.work(), "Other CA")
    path = rig.work() / key
    path.write_text(text or Path(other.ca).read_text())
    path.chmod(0o600)
    node = rig.start(lambda state: behind_lock(state, guarded, **{key: path}))
    node.expect_logged("starting without it", why)
    assert status(node)["journal"]["shared"]["state"] == "away"
    assert SECRET not in node.log()
    assert node.stop() == 0


def behind_lock(
    state: Path,
    redis: Redis,
    password_file: Path | None = None,
    ca: Path | None = None,
    **keys: Any,  # noqa: ANN401
) -> str:
    files = f'password_file = "{password_file or redis.files / "password"}"\nca = "{ca or redis.files / "ca.pem"}"\n'
    return shared(state, redis, **keys).replace("[state]\n", f"[state]\n{files}")


@pytest.mark.long
def test_calls_go_on_without_the_server_which_is_told_of_them_when_it_is_back(rig: Rig, redis: Redis) -> None:
    """`kill -9` of the server, with everything in it, and another in its place."""
    node = rig.start(lambda state: shared(state, redis, workers=2, timers={"t1": 2, "t2": 8}))
    rig.begin()
    callee, caller = calls(rig, CALLS, held=15000)
    wait_until(lambda: status(node)["calls"] >= CALLS // 2, 20, "half of the calls")
    redis.kill()
    wait_until(lambda: status(node)["calls"] == CALLS, 20, "the others, without the server")
    found = status(node)["journal"]
    assert found["shared"]["state"] == "away"
    assert found["shared"]["missed"] > 0
    assert found["shared"]["waiting"] == found["lost"] == 0
    redis.start()
    wait_kept(redis, CALLS)
    assert status(node)["journal"]["shared"]["state"] == "up"
    caller.assert_ok(60)
    callee.assert_ok(60)
    wait_kept(redis, 0)
    node.expect_logged("the shared store is back")
    assert [node.log().count(said) for said in ("the shared store is away", "the shared store is back")] == [1, 1]
    wait_until(lambda: node.records() == [(200, "caller", "bye")] * CALLS, 5, "the call records")
    assert node.stop() == 0
    assert redis.ask("EXISTS", f"{KEY}lease") == "0", "the next node need not wait"


def test_a_node_that_is_killed_goes_on_with_its_calls(rig: Rig, redis: Redis) -> None:
    """`kill -9` of the node and restart; its lease of before is no hindrance."""
    node = rig.start(lambda state: shared(state, redis, workers=2, timers={"t1": 2, "t2": 8}))
    rig.begin()
    callee, caller = calls(rig, CALLS, held=15000)
    wait_until(lambda: status(node)["calls"] == CALLS, 20, "all calls to be up")
    wait_kept(redis, CALLS)
    node = rig.restart()
    wait_adopted(node)
    caller.assert_ok(60)
    callee.assert_ok(60)
    wait_kept(redis, 0)
    wait_until(lambda: node.records() == [(200, "caller", "bye")] * CALLS, 5, "the call records")
    assert node.stop() == 0


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_another_node_goes_on_with_the_calls_of_a_dead_one(
    rig: Rig, redis: Redis, engine: Rtpengine, workers: int
) -> None:
    """Design 6: a node that dies is adopted by another, once its lease has ended; nothing but the server is shared."""

    def config(state: Path) -> str:
        return shared(state, redis, workers=workers, engine=engine.ng, timers={"t1": 4, "t2": 8})

    first = rig.start(config)
    rig.begin()
    callee, caller = calls(rig, CALLS, held=25000)
    second = rig.stand_by(config)
    wait_until(lambda: "standing by" in second.log(), 20, "the second node to wait")
    wait_until(lambda: status(first)["calls"] == CALLS, 20, "all calls to be up")
    wait_kept(redis, CALLS)
    waits = status(second)
    assert (waits["state"], waits["listeners"]) == ("standby", [])
    assert "which runs" in waits["journal"]["waiting_for"]
    assert "stands by" in second.ask("GET", "/calls")["error"]
    first.process.signal(signal.SIGKILL)
    expect_within(TAKEN_OVER, lambda: "taking over" in second.log(), "to take over from a dead node")
    first.process.wait(30)
    second.await_ready()
    wait_adopted(second)
    caller.assert_ok(90)
    callee.assert_ok(90)
    rig.assert_hidden(allowed=("alice",))
    wait_kept(redis, 0)
    wait_until(lambda: second.records() == [(200, "caller", "bye")] * CALLS, 5, "the call records")
    assert status(second)["events"].get("dropped.stray-response", 0) == 0
    assert second.stop() == 0


@pytest.mark.long
def test_a_call_whose_media_engine_is_elsewhere_gets_another_one(rig: Rig, redis: Redis) -> None:
    """It goes on as one whose engine is lost: by re-INVITE on both legs, with an engine of the second node's."""
    first = rig.start(lambda state: shared(state, redis))
    rig.begin()
    talk = Talk(rig)
    near, _ = talk.establish()
    wait_kept(redis, 1)
    second = rig.stand_by(lambda state: shared(state, redis))
    first.process.signal(signal.SIGKILL)
    first.process.wait(30)
    second.await_ready()
    wait_until(lambda: reinvited(talk) == {"near", "far"}, 30, "both peers to be told of the other engine")
    assert '"call left"' not in second.log()
    talk.hang_up(near)
    wait_kept(redis, 0)
    wait_until(lambda: second.records() == [(200, "caller", "bye")], 5, "the call records")
    assert second.stop() == 0


def reinvited(talk: Talk) -> set[str]:
    """Whoever was sent a re-INVITE by now, each of which is answered."""
    found = set()
    for name, ua in (("near", talk.near), ("far", talk.far)):
        while (message := ua.receive(0.05)) is not None:
            if message.method == "INVITE" and ";tag=" in message.get("to"):
                ua.respond(message, 200, "OK", body=ua.sdp(version=2))
        if any(one.method == "ACK" and one.get("cseq") != "1 ACK" for one in ua.heard):
            found.add(name)
    return found


@pytest.mark.long
def test_a_call_that_fits_nowhere_is_left_to_whom_it_fits(rig: Rig, redis: Redis) -> None:
    """It is said, and the node that it was made on goes on with it when its turn comes again."""
    first = rig.start(lambda state: shared(state, redis))
    rig.begin()
    talk = Talk(rig)
    near, _ = talk.establish()
    wait_kept(redis, 1)
    second = rig.stand_by(lambda state: shared(state, redis, media="bypass"))
    first.process.signal(signal.SIGKILL)
    first.process.wait(30)
    second.await_ready()
    second.expect_logged('"call left"', "media engine embedded is not here")
    assert status(second)["calls"] == 0
    wait_until(lambda: redis.ask("HLEN", f"{KEY}aside") == "1", 5, "the call to be set aside")
    assert second.stop() == 0
    again = Node(first.directory, rig.network.node, (first.directory / "node.toml").read_text())
    rig.nodes.append(again)
    assert status(again)["events"]["calls.adopted"] == 1
    talk.hang_up(near)
    wait_kept(redis, 0)
    assert again.stop() == 0


def test_a_node_that_finds_another_with_its_name_ends(rig: Rig, redis: Redis) -> None:
    """It slept, or could not reach the server, while its lease ended: its calls are the other's now."""
    node = rig.start(lambda state: shared(state, redis, workers=2))
    redis.ask("SET", f"{KEY}lease", "99 elsewhere/1234")
    assert node.process.wait(60) == 1
    assert "another node has taken over" in node.log()
    assert redis.ask("GET", f"{KEY}lease") == "99 elsewhere/1234"
