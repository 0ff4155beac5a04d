"""The node under test: its file written, started in its namespace, asked over its control socket, judged by its log."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.rig.namespaces import INSIDE_NODE, INSIDE_NODE6, OUTSIDE_NODE, OUTSIDE_NODE6
from tests.rig.process import Process, udp_sockets, wait_until

PBX_PORT, CARRIER_PORT = 5080, 5090
QUICKSTART = Path(__file__).resolve().parents[2] / "policies" / "library" / "quickstart.toml"
OUTSIDE_DOMAIN, INSIDE_DOMAIN = "edge.example.net", "core.example.com"
_TROUBLE = re.compile(
    r"Traceback|^\w*(?:Error|Exception)\b|\"level\": ?\"(?:error|critical)\"|\[(?:error|critical)", re.MULTILINE
)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("node", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


def ask(control: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """One request to a control socket; its JSON."""
    connection = _UnixConnection(control)
    try:
        connection.request(
            method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse().read()
    finally:
        connection.close()
    return json.loads(answer) if answer else None


def node_file(
    *,
    state: Path,
    six: bool = False,
    audit: str = "strip",
    hide: tuple[str, ...] = (),
    media: str = "anchor",
    timers: dict[str, float] | None = None,
    policies: Path = QUICKSTART,
    engine: str = "",
    pbx: tuple[str, ...] = (),
    carrier: tuple[str, ...] = (),
    named_interfaces: bool = True,
    store: str = "memory",
    workers: int = 1,
    sheds: bool = False,
    node: str = "",
    outside: str = "",
    inside: str = "",
    extra: str = "",
) -> str:
    """A node file for the rig's addresses (design 2.3). `six` puts the trunks on IPv6; `pbx`, `carrier` name other
    targets; `node`, `outside` and `inside` are more keys of the node and of those realms; `engine` is one or more media
    engines, with blanks between them, by UDP but where `http:` stands before them.

    Unless it `sheds`, no call is turned away for delay: how busy the machine is, is not what a test is about.
    """
    pbx = pbx or (f"[fd20::10]:{PBX_PORT}" if six else f"10.20.0.10:{PBX_PORT}",)
    carrier = carrier or (f"[2001:db8:1::10]:{CARRIER_PORT}" if six else f"198.51.100.10:{CARRIER_PORT}",)
    named = [one if one.startswith("http:") else f"udp:{one}" for one in engine.split()]
    engines = "".join(f'{{ ng = "{one}", weight = 1 }}, ' for one in named)
    engines = f"engines = [{engines}]\n" if engine else ""
    interfaces = '[media.interfaces]\noutside = "outside"\ninside = "inside"\n' if named_interfaces else ""
    lines = "".join(f"{name} = {value:g}\n" for name, value in (timers or {}).items())
    limits = "" if sheds else "[node.limits]\ndelay = 0"
    return f"""[node]
