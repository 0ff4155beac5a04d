"""`sbc check`: all findings and 1, or the effective configuration and 0."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from sbc.cli.app import app


def test_the_quickstart_is_printed_and_fine() -> None:
    result = CliRunner().invoke(app, ["check", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert found["ok"] is True
    assert found["configuration"]["realm"]["outside"]["listen"] == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
    words = CliRunner().invoke(app, ["check"])
    assert words.exit_code == 0
    assert "listen = udp:127.0.0.1:5060" in words.output
    assert "allow = \n" in words.output  # a list without members, as every other


def test_every_error_is_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('[node]\nname = 7\nnonsense = 1\n[audit]\nmode = "maybe"\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["check", "--config", str(path), "--json"])
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["ok"] is False
    assert {"node.nonsense", "audit.mode"} <= {finding.get("key") for finding in found["findings"]}
    words = CliRunner().invoke(app, ["check", "--config", str(path)])
    assert words.exit_code == 1
    assert words.output.endswith(f"{len(found['findings'])} error(s)\n")


def test_a_file_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "none.toml" in result.output
