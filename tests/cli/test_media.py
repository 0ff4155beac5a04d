"""`sbc media`: what it asks the node for, what it prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from sbc.cli import media
from sbc.cli.app import app

ROW = {"name": "192.0.2.1:2223", "state": "up", "weight": 3, "calls": 2, "placed": 9, "limited": 1, "failures": 0}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the node was asked."""
    questions: list[tuple[object, ...]] = []

    def ask(control: object, method: str, path: str, *names: str, **options: object) -> Any:  # noqa: ANN401
        questions.append((method, path, *names))
        return {"engines": [ROW]}

    monkeypatch.setattr(media, "ask", ask)
    return questions


def sbc(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_engines_are_listed(asked: list[tuple[object, ...]]) -> None:
    out = sbc("media", "list")
    assert out.split() == [
        "192.0.2.1:2223",
        "up",
        "weight",
        "3",
        "2",
        "calls",
        "9",
        "placed",
        "1",
        "turned",
        "away",
        "0",
        "silences",
    ]
    assert json.loads(sbc("media", "list", "--json")) == {"engines": [ROW]}
    assert asked == [("GET", "/media")] * 2


@pytest.mark.parametrize(("verb", "said"), [("drain", "draining"), ("enable", "enabled")])
def test_an_engine_is_switched(asked: list[tuple[object, ...]], verb: str, said: str) -> None:
    assert sbc("media", verb, "192.0.2.1:2223") == f"{said} 192.0.2.1:2223\n"
    assert asked == [("POST", f"/media/{{}}/{verb}", "192.0.2.1:2223")]
