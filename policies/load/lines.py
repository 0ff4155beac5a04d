"""Where in a TOML text a key stands: `tomllib` reads values but keeps no positions."""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]

_TABLE: Final = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


class Lines:
    """The lines of the tables and keys of one text. Keys of inline tables are found as far as their outermost key."""

    def __init__(self, text: str) -> None:
        self._lines: Final[dict[Path, int]] = {}
        self._scan(text)

    def find(self, path: Path) -> int:
        """The line, from 1, of a key or of the nearest thing around it; 0 where not even that is known."""
        while path:
            line = self._lines.get(path)
            if line is not None:
                return line
            path = path[:-1]
        return 0

    def _scan(self, text: str) -> None:
        table: Path = ()
        counts: dict[Path, int] = {}
        closing = ""
        for number, line in enumerate(text.splitlines(), 1):
            if closing:
                closing = "" if closing in line else closing
                continue
            heading = _TABLE.match(line)
            if heading is not None:
                table = self._resolve(_parts(heading[2]), counts)
                if heading[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    self._lines.setdefault(table, number)
                    table = (*table, counts[table])
                self._lines.setdefault(table, number)
                continue
            key = _KEY.match(line)
            if key is not None:
                self._lines.setdefault(table + _parts(key[1]), number)
            closing = _opens_multiline(line)

    def _resolve(self, parts: Path, counts: dict[Path, int]) -> Path:
        """A heading's path with the index of the latest element where it goes through an array of tables."""
        path: Path = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in counts:
                path = (*path, counts[path])
        return (*path, parts[-1])


def _parts(text: str) -> Path:
    return tuple([part.strip("\"'") for part in _PART.findall(text)]) or (text,)


def _opens_multiline(line: str) -> str:
    """The quotes that must close a string which this line opens, or an empty string."""
    for quotes in ('"""', "'''"):
        if line.count(quotes) % 2:
            return quotes
    return ""
