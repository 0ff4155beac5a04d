"""`sbc calls`, `sbc calls show`, `sbc calls hangup`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, ask
from sbc.cli.printing import AsJson, print_json, print_pairs, print_table

CallId = Annotated[str, typer.Argument(metavar="ID", help="The call's id, as `sbc calls` lists it.")]
_COLUMNS = ("id", "state", "caller", "callee", "ingress", "egress", "trunk", "age", "talking")


def list_calls(
    context: typer.Context,
    control: Control = DEFAULT_SOCKET,
    json: AsJson = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most this many.")] = 1000,
) -> None:
    """List live calls, show one in detail, or end one."""
    if context.invoked_subcommand is not None:
        return
    found: dict[str, Any] = ask(control, "GET", "/calls", limit=limit)
    if json:
        print_json(found)
        return
    calls = found["calls"]
    if not calls:
        print("no calls")
        return
    columns = [name for name in _COLUMNS if name in calls[0]]
    print_table([columns, *([call.get(name, "") for name in columns] for call in calls)])
    if found["total"] > len(calls):
        print(f"… and {found['total'] - len(calls)} more (--limit)")


def show(call: CallId, control: Control = DEFAULT_SOCKET, json: AsJson = False) -> None:
    """Show one live call in detail."""
    found = ask(control, "GET", "/calls/{}", call)
    if json:
        print_json(found)
    else:
        _print_nested(found)


def hangup(call: CallId, control: Control = DEFAULT_SOCKET) -> None:
    """End a live call: BYE or CANCEL to both sides."""
    ask(control, "POST", "/calls/{}/hangup", call)
    print(f"hung up {call}")


def add_to(app: typer.Typer) -> None:
    """Enter the group."""
    group = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
    group.callback(epilog="Example: sbc calls --json | jq '.calls[].id'")(list_calls)
    group.command(epilog="Example: sbc calls show 3fa2")(show)
    group.command(epilog="Example: sbc calls hangup 3fa2")(hangup)
    app.add_typer(group, name="calls")


def _print_nested(values: dict[str, Any], indent: str = "") -> None:
    print_pairs([(name, value) for name, value in values.items() if not isinstance(value, dict | list)], indent)
    for name, value in values.items():
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, dict):
                print(f"{indent}{name}")
                _print_nested(child, indent + "  ")
            elif isinstance(value, list):
                print(f"{indent}{name}  {child}")
