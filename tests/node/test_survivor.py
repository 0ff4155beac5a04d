"""The media engine of an earlier node: noted in the state directory, and taken only if it is really that one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sbc.supervisor.survivor import Survivor, forget, note, noted


def test_what_is_noted_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    assert noted(tmp_path) == (0, 0)
    note(tmp_path, 4711, 40001)
    note(tmp_path, 4712, 40002)
    assert noted(tmp_path) == (4712, 40002)
    forget(tmp_path)
    forget(tmp_path)
    assert noted(tmp_path) == (0, 0)


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "media-engine").write_bytes(b"\xff gone")
    assert noted(tmp_path) == (0, 0)


def test_a_process_that_runs_something_else_is_not_taken() -> None:
    """Process ids come again: the number alone says nothing."""
    assert Survivor.find(os.getpid(), ["python", "-m", "rtpengine"]) is None
    assert Survivor.find(2**22, ["python"]) is None


def test_an_engine_that_another_interpreter_has_started_is_taken() -> None:
    """An upgrade may be to another one, and the engine goes on as it is."""
    words = Path("/proc/self/cmdline").read_text().split("\0")[:-1]

    async def find() -> None:
        found = Survivor.find(os.getpid(), ["elsewhere/python", *words[1:]])
        assert found is not None
        assert found.pid == os.getpid()
        found._end()

    asyncio.run(find())
