"""Policy documents from TOML: wrong ones tell everything that is wrong, at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Document, PolicyErrors
from policies.load import load_document, parse_document, references

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.txt"))
SEPARATOR = "\n----------\n"


@pytest.mark.parametrize("case", WRONG, ids=[path.stem for path in WRONG])
def test_a_wrong_document_tells_everything_at_once(case: Path) -> None:
    text, expected = case.read_text(encoding="utf-8").split(SEPARATOR)
    with pytest.raises(PolicyErrors) as caught:
        parse_document(text, "policy.toml")
    assert "\n".join(map(str, caught.value.findings)) == expected.strip()


def test_there_are_wrong_documents() -> None:
    assert len(WRONG) >= 5


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(PolicyErrors, match="the file cannot be read: no such file or directory; check the path"):
        load_document(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b"[policy]\nname = '\xff'")
    with pytest.raises(PolicyErrors, match="byte 17 is not UTF-8"):
        load_document(path)


def test_a_document_knows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[policy]\nname = "p"\ndefault = { drop = "x" }\n')
    document = load_document(path)
    assert (document.source, document.name, document.default.drop) == (str(path), "p", "x")


def test_every_name_of_trunk_and_realm_is_known_with_its_place() -> None:
    """Those in conditions too: a misspelt one would silently never match."""
    document = parse_document(
        """
[policy]
name = "p"
default = { route = ["t0"] }
[[rule]]
name = "r"
when = '''source.trunk in ["t1", ""] || !(source.trunk != "t2") && "r1" == source.realm'''
then = { route = ["t3"] }
[[translate]]
name = "t"
direction = "ingress"
realm = "r2"
trunk = "t4"
number = { match = "1", replace = "2" }
[[header]]
realm = "r3"
trunk = "t5"
name = "X-A"
action = "pass"
[[test]]
name = "t"
given = { source = "192.0.2.1", realm = "r4", trunk = "t6", request = "INVITE sip:1@x" }
expect = { route = ["t0"] }
"""
    )
    used = references(document)
    assert [name for name, _ in used.trunks] == ["t0", "t3", "t1", "t2", "t4", "t5", "t6"]
    assert [name for name, _ in used.realms] == ["r1", "r2", "r3", "r4"]
    assert used.trunks[2][1] == ("rule", 0, "when")


@settings(max_examples=50)
@given(st.text(alphabet="[]{}=.,\"'\n abcprulewhn123#", max_size=60))
def test_any_text_is_a_document_or_policy_errors(text: str) -> None:
    try:
        assert isinstance(parse_document(text), Document)
    except PolicyErrors as errors:
        findings = errors.findings
        assert findings
