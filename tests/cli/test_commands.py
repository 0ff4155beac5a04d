"""The command line: what it asks the node for, what it prints, how it exits. The node is a table of answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sbc.cli import calls, main, node, trace
from sbc.cli.app import app
from sbc.cli.client import ask as real_ask
from sbc.cli.printing import duration

STATUS: dict[str, Any] = {
    "name": "edge-1",
    "version": "0.1.0",
    "state": "running",
    "uptime": 187.0,
    "calls": 2,
    "connections": 0,
    "configuration": {"source": "node.toml", "version": 3},
    "listeners": [{"realm": "outside", "transport": "UDP", "host": "2001:db8::1", "port": 5060}],
    "events": {"dropped.malformed": 7, "calls.started": 0},
    "transport": {},
    "engine": {"counters": {}},
}
CALLS = [
    {"id": "3fa2", "state": "talking", "caller": "alice", "callee": "bob", "ingress": "outside", "egress": "inside"}
]
MESSAGE = {
    "time": 1.0,
    "call": "3fa2",
    "direction": "in",
    "transport": "UDP",
    "listener": 0,
    "peer": "192.0.2.1:5060",
    "message": "INVITE sip:a SIP/2.0\r\nSubject: \x1b[2J\r\n\r\n",
}


class Asked:
    """What the commands asked for, and what they are told."""

    def __init__(self) -> None:
        self.requests: list[tuple[object, ...]] = []
        self.answers: dict[str, dict[str, Any]] = {
            "/status": STATUS,
            "/calls": {"total": 5, "calls": CALLS},
            "/calls/{}": {"id": "3fa2", "legs": [{"side": "A"}, {"side": "B"}]},
            "/calls/{}/hangup": {"done": "hung up"},
            "/drain": {"done": "draining", "calls": 2, "deadline": 60.0},
            "/reload": {"done": "reloaded"},
        }

    def ask(self, control: Path, method: str, path: str, *parts: str, **query: object) -> dict[str, Any]:
        self.requests.append((str(control), method, path, *parts, query))
        return self.answers[path]

    def stream(self, control: Path, path: str, **query: object) -> Iterator[dict[str, Any]]:
        self.requests.append((str(control), "GET", path, query))
        yield MESSAGE


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    for module in (node, calls):
        monkeypatch.setattr(module, "ask", made.ask)
    monkeypatch.setattr(trace, "stream", made.stream)
    return made


def sbc(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_status_in_words(asked: Asked) -> None:
    status, out = sbc("status", "--control", "x.sock")
    assert status == 0
    assert asked.requests == [("x.sock", "GET", "/status", {})]
    for part in (
        "edge-1",
        "running for 3:07",
        "node.toml, version 3",
        "udp  [2001:db8::1]:5060",
        "dropped.malformed  7",
    ):
        assert part in out
    assert "calls.started" not in out


def test_reading_commands_print_json_when_asked(asked: Asked) -> None:
    assert json.loads(sbc("status", "--json")[1]) == STATUS
    assert json.loads(sbc("calls", "--json")[1])["total"] == 5
    assert json.loads(sbc("calls", "show", "3fa2", "--json")[1])["id"] == "3fa2"
    assert json.loads(sbc("trace", "3fa2", "--json")[1]) == MESSAGE


def test_calls_are_a_table_that_says_when_it_is_cut(asked: Asked) -> None:
    _, out = sbc("calls", "--limit", "1")
    assert asked.requests[0][-1] == {"limit": 1}
    assert "3fa2" in out
    assert "and 4 more" in out


def test_one_call_can_be_shown_and_ended(asked: Asked) -> None:
    assert "side  B" in sbc("calls", "show", "3fa2")[1]
    assert sbc("calls", "hangup", "3fa2") == (0, "hung up 3fa2\n")
    assert asked.requests[-1][1:4] == ("POST", "/calls/{}/hangup", "3fa2")


def test_drain_passes_its_deadline_and_says_what_is_to_come(asked: Asked) -> None:
    assert sbc("drain", "--deadline", "60") == (0, "draining: 2 calls to go, ended in 60 s at the latest\n")
    assert asked.requests[0][-1] == {"deadline": 60.0}


def test_a_trace_cannot_move_the_terminals_cursor(asked: Asked) -> None:
    _, out = sbc("trace", "3fa2")
    assert "<- UDP 192.0.2.1:5060  call 3fa2" in out
    assert "\x1b" not in out
    assert "\\x1b[2J" in out


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("trace",), ("calls", "show"), ("drain", "--deadline", "soon"), ("run", "--log-level", "loud")],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert sbc(*arguments)[0] == 2


def test_a_node_that_is_not_there_exits_with_1_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        _ask_nobody(Path("none.sock"), FileNotFoundError())
    assert ended.value.exit_code == 1
    assert "`sbc run` starts one" in capsys.readouterr().err


def _ask_nobody(path: Path, error: OSError) -> None:
    class Gone:
        def connect(self, _: str) -> None:
            raise error

        def settimeout(self, _: float) -> None:
            pass

        def close(self) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sbc.cli.client.socket.socket", lambda *_: Gone())
        real_ask(path, "GET", "/status")


def test_a_path_that_is_no_socket_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused connection is what the system says of a folder, too; a socket left behind is something else."""
    with pytest.raises(typer.Exit):
        _ask_nobody(tmp_path, ConnectionRefusedError())
    assert f"{tmp_path} is no socket; `--control PATH` names a node's" in capsys.readouterr().err


def test_an_interrupt_ends_a_command_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell says it, 130; while the verbs are still being imported as well."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sbc.cli.app.app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


@pytest.mark.parametrize(
    "command", [("run",), ("check",), ("status",), ("calls",), ("calls", "show"), ("trace",), ("drain",), ("doctor",)]
)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    status, out = sbc(*command, "--help")
    assert status == 0
    assert f"Example: sbc {' '.join(command)}" in out


def test_the_version_is_told() -> None:
    import sbc as package

    assert sbc("--version") == (0, f"sbc {package.__version__}\n")


def test_the_command_line_imports_nothing_heavy() -> None:
    """`sbc status` in a loop must not cost a daemon's import each time."""
    heavy = ("aiohttp", "pydantic", "structlog", "asyncio")
    code = f"import sys, sbc.cli.app; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.9, "4 s"), (187, "3:07"), (3765, "1:02:45"), (2 * 86400 + 3 * 3600 + 600, "2 d 03:10")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
