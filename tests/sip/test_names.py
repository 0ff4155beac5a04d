"""Header names."""

from __future__ import annotations

import pytest

from sbc.sip import canonical
from sbc.sip.names import COMPACT, SPELLINGS


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("v", "Via"),
        ("VIA", "Via"),
        ("call-id", "Call-ID"),
        ("I", "Call-ID"),
        ("cseq", "CSeq"),
        ("WWW-AUTHENTICATE", "WWW-Authenticate"),
        ("x-my-header", "X-My-Header"),
        ("X", "Session-Expires"),
        ("p-asserted-identity", "P-Asserted-Identity"),
    ],
)
def test_name_has_one_spelling(name: str, spelled: str) -> None:
    """RFC 3261 section 7.3.3; compact forms of the IANA registry."""
    assert canonical(name) == spelled
    assert canonical(spelled) == spelled


def test_compact_forms_are_read_in_either_case() -> None:
    """RFC 3261 section 7.3.1: names have no case."""
    for short, name in COMPACT.items():
        assert canonical(short) == canonical(short.upper()) == name


def test_table_of_spellings_is_bounded() -> None:
    """A peer that invents names cannot make it grow."""
    for number in range(9000):
        canonical(f"X-{number}")
    canonical("X-" + "y" * 5000)

    assert len(SPELLINGS) <= 4096
    assert max(map(len, SPELLINGS)) <= 64
    assert canonical("v") == "Via"
