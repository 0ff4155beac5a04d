"""`sbc check`: everything that is wrong with a configuration, or what it amounts to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sbc.cli.printing import AsJson, print_json
from sbc.cli.run import load_or_findings


def check(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="F", help="The node file (default: the packaged quickstart)."),
    ] = None,
    json: AsJson = False,
) -> None:
    """List every error of a configuration, or print the effective one. Nothing is started or bound."""
    from sbc.config.load import effective

    loaded = load_or_findings(config)
    if isinstance(loaded, list):
        if json:
            print_json({"ok": False, "findings": loaded})
        else:
            for finding in loaded:
                print(finding["text"])
            print(f"{len(loaded)} error(s)")
        raise typer.Exit(1)
    if json:
        print_json({"ok": True, "configuration": effective(loaded)})
    else:
        _print_tree(effective(loaded))


def add_to(app: typer.Typer) -> None:
    """Enter the command."""
    app.command(epilog="Example: sbc check --config node.toml")(check)


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
            shown = ", ".join(map(str, item)) if isinstance(item, list | tuple) else item
            print(f"{indent}{key} = {shown}")
