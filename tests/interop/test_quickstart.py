"""The quickstart as the README shows it, on the very ports, in a loopback of its own: stock SIPp, both ways."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.namespaces import Namespace
from tests.rig.needs import need
from tests.rig.node import Node
from tests.rig.process import Process
from tests.rig.sipp import Sipp

_CALLS, _RATE = 2000, 100
_OPEN = 20
"""Calls at a time: a machine on which one takes long gets them more slowly, and nothing is sent twice."""


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, str]]:
    """`sbc run` without a file, alone on a 127.0.0.1 of its own."""
    need("sipp")
    with Namespace("quick") as namespace:
        node = Node(tmp_path_factory.mktemp("quickstart") / "state", namespace.name, None)
        yield node, namespace.name
        assert node.stop() == 0
        node.assert_sound_log()


def _pair(directory: Path, namespace: str, callee: int, target: int) -> tuple[Sipp, Sipp]:
    far = Sipp(directory, namespace, "uas", host="127.0.0.1", port=callee, calls=_CALLS, timeout=240)
    near = Sipp(
        directory,
        namespace,
        "uac",
        host="127.0.0.1",
        port=callee + 10000,
        target=f"127.0.0.1:{target}",
        calls=_CALLS,
        rate=_RATE,
        held=_OPEN,
        timeout=240,
    )
    return near, far


@pytest.mark.parametrize(("target", "callee"), [(5060, 5080), (5070, 5090)], ids=["from outside", "from inside"])
def test_two_thousand_stock_calls_and_none_fails(
    quickstart: tuple[Node, str], tmp_path: Path, target: int, callee: int
) -> None:
    """Contract 2.2: -sn uac to 5060 reaches -sn uas on 5080; from inside, 5070 to 5090. 100 calls a second."""
    node, namespace = quickstart
    near, far = _pair(tmp_path, namespace, callee, target)
    with near.process, far.process:
        near.assert_ok(250)
        far.assert_ok(250)
    node.wait_idle()
    node.assert_sound()


def test_the_daemon_that_listens_is_the_quickstart(quickstart: tuple[Node, str]) -> None:
    """Contract 2.2: outside on 5060, inside on 5070, a control socket of mode 0660 in the state directory."""
    node, _ = quickstart
    listeners = {
        (one["realm"], one["transport"].upper(), one["port"]) for one in node.ask("GET", "/status")["listeners"]
    }
    assert {("outside", "UDP", 5060), ("inside", "UDP", 5070)} <= listeners
    assert node.control.stat().st_mode & 0o777 == 0o660


def test_the_command_line_asks_the_running_node(quickstart: tuple[Node, str], tmp_path: Path) -> None:
    """Contract 2.4: `sbc status --json` and `sbc calls --json` exit 0 and print JSON."""
    node, namespace = quickstart
    for command in ("status", "calls"):
        argv = [sys.executable, "-m", "sbc", command, "--json", "--control", str(node.control)]
        process = Process(argv, namespace=namespace, log=tmp_path / f"{command}.out")
        assert process.wait(30) == 0, process.output()
        assert json.loads(process.output())
