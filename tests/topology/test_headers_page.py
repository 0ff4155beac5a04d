"""The docs page about headers is what the table says."""

from __future__ import annotations

from pathlib import Path

from sbc.topology import ROWS
from sbc.topology.page import headers_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "headers.md"


def test_the_docs_page_is_current() -> None:
    """Write it again with `python -m sbc.topology.page > docs/headers.md`."""
    assert PAGE.read_text(encoding="utf-8") == headers_page()


def test_the_page_has_every_row() -> None:
    page = headers_page()
    assert [row.name for row in ROWS if f"| `{row.name}` |" not in page] == []
