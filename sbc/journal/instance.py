"""Who this node is among those that may have its name: the host, and a word that its state directory keeps."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

from sbc.journal.directory import make_state, naming

_FILE: Final = "instance"


class Instance:
    """This state directory, for as long as the process has it."""

    def __init__(self, state: Path, host: str) -> None:
        """Claims the directory: a second process on it gets OSError, and so would its lease be ours."""
        make_state(state)
        with naming(state / _FILE):
            self._descriptor: Final = os.open(state / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise OSError(f"{state}: another node runs on this state directory; --state names one of its own") from None
        word = os.pread(self._descriptor, 64, 0).decode("ascii", "replace").strip()
        if not word:
            word = secrets.token_hex(8)
            os.pwrite(self._descriptor, f"{word}\n".encode(), 0)
        self.name: Final = f"{host}/{word}"

    def close(self) -> None:
        """Let the directory go."""
        os.close(self._descriptor)
