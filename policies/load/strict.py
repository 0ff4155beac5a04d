"""Strict decoding: a TOML file and a pydantic model to a value, or to every finding at once in words for people."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from policies.errors import Finding, suggest
from policies.load.lines import Lines

NOT_YET: Final = "not supported yet by this version"

_TYPES: Final[dict[str, str]] = {
    "string_type": "a string in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS: Final[dict[str, tuple[str, str]]] = {
    "greater_than_equal": ("at least {}", "ge"),
    "less_than_equal": ("at most {}", "le"),
    "too_short": ("at least {} entry", "min_length"),
    "too_long": ("at most {} entries", "max_length"),
    "string_too_short": ("at least {} character", "min_length"),
    "string_too_long": ("at most {} characters", "max_length"),
}


class Table(BaseModel):
    """A TOML table in which unknown keys and wrong types are errors: `"5060"` is no number, 1 is not true."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    later: ClassVar[Mapping[str, str]] = {}
    """Keys that are part of the design and not performed yet, with what to do without them."""


_T = TypeVar("_T", bound=Table)


class Decoded(Generic[_T]):
    """The outcome of reading a file: `findings` says what is wrong with its shape.

    `value` is what is left without the keys that are wrong, so that further checks find what else there is; None where
    too little is left. With findings it must not be used for anything but checking.
    """

    def __init__(
        self,
        file: str,
        value: _T | None,
        findings: list[Finding],
        lines: Lines,
        incomplete: frozenset[tuple[str | int, ...]] = frozenset(),
        lost: frozenset[str] = frozenset(),
    ) -> None:
        self.file: Final = file
        self.value: Final = value
        self.findings: Final = findings
        self.lines: Final = lines
        self.lost: Final = lost
        """Top-level keys that had to be left out of `value` whole: nothing can be said about names in them."""
        self._incomplete: Final = incomplete

    def add(self, path: tuple[str | int, ...], found: str, *, allowed: str = "", remedy: str = "") -> None:
        """One more finding, made by a check that looks at several keys.

        Nothing is said about a table that lost a wrong key: what is missing there is not the writer's fault.
        """
        if path in self._incomplete:
            return
        finding = Finding(found, allowed=allowed, remedy=remedy, key=key_text(path), file=self.file)
        self.findings.append(replace(finding, line=self.lines.find(path)))


def refuse(found: str, *, allowed: str = "", remedy: str = "") -> NoReturn:
    """For validators: this value is wrong, in our own words."""
    refuse_all([Finding(found, allowed=allowed, remedy=remedy)])


def refuse_all(findings: list[Finding]) -> NoReturn:
    """For validators that find several things wrong with one value."""
    raise PydanticCustomError("finding", "{first}", {"first": str(findings[0]), "findings": findings})


def refuse_later(remedy: str = "") -> Callable[[Any], NoReturn]:
    """A validator for a value that the design has and this version does not."""

    def validate(value: object) -> NoReturn:
        refuse(f"{shown(value)} is {NOT_YET}", remedy=remedy)

    return validate


def read_text(path: Path) -> tuple[str, list[Finding]]:
    """The text of a file, or why it cannot be read."""
    try:
        return path.read_bytes().decode(), []
    except OSError as error:
        remedy = "check the path" if isinstance(error, FileNotFoundError) else ""
        reason = (error.strerror or type(error).__name__).lower()
        return "", [Finding(f"the file cannot be read: {reason}", remedy=remedy, file=str(path))]
    except UnicodeDecodeError as error:
        return "", [Finding(f"byte {error.start} is not UTF-8", remedy="save the file as UTF-8", file=str(path))]


