"""What only the whole document shows: outcomes that exclude each other, names used twice."""

from __future__ import annotations

from collections.abc import Iterable

from policies.evaluate import DEFAULT_RULE
from policies.load.schema import ActionTable, DocumentFile
from policies.load.strict import Decoded

Path = tuple[str | int, ...]


def check_document(decoded: Decoded[DocumentFile], file: DocumentFile) -> None:
    """Add every finding to `decoded`."""
    _check_action(decoded, ("policy", "default"), file.policy.default)
    for index, rule in enumerate(file.rule):
        _check_action(decoded, ("rule", index, "then"), rule.then)
        if rule.name == DEFAULT_RULE:
            remedy = "that name stands for the default of the document"
            decoded.add(("rule", index, "name"), f'a rule is named "{DEFAULT_RULE}"', remedy=remedy)
    for index, header in enumerate(file.header):
        if header.realm is None and header.trunk is None:
            decoded.add(("header", index), "neither realm nor trunk", remedy="name the side that would see the header")
    _check_names(decoded, file)
    _check_tests(decoded, file)


def _check_action(decoded: Decoded[DocumentFile], path: Path, action: ActionTable) -> None:
    """One of route, reject and drop."""
    values = {"route": action.route, "reject": action.reject, "drop": action.drop}
    outcomes = [name for name, value in values.items() if value is not None]
    if len(outcomes) != 1:
        allowed = 'exactly one of route = ["trunk"], reject = 403, drop = "reason"'
        decoded.add(path, " and ".join(outcomes) if outcomes else "no outcome", allowed=allowed)
    elif action.media is not None and action.route is None:
        decoded.add(path, f"media beside {outcomes[0]}: what is not routed has no media", remedy="leave media out")
    if action.route is not None and len(set(action.route)) != len(action.route):
        remedy = "name it once: its targets are tried in their own order"
        decoded.add((*path, "route"), "a trunk is named twice", remedy=remedy)


def _check_names(decoded: Decoded[DocumentFile], file: DocumentFile) -> None:
    groups: list[tuple[str, list[str]]] = [
        ("rule", [rule.name for rule in file.rule]),
        ("translate", [table.name for table in file.translate]),
        ("test", [test.name for test in file.test]),
    ]
    for table, names in groups:
        for index in _repeated(names):
            remedy = "give it another: logs, counters and explain point at names"
            decoded.add((table, index, "name"), f'"{names[index]}" is the name of an earlier {table}', remedy=remedy)
    seen: dict[tuple[str | None, str | None, str], int] = {}
    for index, header in enumerate(file.header):
        first = seen.setdefault((header.realm, header.trunk, header.name.lower()), index)
        if first != index:
            found = f"{header.name} has an entry for this side already, header[{first + 1}]"
            decoded.add(("header", index), found, remedy="keep one of them")


def _repeated(names: Iterable[str]) -> list[int]:
    seen: set[str] = set()
    repeated: list[int] = []
    for index, name in enumerate(names):
        if name in seen:
            repeated.append(index)
        seen.add(name)
    return repeated


def _check_tests(decoded: Decoded[DocumentFile], file: DocumentFile) -> None:
    """A test that expects nothing proves nothing; one that expects a rule which does not exist can never pass."""
    names = {rule.name for rule in file.rule} | {DEFAULT_RULE}
    for index, test in enumerate(file.test):
        if not test.expect.model_fields_set:
            allowed = "rule, route, reject, drop, media, called"
            decoded.add(("test", index, "expect"), "nothing is expected", allowed=allowed)
        if test.expect.rule is not None and test.expect.rule not in names and "rule" not in decoded.lost:
            path = ("test", index, "expect", "rule")
            decoded.add(path, f'"{test.expect.rule}" is no rule of this document', allowed=", ".join(sorted(names)))
