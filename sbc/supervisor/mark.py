"""What this node's sessions at media engines are known by: random, made once, kept beside its state."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

_FILE: Final = "session-mark"
_MARK: Final = re.compile(r"sbc-[0-9a-f]{16}-")


def session_mark(state: Path) -> str:
    """The mark kept in this directory, made now where there is none; nobody else's sessions begin with it.

    Where nothing can be kept, one for this process alone: what it leaves behind is then not found by the next.
    """
    path = state / _FILE
    fresh = f"sbc-{secrets.token_hex(8)}-"
    try:
        state.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w", encoding="ascii") as file:
            file.write(fresh + "\n")
    except OSError:  # it is there already, or the directory cannot be used
        return _kept(path) or fresh
    return fresh


def _kept(path: Path) -> str:
    """What an earlier start has written; empty where nothing of ours can be read."""
    try:
        kept = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return kept if _MARK.fullmatch(kept) else ""
