"""`sbc media list`, `drain`, `enable`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, ask
from sbc.cli.printing import AsJson, print_json, print_table

Name = Annotated[str, typer.Argument(metavar="ENGINE", help="The engine's name, as `sbc media list` has it.")]


def list_engines(control: Control = DEFAULT_SOCKET, json: AsJson = False) -> None:
    """List the media engines: state, weight, calls, and how often one was full or silent."""
    found: dict[str, Any] = ask(control, "GET", "/media")
    if json:
        print_json(found)
        return
    print_table(
        [
            (
                one["name"],
                one["state"],
                f"weight {one['weight']}",
                f"{one['calls']} calls",
                f"{one['placed']} placed",
                f"{one['limited']} turned away",
                f"{one['failures']} silences",
            )
            for one in found["engines"]
        ]
    )


def drain(engine: Name, control: Control = DEFAULT_SOCKET) -> None:
    """Give an engine no new calls; those it has go on."""
    ask(control, "POST", "/media/{}/drain", engine)
    print(f"draining {engine}")


def enable(engine: Name, control: Control = DEFAULT_SOCKET) -> None:
    """Give an engine new calls again."""
    ask(control, "POST", "/media/{}/enable", engine)
    print(f"enabled {engine}")


def add_to(app: typer.Typer) -> None:
    """Enter the group."""
    group = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="Look at media engines and take them out of service."
    )
    group.command("list", epilog="Example: sbc media list --json | jq '.engines[].calls'")(list_engines)
    group.command(epilog="Example: sbc media drain 192.0.2.10:2223")(drain)
    group.command(epilog="Example: sbc media enable 192.0.2.10:2223")(enable)
    app.add_typer(group, name="media")
