"""What the journal's tests put into its file, and how they read it back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sbc.outputs import CallEnded


def ended(call: str, caller: str = "alice") -> CallEnded:
    """The record of a call that bob answered."""
    return CallEnded(call, 1.0, 2.0, 3.0, "outside", "inside", "pbx", caller, "bob", 200, "caller", "", "rule")


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """The answer of the file to a query, read past the store."""
    database = sqlite3.connect(path)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