def decode(text: str, file: str, model: type[_T]) -> Decoded[_T]:
    """Text to a value of `model`, or to findings: never an exception, whatever the text."""
    lines = Lines(text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rstrip(")").partition(" (at ")
        number = place.removeprefix("line ").partition(",")[0]
        line = int(number) if number.isdigit() else len(text.splitlines())
        remedy = "is a quote or a bracket not closed, or a key written twice?"
        return Decoded(file, None, [Finding(f"not TOML: {reason}", remedy=remedy, file=file, line=line)], lines)
    except RecursionError:
        return Decoded(file, None, [Finding("not TOML: nested too deeply", file=file)], lines)
    value, errors = _validate(data, model)
    findings = [found for error in errors for found in _findings(error, model)]
    for wrong in errors:
        _remove(data, wrong["loc"])
    lost: frozenset[str] = frozenset()
    if errors:
        value, left = _validate(data, model)
        lost = frozenset([str(wrong["loc"][0]) for wrong in left])
        if value is None:
            value = _validate({key: table for key, table in data.items() if key not in lost}, model)[0]
    incomplete = frozenset([tuple(error["loc"])[:-1] for error in errors])
    placed = [_placed(found, path, file, lines) for path, found in findings]
    return Decoded(file, value, placed, lines, incomplete, lost)


def _validate(data: dict[str, Any], model: type[_T]) -> tuple[_T | None, list[ErrorDetails]]:
    try:
        return model.model_validate(data), []
    except ValidationError as errors:
        return None, errors.errors(include_url=False)


def _remove(data: dict[str, Any], path: tuple[str | int, ...]) -> None:
    """Take out the key that is wrong, so that checks across the rest can run; elements of lists stay."""
    parent: Any = data
    for part in path[:-1]:
        if isinstance(parent, list) if isinstance(part, int) else isinstance(parent, dict) and part in parent:
            parent = cast(Any, parent)[part]
        else:
            return
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def key_text(path: tuple[str | int, ...]) -> str:
    """`("rule", 0, "when")` as `rule[1].when`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            quoted = part if part.replace("-", "").replace("_", "").isalnum() else f'"{part}"'
            text += f".{quoted}" if text else quoted
    return text


def shown(value: object) -> str:
    """A value as TOML writes it, without control characters, cut to a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _placed(finding: Finding, path: tuple[str | int, ...], file: str, lines: Lines) -> Finding:
    return replace(finding, key=key_text(path), file=file, line=lines.find(path))


def _findings(error: ErrorDetails, model: type[Table]) -> list[tuple[tuple[str | int, ...], Finding]]:
    """One pydantic error in our words."""
    path = tuple([part for part in error["loc"] if part != "[key]"])
    kind = error["type"]
    value = error["input"]
    context = error.get("ctx", {})
    if kind == "finding":
        return [(path, finding) for finding in context["findings"]]
    if kind == "extra_forbidden":
        return [(path, _unknown_key(path, model))]
    if kind == "missing":
        return [(path, Finding("missing", remedy=f"add {path[-1]}"))]
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", '"').replace(" or ", ", ")
        remedy = suggest(str(value), [part.strip('"') for part in allowed.split(", ")])
        return [(path, Finding(shown(value), allowed=allowed, remedy=remedy))]
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return [(path, Finding(shown(value), allowed=words.format(context[name])))]
    return [(path, Finding(shown(value), allowed=_TYPES.get(kind, error["msg"])))]


def _unknown_key(path: tuple[str | int, ...], model: type[Table]) -> Finding:
    table = _table_at(path[:-1], model)
    key = str(path[-1])
    if table is None:
        return Finding("unknown key")
    if key in table.later:
        return Finding(NOT_YET, remedy=table.later[key])
    known = [field.alias or name for name, field in table.model_fields.items()]
    return Finding("unknown key", allowed=", ".join(known), remedy=suggest(key, known))


def _table_at(path: tuple[str | int, ...], model: type[Table]) -> type[Table] | None:
    """The model of the table at a path, found by walking the annotations."""
    current: Any = model
    for part in path:
        if isinstance(part, int):
            current = get_args(current)[0] if get_origin(current) is list else None
        elif get_origin(current) is dict:
            current = get_args(current)[1]
        elif isinstance(current, type) and issubclass(current, Table):
            by_alias = {field.alias or name: field for name, field in current.model_fields.items()}
            current = by_alias[part].annotation if part in by_alias else None
        current = _without_none(current)
    return current if isinstance(current, type) and issubclass(current, Table) else None


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - annotations have no type of their own
    if get_origin(annotation) in (Union, UnionType):
        return next((part for part in get_args(annotation) if part is not type(None)), None)
    return annotation
