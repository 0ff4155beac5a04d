"""`make run` hands the terminal to the node: Ctrl-C ends the node and is no error of make's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "foreground.py"

# Says that it runs, waits to be interrupted, ends as it pleases, and by itself where nothing comes. The signal is
# blocked until it is waited for: a handler is not run for one that comes just before `pause`, which goes on for ever.
CHILD = """
import signal, sys
signal.alarm(120)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{name}])
print("up", flush=True)
signal.sigwait([signal.{name}])
print("stopped", flush=True)
sys.exit({status})
"""


def _makefile(folder: Path, status: int, name: str = "SIGINT") -> list[str]:
    (folder / "child.py").write_text(CHILD.format(status=status, name=name), encoding="utf-8")
    (folder / "Makefile").write_text(
        f"run:\n\t@{sys.executable} {TOOL} {sys.executable} {folder / 'child.py'}\n", encoding="utf-8"
    )
    return ["make", "-C", str(folder), "--no-print-directory", "run"]


def _on_a_terminal(command: list[str]) -> tuple[str, int]:
    """Run it as the foreground of a terminal, press Ctrl-C once it is up; what was printed, and the exit status."""
    terminal, far_end = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], stdin=far_end, stdout=far_end, stderr=far_end
    ) as process:
        os.close(far_end)
        said = b""
        try:
            while chunk := os.read(terminal, 1024):
                if b"up" in chunk:
                    os.write(terminal, b"\x03")
                said += chunk
        except OSError:  # Linux says EIO when the last process has closed the terminal
            pass
        finally:
            os.close(terminal)
        return said.decode(), process.wait()


def test_ctrl_c_ends_make_without_an_error(tmp_path: Path) -> None:
    said, status = _on_a_terminal(_makefile(tmp_path, status=0))
    assert "stopped" in said
    assert "Error" not in said
    assert "Interrupt" not in said
    assert status == 0


def test_a_failure_is_still_a_failure(tmp_path: Path) -> None:
    said, status = _on_a_terminal(_makefile(tmp_path, status=1))
    assert "Error 1" in said
    assert status == 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_are_handed_on_where_there_is_no_terminal(tmp_path: Path, name: str) -> None:
    """As from a supervisor that signals the process it started."""
    _makefile(tmp_path, status=0, name=name)
    command = [sys.executable, str(TOOL), sys.executable, str(tmp_path / "child.py")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(getattr(signal, name))
        assert process.stdout.read() == "stopped\n"
        assert process.wait() == 0
