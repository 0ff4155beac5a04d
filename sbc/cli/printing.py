"""How commands print: JSON where it is asked for, short lines for people where not; errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Finding = dict[str, object]
"""One thing that is wrong: `text` for people, and its parts where it has any."""


def print_json(value: object) -> None:
    """One JSON document, indented."""
    print(json.dumps(value, indent=2))


def print_table(rows: Iterable[Sequence[object]], indent: str = "") -> None:
    """Columns as wide as they need to be."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(row[column]) for row in texts if column < len(row)) for column in range(max(map(len, texts), default=0))
    ]
    for row in texts:
        print((indent + "  ".join(cell.ljust(widths[column]) for column, cell in enumerate(row))).rstrip())


def print_pairs(pairs: Iterable[tuple[str, object]], indent: str = "") -> None:
    """Names and values, aligned."""
    print_table(list(pairs), indent)


def fail(text: str, status: int = 1) -> NoReturn:
    """Say why on stderr and end the command."""
    print(f"sbc: {text}", file=sys.stderr)
    raise typer.Exit(status)


def duration(seconds: float) -> str:
    """`4 s`, `3:07`, `1:02:45`, `2 d 03:10`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24:02d}:{minutes:02d}"
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
