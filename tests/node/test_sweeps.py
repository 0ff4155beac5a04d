"""What an engine's notice of a media timeout names, and the mark by which a node knows its sessions."""

from __future__ import annotations

from pathlib import Path

from sbc.supervisor.mark import session_mark
from sbc.supervisor.sweeps import sessions_in

SESSION = "sbc-0123456789abcdef-00" + "1" * 20


def test_session_is_found_in_each_format() -> None:
    """`--xmlrpc-format` 0, 1 and 2 put it in different places; format 0 has a tag in its place and names none."""
    call = f"<param><value><string>{SESSION}</string></value></param>"
    assert sessions_in(f"<methodName>teardown</methodName><params>{call}</params>".encode()) == [SESSION]
    assert sessions_in(f"<methodName>dlg.terminate_dlg</methodName>{call}{call}".encode()) == [SESSION]
    assert sessions_in(b"<methodName>di</methodName><string>00aa</string>") == []
    assert sessions_in(b"\xff\x00<<<") == []


def test_mark_is_made_once_for_a_state_directory(tmp_path: Path) -> None:
    """Two nodes never share one, a restart does not change it."""
    first = session_mark(tmp_path / "a")
    assert session_mark(tmp_path / "a") == first
    assert session_mark(tmp_path / "b") != first
    assert SESSION.startswith("sbc-")
    assert len(first) == len("sbc-0123456789abcdef-")


def test_damaged_mark_is_not_used(tmp_path: Path) -> None:
    """An empty one would make everybody's sessions ours."""
    (tmp_path / "session-mark").write_text("\n")
    assert session_mark(tmp_path).startswith("sbc-")
