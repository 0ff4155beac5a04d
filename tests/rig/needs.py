"""What this machine can prove: root for namespaces, and peers. Nothing is skipped silently."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def corpora() -> Path:
    """The folder of test material beside the repository."""
    return Path(__file__).resolve().parents[3] / "shared" / "corpora"


def lacking(*programs: str) -> str:
    """Why a test that needs these cannot run here, or an empty string."""
    if os.geteuid() != 0:
        return "namespaces need root"
    missing = [program for program in ("ip", *programs) if not shutil.which(program)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def need(*programs: str) -> None:
    """Skip the test, saying what stays unproven, if this machine lacks root or a program."""
    if reason := lacking(*programs):
        pytest.skip(f"not proven here: {reason}")


def need_corpus(name: str) -> Path:
    """A folder of the corpora, or skip."""
    folder = corpora() / name
    if not folder.is_dir():
        pytest.skip(f"not proven here: no corpora beside the repository ({name})")
    return folder
