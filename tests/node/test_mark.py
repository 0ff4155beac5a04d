"""The word that a node's sessions at media engines begin with: kept where that can be done."""

from __future__ import annotations

from pathlib import Path

from sbc.supervisor.mark import session_mark


def test_the_mark_outlives_the_process(tmp_path: Path) -> None:
    assert session_mark(tmp_path / "state") == session_mark(tmp_path / "state")


def test_a_directory_that_cannot_be_used_is_left_to_the_store_to_speak_of(tmp_path: Path) -> None:
    """A mark for this process alone; what opens the store says what is wrong and what to do."""
    (tmp_path / "state").write_text("")
    assert session_mark(tmp_path / "state") != session_mark(tmp_path / "state")


def test_what_others_have_written_there_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "session-mark").write_text("*\n")
    assert session_mark(tmp_path).startswith("sbc-")
