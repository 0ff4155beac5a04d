"""From the decoded tables to the document, with the checks that look at more than one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policies.errors import Finding, PolicyErrors
from policies.facts import number_of
from policies.load.checks import check_document
from policies.load.lines import Lines
from policies.load.schema import ActionTable, DocumentFile, HeaderTable, NumberTable, TestTable, TranslateTable
from policies.load.strict import Decoded, decode, key_text, read_text
from policies.model import Action, Document, HeaderRule, Rule, Translation, Trial
from policies.patterns import compile_pattern
from policies.syntax import And, Compare, Fact, Literal, Method, Node, Not, Or, Within

_REPLACEMENT: Final = re.compile(r"(?:[0-9+*#]|\\[1-9])*")


@dataclass(frozen=True, slots=True)
class References:
    """The names a document takes from the node file: (name, path of the key) pairs."""

    trunks: tuple[tuple[str, tuple[str | int, ...]], ...]
    realms: tuple[tuple[str, tuple[str | int, ...]], ...]


def load_document(path: str | Path) -> Document:
    """The document in a file; raises PolicyErrors with everything that is wrong in it."""
    file = Path(path)
    text, findings = read_text(file)
    if findings:
        raise PolicyErrors(findings)
    return parse_document(text, str(path))


def parse_document(text: str, source: str = "") -> Document:
    """The document in a text; `source` is the name that findings bear."""
    decoded = decode(text, source, DocumentFile)
    if decoded.value is None:
        raise PolicyErrors(decoded.findings)
    check_document(decoded, decoded.value)
    translations = [_translation(decoded, index, table) for index, table in enumerate(decoded.value.translate)]
    if decoded.findings:
        raise PolicyErrors(decoded.findings)
    file = decoded.value
    return Document(
        name=file.policy.name,
        default=_action(file.policy.default),
        rules=tuple([Rule(rule.name, rule.when, _action(rule.then), rule.note) for rule in file.rule]),
        headers=tuple([_header(table) for table in file.header]),
        translations=tuple([translation for translation in translations if translation is not None]),
        tests=tuple([_trial(table) for table in file.test]),
        note=file.policy.note,
        source=source,
        text=text,
    )


def locate(document: Document, path: tuple[str | int, ...]) -> Finding:
    """An empty finding at a key of the document, with its line."""
    lines = Lines(document.text).find(path)
    return Finding("", key=key_text(path), file=document.source, line=lines)


def references(document: Document) -> References:
    """Every trunk and realm that the document names, in conditions too: a misspelt one would silently never match."""
    trunks: list[tuple[str, tuple[str | int, ...]]] = []
    realms: list[tuple[str, tuple[str | int, ...]]] = []
    trunks += [(name, ("policy", "default", "route")) for name in document.default.route]
    for index, rule in enumerate(document.rules):
        trunks += [(name, ("rule", index, "then", "route")) for name in rule.then.route]
        trunks += [(name, ("rule", index, "when")) for name in compared(rule.when.syntax, "source.trunk") if name]
        realms += [(name, ("rule", index, "when")) for name in compared(rule.when.syntax, "source.realm")]
    for index, translation in enumerate(document.translations):
        trunks += [(translation.trunk, ("translate", index, "trunk"))] if translation.trunk else []
        realms += [(translation.realm, ("translate", index, "realm"))] if translation.realm else []
    for index, header in enumerate(document.headers):
        trunks += [(header.trunk, ("header", index, "trunk"))] if header.trunk else []
        realms += [(header.realm, ("header", index, "realm"))] if header.realm else []
    for index, trial in enumerate(document.tests):
        trunks += [(trial.trunk, ("test", index, "given", "trunk"))] if trial.trunk else []
        realms.append((trial.realm, ("test", index, "given", "realm")))
    return References(tuple(trunks), tuple(realms))


def compared(node: Node, path: str) -> list[str]:
    """The strings that a fact is compared with, by `==`, `!=` or `in`."""
    match node:
        case Compare(_, Fact(name), Literal(str(value))) | Compare(_, Literal(str(value)), Fact(name)) if name == path:
            return [value]
        case Within(Fact(name), items) if name == path:
            return [item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)]
        case Not(operand):
            return compared(operand, path)
        case And(operands) | Or(operands):
            return [value for operand in operands for value in compared(operand, path)]
        case Compare(_, left, right):
            return compared(left, path) + compared(right, path)
        case Literal() | Fact() | Method() | Within():
            return []


def _action(table: ActionTable) -> Action:
    return Action(tuple(table.route or ()), table.reject or 0, table.drop or "", table.media or "")


def _header(table: HeaderTable) -> HeaderRule:
    return HeaderRule(table.realm or "", table.trunk or "", table.name, table.action)


def _trial(table: TestTable) -> Trial:
    given, expect = table.given, table.expect
    wanted: list[tuple[str, str | int | tuple[str, ...]]] = []
    for field in ("rule", "route", "reject", "drop", "media", "called"):
        value = getattr(expect, field)
        if value is not None:
            wanted.append((field, tuple(value) if isinstance(value, list) else value))
    address, port = given.source
    return Trial(
        table.name, given.realm, given.trunk, address, port, given.transport, given.request, given.at, tuple(wanted)
    )


def _translation(decoded: Decoded[DocumentFile], index: int, table: TranslateTable) -> Translation | None:
    change = _change(decoded, ("translate", index, "number"), table.number)
    if change is None:
        return None
    matches, changed = change
    return Translation(
        table.name,
        table.direction,
        table.realm or "",
        table.trunk or "",
        table.number.match,
        table.number.replace,
        matches,
        changed,
    )


def _change(
    decoded: Decoded[DocumentFile], path: tuple[str | int, ...], table: NumberTable
) -> tuple[Callable[[str], bool], Callable[[str], str]] | None:
    """The two closures of a translation: whether it matches, and the number it makes."""
    try:
        pattern = compile_pattern(table.match)
    except PolicyErrors as errors:
        for finding in errors.findings:
            decoded.add((*path, "match"), finding.found, allowed=finding.allowed, remedy=finding.remedy)
        return None
    highest = max([int(digit) for digit in re.findall(r"\\([1-9])", table.replace)], default=0)
    if not _REPLACEMENT.fullmatch(table.replace):
        allowed = "digits, +, *, # and \\1 to \\9 for the groups of match"
        decoded.add((*path, "replace"), f'"{table.replace}"', allowed=allowed)
        return None
    if highest > pattern.groups:
        decoded.add((*path, "replace"), f"\\{highest}, but match has {pattern.groups} groups", remedy="add a group ( )")
        return None

    def change(number: str) -> str:
        found = pattern.search(number)
        if found is None:
            return number
        changed = number[: found.start()] + found.expand(table.replace) + number[found.end() :]
        return changed if changed and number_of(changed) == changed else number

    return lambda number: pattern.search(number) is not None, change
