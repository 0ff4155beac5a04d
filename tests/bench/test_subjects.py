"""What `make bench` measures is what `pip install .` gives: when that is compiled is decided by `setup.py`."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from tests.bench.installed import REPOSITORY


@pytest.mark.parametrize(
    ("said", "command", "expected"),
    [
        ("1", "bdist_wheel", True),
        ("1", "editable_wheel", True),
        ("0", "bdist_wheel", False),
        ("", "editable_wheel", False),
    ],
)
def test_what_is_compiled_is_as_told_and_an_editable_install_is_not(
    said: str, command: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled modules beside sources would hide what somebody edits."""
    monkeypatch.setenv("SBC_COMPILE", said)
    assert is_wanted(monkeypatch, command) is expected


def test_a_machine_without_a_compiler_installs_pure_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for that is not there."""
    monkeypatch.delenv("SBC_COMPILE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_wanted(monkeypatch, "bdist_wheel")


def is_wanted(monkeypatch: pytest.MonkeyPatch, command: str) -> bool:
    """What `setup.py` decides for a command of setuptools, with nothing built."""
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    found = runpy.run_path(str(REPOSITORY / "setup.py"), run_name="setup")
    monkeypatch.setattr(sys, "argv", ["setup.py", command])
    return cast(Callable[[], bool], found["wanted"])()


def test_each_hot_module_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """mypyc refuses a group with a module in it twice, and the install is pure Python without a word."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    found = runpy.run_path("setup.py", run_name="setup")["hot_modules"]()
    assert sorted(set(found)) == sorted(found)
