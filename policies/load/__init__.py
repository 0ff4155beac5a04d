"""Policy documents from TOML files: checked whole, every finding at once.

In: a path, or a text. Out: a `Document` whose conditions and patterns are compiled, or `PolicyErrors`. The strict
decoder underneath is public too, since the node file is read by the same rules (`sbc.config.load`).

Not for: names of trunks and realms, which only the node file knows (`references` says which are used), and not for
running the document's tests (`policies.run_tests`).
"""

from policies.load.document import References, load_document, locate, parse_document, references
from policies.load.strict import (
    NOT_YET,
    Decoded,
    Table,
    decode,
    key_text,
    read_text,
    refuse,
    refuse_all,
    refuse_later,
    shown,
)

__all__ = [
    "NOT_YET",
    "Decoded",
    "References",
    "Table",
    "decode",
    "key_text",
    "load_document",
    "locate",
    "parse_document",
    "read_text",
    "references",
    "refuse",
    "refuse_all",
    "refuse_later",
    "shown",
]