name = "rig"
workers = {workers}
policies = "{policies}"
drain_deadline = 20
{node}
[node.timers]
{lines}
{limits}
[realm.outside]
listen = ["udp:{OUTSIDE_NODE}:5060", "udp:[{OUTSIDE_NODE6}]:5060"]
domain = "{OUTSIDE_DOMAIN}"
trusted = false
{outside}
[realm.inside]
listen = ["udp:{INSIDE_NODE}:5070", "udp:[{INSIDE_NODE6}]:5070"]
domain = "{INSIDE_DOMAIN}"
trusted = true
{inside}
[trunk.pbx]
realm = "inside"
targets = [{_targets(pbx)}]
[trunk.carrier]
realm = "outside"
targets = [{_targets(carrier)}]
[media]
mode = "{media}"
{engines}ports = "30000-31999"
{interfaces}[audit]
mode = "{audit}"
hide = {json.dumps(list(hide))}
[state]
store = "{store}"
[control]
socket = "{state / "control.sock"}"
{extra}"""


def _targets(hosts: tuple[str, ...]) -> str:
    return ", ".join(f'{{ uri = "sip:{host}", priority = {at}, weight = 1 }}' for at, host in enumerate(hosts, 1))


class Node:
    """`sbc run` in a namespace. `config` None means the packaged quickstart."""

    def __init__(
        self, directory: Path, namespace: str, config: str | None, *, waits: bool = True, without: Sequence[str] = ()
    ) -> None:
        """`without` are capabilities that it is not to have, as `setpriv` spells them."""
        self.directory = directory
        self.has_daemon = config is not None and "engines = [" in config
        """Its media run through rtpengine's daemon."""
        directory.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "sbc", "run", "--state", str(directory)]
        if config is not None:
            (directory / "node.toml").write_text(config)
            argv += ["--config", str(directory / "node.toml")]
        self.control = directory / "control.sock"
        self._judged = 0
        if without:
            dropped = ",".join([f"-{name}" for name in without])
            argv = ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped, "--", *argv]
        self.process = Process(argv, namespace=namespace, log=directory / "node.log")
        if waits:
            self.await_ready()

    def await_ready(self) -> None:
        """Until it serves; one that does not is killed."""
        try:
            wait_until(lambda: not self.process.running or self.is_ready(), 60, "the node's control socket")
            assert self.process.running, f"the node ended with {self.process.returncode}\n{self.log()[-4000:]}"
        except BaseException:
            self.process.kill()
            raise

    def is_ready(self) -> bool:
        """Whether the control socket answers and every UDP listener that it names and that is up is bound."""
        try:
            listeners = self.ask("GET", "/status").get("listeners")
            return bool(listeners) and all(
                udp_sockets(self.process.pid, one["host"], one["port"])
                for one in listeners
                if one["transport"].upper() == "UDP" and one.get("state") != "down"
            )
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        """One request to the control socket; its JSON."""
        return ask(self.control, method, path, body)

    def calls(self) -> list[Any]:
        """The calls it holds."""
        answer = self.ask("GET", "/calls")
        return list(answer["calls"] if isinstance(answer, dict) else answer)

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Wait until it holds no call."""
        wait_until(lambda: not self.calls(), timeout, "the node's last call to end")

    def kept(self, query: str) -> list[Any]:
        """What its journal answers to a query: of a node that has ended, too."""
        with contextlib.closing(sqlite3.connect(f"file:{self.directory / 'sbc.sqlite'}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def records(self) -> list[tuple[int, str, str]]:
        """Status, who released and cause of each call that has ended; they are written behind."""
        return self.kept("SELECT status, released_by, cause FROM cdr")

    def journalled(self) -> int:
        """Calls in its journal."""
        return int(self.kept("SELECT count(*) FROM live")[0][0])

    def log(self) -> str:
        """All it logged."""
        return self.process.output()

    def expect_logged(self, *words: str) -> None:
        """Wait until it has logged each of these: lines are written behind."""
        wait_until(lambda: all(one in self.log() for one in words), 5, f"{' and '.join(words)} in the node's log")

    def trouble(self, *, leaks: bool = True, without: str = "") -> str:
        """What the log holds of exceptions and errors since the last question, with what surrounds it.

        `leaks` False leaves out what the audit reported: a fuzzer makes a peer say anybody's address. `without` leaves
        out lines that hold these words.
        """
        text = self.log()[self._judged :]
        self._judged += len(text)
        if without:
            text = "\n".join(line for line in text.splitlines() if without not in line)
        if not leaks:
            text = "\n".join(line for line in text.splitlines() if '"event": "leak"' not in line)
        match = _TROUBLE.search(text)
        return text[max(0, match.start() - 300) : match.end() + 2500] if match else ""

    def assert_sound(self) -> None:
        """It runs, and has logged no exception since the last question."""
        assert self.process.running, f"the node ended with {self.process.returncode}\n{self.log()[-4000:]}"
        self.assert_sound_log()

    def assert_sound_log(self) -> None:
        """It has logged no exception since the last question, whether it still runs or not."""
        trouble = self.trouble()
        assert not trouble, f"the node's log:\n{trouble}"

    def stop(self, timeout: float = 60.0) -> int:
        """End it as an operator would (two SIGTERMs: drain, then now); its exit code."""
        if self.process.running:
            self.process.signal(signal.SIGTERM)
            try:
                return self.process.wait(3)
            except AssertionError:
                self.process.signal(signal.SIGTERM)
                try:
                    return self.process.wait(timeout)
                except AssertionError:
                    self.process.kill()
        return int(self.process.returncode or 0)
