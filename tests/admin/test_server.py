"""The control socket as `curl --unix-socket` sees it, with a scripted node behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import stat
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sbc.admin import ControlError, ControlServer, Json, Recorder, open_control_socket
from sbc.wire import Flow

pytestmark = pytest.mark.interop

FLOW = Flow(0, "UDP", "192.0.2.1", 5060)


class FakeNode:
    """One live call, `c1`."""

    server: ControlServer

    def __init__(self) -> None:
        self.recorder: Recorder = deque(maxlen=100)
        self.commands: list[object] = []
        self.findings: list[Json] = []

    def status(self) -> Json:
        return {"name": "test"}

    @property
    def active_calls(self) -> int:
        return 2

    def calls(self, most: int) -> list[Json]:
        rows: list[Json] = [{"id": "c1"}, {"id": "c2"}]
        return rows[:most]

    async def quality(self, call: str) -> Json | None:
        return {"audio": "two-way"}

    def call(self, call: str) -> Json | None:
        return {"id": "c1"} if call == "c1" else None

    def hangup(self, call: str) -> bool:
        self.commands.append(("hangup", call))
        return call == "c1"

    def media_engines(self) -> list[Json]:
        return [{"name": "192.0.2.1:2223"}]

    def switch_media(self, engine: str, is_enabled: bool) -> bool:
        self.commands.append(("media", engine, is_enabled))
        return engine == "192.0.2.1:2223"

    def trunks(self) -> list[Json]:
        return [{"name": "carrier"}]

    def trunk(self, trunk: str) -> Json | None:
        return {"name": "carrier"} if trunk == "carrier" else None

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool) -> bool:
        self.commands.append(("switch", trunk, target, is_enabled))
        return trunk == "carrier"

    def probe_trunk(self, trunk: str, target: str) -> bool:
        self.commands.append(("probe", trunk, target))
        return trunk == "carrier"

    def drain(self, deadline: float | None) -> Json:
        self.commands.append(("drain", deadline))
        return {"calls": 0}

    async def reload(self) -> list[Json]:
        return self.findings


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[tuple[FakeNode, aiohttp.ClientSession]]:
    node = FakeNode()
    node.server = server = ControlServer(node, path)
    await server.open()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            yield node, session
    finally:
        await server.close()


async def ends(response: aiohttp.ClientResponse) -> None:
    assert await response.content.readline() == b""


async def ask(session: aiohttp.ClientSession, method: str, path: str) -> tuple[int, Json]:
    async with session.request(method, f"http://node{path}") as response:
        return response.status, await response.json()


@pytest.mark.parametrize("path", ["/upgrade", "/workers/0/drain"])
def test_a_node_of_one_process_says_what_to_do_instead_of_relieving_it(tmp_path: Path, path: str) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "control.sock") as (node, session):
            status, body = await ask(session, "POST", path)
            assert status == 409
            for word in ("`sbc drain`", "`workers = 2` in [node]", "`--workers 2`"):
                assert word in str(body["error"])
            assert node.commands == []

    asyncio.run(scenario())


def test_operations_reach_the_node_and_its_answers_come_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "control.sock") as (node, session):
            assert await ask(session, "GET", "/status") == (200, {"name": "test"})
            assert await ask(session, "GET", "/calls?limit=1") == (200, {"total": 2, "calls": [{"id": "c1"}]})
            assert await ask(session, "GET", "/calls/c1") == (200, {"id": "c1", "quality": {"audio": "two-way"}})
            assert (await ask(session, "POST", "/calls/c1/hangup"))[0] == 200
            assert (await ask(session, "POST", "/drain?deadline=2.5"))[1] == {"done": "draining", "calls": 0}
            assert await ask(session, "POST", "/reload") == (200, {"done": "reloaded"})
            assert await ask(session, "GET", "/trunks") == (200, {"trunks": [{"name": "carrier"}]})
            assert await ask(session, "GET", "/trunks/carrier") == (200, {"name": "carrier"})
            target = "target=sip:192.0.2.1"
            for verb, done in (("enable", "enabled"), ("disable", "disabled"), ("probe", "asked")):
                status, body = await ask(session, "POST", f"/trunks/carrier/{verb}?{target}")
                assert (status, body) == (200, {"done": done, "trunk": "carrier", "target": "sip:192.0.2.1"})
            assert node.commands[-3:] == [
                ("switch", "carrier", "sip:192.0.2.1", True),
                ("switch", "carrier", "sip:192.0.2.1", False),
                ("probe", "carrier", "sip:192.0.2.1"),
            ]
            del node.commands[-3:]
            assert node.commands == [("hangup", "c1"), ("drain", 2.5)]
            assert "/trace" in (await ask(session, "GET", "/openapi.json"))[1]["paths"]  # type: ignore[operator]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/calls/none", 404),
        ("POST", "/calls/none/hangup", 404),
        ("POST", "/drain?deadline=soon", 400),
        ("POST", "/drain?deadline=-1", 400),
        ("POST", "/drain?deadline=nan", 400),
        ("GET", "/calls?limit=many", 400),
        ("GET", "/trace", 400),
        ("GET", "/trunks/none", 404),
        ("POST", "/trunks/none/enable", 404),
        ("POST", "/trunks/none/disable", 404),
        ("POST", "/trunks/none/probe", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/drain", 405),
    ],
)
def test_what_is_refused_says_why_in_json(tmp_path: Path, method: str, path: str, status: int) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "control.sock") as (_, session):
            found, body = await ask(session, method, path)
            assert found == status
            assert body["error"]

    asyncio.run(scenario())


def test_a_configuration_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "control.sock") as (node, session):
            node.findings = [{"text": "one"}, {"text": "two"}]
            status, body = await ask(session, "POST", "/reload")
            assert status == 422
            assert body["findings"] == node.findings

    asyncio.run(scenario())


def test_a_trace_that_follows_sends_what_comes_and_ends_with_the_node(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "control.sock") as (node, session):
            node.recorder.append((1.0, "c1", "in", FLOW, b"INVITE"))
            response = await session.get("http://node/trace?call=c1&follow=1")
            assert json.loads(await response.content.readline())["message"] == "INVITE"
            node.recorder.append((2.0, "c1", "out", FLOW, b"100"))
            assert json.loads(await response.content.readline())["message"] == "100"
            await asyncio.gather(node.server.close(), ends(response))

    asyncio.run(scenario())


def test_curl_can_ask(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")

    async def scenario() -> None:
        path = tmp_path / "control.sock"
        async with served(path):
            process = await asyncio.create_subprocess_exec(
                curl, "-s", "--unix-socket", str(path), "http://node/status", stdout=asyncio.subprocess.PIPE
            )
            out, _ = await process.communicate()
            assert json.loads(out) == {"name": "test"}

    asyncio.run(scenario())


def test_the_socket_is_for_owner_and_group_and_gone_at_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "deeper" / "control.sock"
        async with served(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert not path.exists()

    asyncio.run(scenario())


def test_a_socket_that_a_dead_node_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with open_control_socket(path), socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(str(path)) == 0


def test_a_live_node_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with open_control_socket(path), pytest.raises(ControlError, match="another node is running on it"):
        open_control_socket(path)
    assert path.exists()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with pytest.raises(ControlError, match="no socket is in the way"):
        open_control_socket(path)
    assert path.read_text() == "mine"


def test_a_path_too_long_for_the_kernel_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="longer than 107 bytes"):
        open_control_socket(tmp_path / ("x" * 100) / "control.sock")
