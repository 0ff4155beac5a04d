"""`sbc check`: everything that is wrong with a configuration, or what it amounts to."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sbc.cli.printing import AsJson, describe_finding, print_json
from sbc.cli.run import findings_of, load_or_raise


def check(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="F", help="The node file (default: the packaged quickstart)."),
    ] = None,
    json: AsJson = False,
) -> None:
    """List every error of a configuration, or print the effective one. Nothing is started or bound."""
    from sbc.config.load import ConfigError

    try:
        loaded = load_or_raise(config)
    except (ConfigError, OSError) as error:
        findings = findings_of(error)
        if json:
            print_json({"ok": False, "findings": findings})
        else:
            for finding in findings:
                print(describe_finding(finding))
            print(f"{len(findings)} error(s)")
        raise typer.Exit(1) from None
    effective = as_plain(loaded)
    assert isinstance(effective, dict)
    if json:
        print_json({"ok": True, "configuration": effective})
    else:
        _print_tree(effective)


def add_to(app: typer.Typer) -> None:
    """Enter the command."""
    app.command(epilog="Example: sbc check --config node.toml")(check)


def as_plain(value: object) -> object:
    """A configuration value as what JSON can say; a policy as its name, a slotted value by its text."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted((as_plain(item) for item in value), key=str)
    if type(value).__name__ == "Document":
        return getattr(value, "name", "")
    if is_dataclass(value):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    slots = getattr(type(value), "__slots__", ())
    if type(value).__str__ is object.__str__ and slots:
        return {name: as_plain(getattr(value, name)) for name in slots if not name.startswith("_")}
    return str(value)


def _print_tree(value: dict[str, Any], indent: str = "") -> None:
    for key, item in value.items():
        if isinstance(item, dict):
            print(f"{indent}{key}")
            _print_tree(item, indent + "  ")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for position, child in enumerate(item):
                print(f"{indent}{key} {position}")
                _print_tree(child, indent + "  ")
        else:
            shown = ", ".join(map(str, item)) if isinstance(item, list) else item
            print(f"{indent}{key} = {shown}")
