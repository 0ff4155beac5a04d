"""`sbc trunk`: what it asks the node for, what it prints, how it exits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sbc.cli import trunks
from tests.cli.test_commands import sbc


def target(host: str, state: str = "up", last: str = "answered in 12 ms", **more: object) -> dict[str, Any]:
    return {
        "uri": f"sip:{host}",
        "priority": 1,
        "weight": 60,
        "state": state,
        "since": time.time() - 187,
        "share": 1.0,
        "reason": "",
        "calls": 3,
        "refused": 0,
        "limits": {},
        "probe": {"is_due": False, "last": last, "every": 30.0},
    } | more


class Asked:
    """The node as a table of answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[object, ...]] = []
        self.targets = [
            target("198.51.100.10", share=0.4),
            target("198.51.100.11", "down", "no answer to a probe", reason="no answer to a probe"),
        ]

    def ask(self, control: Path, method: str, path: str, *parts: str, **query: object) -> dict[str, Any]:
        self.requests.append((method, path, *parts, query))
        row = {
            "name": "carrier",
            "realm": "outside",
            "state": "degraded",
            "calls": 12,
            "refused": 7,
            "limits": {"calls": 500, "calls_per_second": 50, "duration": 7200},
            "targets": self.targets,
        }
        return {"trunks": [row]} if path == "/trunks" else row


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(trunks, "ask", made.ask)
    return made


def test_the_list_says_state_load_and_why(asked: Asked) -> None:
    status, out = sbc("trunk", "list")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == ("carrier  degraded, realm outside, 12 of 500 calls, 50/s at most, 2:00:00 at most, 7 refused")
    assert lines[1].split("  ")[1:] == [
        "sip:198.51.100.10",
        "priority 1, weight 60",
        "up (40%)",
        "for 3:07",
        "3 calls",
        "probe: answered in 12 ms",
    ]
    assert "down" in lines[2]
    assert "no answer to a probe" in lines[2]


def test_the_list_in_json_is_the_node_s_own(asked: Asked) -> None:
    assert json.loads(sbc("trunk", "list", "--json")[1])["trunks"][0]["name"] == "carrier"


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_a_trunk_or_one_target_is_switched(asked: Asked, verb: str) -> None:
    assert sbc("trunk", verb, "carrier") == (0, f"{verb}d carrier\n")
    assert sbc("trunk", verb, "carrier", "--target", "sip:198.51.100.10") == (0, f"{verb}d sip:198.51.100.10\n")
    path = f"/trunks/{{}}/{verb}"
    assert asked.requests == [
        ("POST", path, "carrier", {"target": None}),
        ("POST", path, "carrier", {"target": "sip:198.51.100.10"}),
    ]


def test_a_probe_waits_for_the_outcome_and_its_exit_status_tells_it(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        asked.targets[0]["probe"] = {"is_due": False, "last": "answered in 9 ms", "every": 30.0}

    monkeypatch.setattr(time, "sleep", wait)
    asked.targets[0]["probe"] = {"is_due": True, "last": "", "every": 30.0}
    status, out = sbc("trunk", "probe", "carrier", "--target", "sip:198.51.100.10")
    assert (status, out, len(waits)) == (0, "sip:198.51.100.10  up  answered in 9 ms\n", 1)
    status, out = sbc("trunk", "probe", "carrier")
    assert status == 1
    assert "1 of 2 did not answer" in out
    assert len(json.loads(sbc("trunk", "probe", "carrier", "--json")[1].partition("sbc:")[0])["targets"]) == 2


@pytest.mark.parametrize("verb", ["list", "enable", "disable", "probe"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    status, out = sbc("trunk", verb, "--help")
    assert status == 0
    assert f"Example: sbc trunk {verb}" in out


@pytest.mark.parametrize(
    "arguments", [("trunk", "enable"), ("trunk", "paint", "carrier"), ("trunk", "list", "--target")]
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert sbc(*arguments)[0] == 2
