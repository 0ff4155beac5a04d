"""`sbc status`, `sbc drain`, `sbc reload`: the node as a whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, ask
from sbc.cli.printing import AsJson, duration, print_json, print_pairs, print_table


def status(control: Control = DEFAULT_SOCKET, json: AsJson = False) -> None:
    """Show the node at one glance: listeners, calls, what was counted."""
    found: dict[str, Any] = ask(control, "GET", "/status")
    if json:
        print_json(found)
        return
    configuration = found["configuration"]
    print_pairs(
        [
            ("node", f"{found['name']}, sbc {found['version']}, {found['state']} for {duration(found['uptime'])}"),
            ("configuration", f"{configuration['source']}, version {configuration['version']}"),
            ("calls", found["calls"]),
            ("connections", found["connections"]),
            ("media", _in_words(found.get("media", {}))),
            ("journal", _in_words(found.get("journal", {}))),
        ]
    )
    print("listeners")
    rows = [
        (row["realm"], row["transport"].lower(), _address(row["host"], row["port"]), _state(row))
        for row in found["listeners"]
    ]
    print_table(rows, "  ")
    for row in found.get("certificates", []):
        remark = "WARNING: " if row["due"] else ""
        print(f"certificate of {row['realm']}: {row['file']} {remark}expires in {row['days']} days")
    for title, counters in (
        ("events", found.get("events", {})),
        ("transport", found.get("transport", {})),
        ("engine", found.get("engine", {}).get("counters", {})),
    ):
        counted = [(name, value) for name, value in counters.items() if value]
        if counted:
            print(title)
            print_pairs(counted, "  ")


def drain(
    control: Control = DEFAULT_SOCKET,
    deadline: Annotated[
        float | None,
        typer.Option("--deadline", metavar="S", min=0, help="Seconds until calls that remain are ended."),
    ] = None,
) -> None:
    """Refuse new calls and stop the node when the last one is over."""
    done: dict[str, Any] = ask(control, "POST", "/drain", deadline=deadline)
    calls = done["calls"]
    if not calls:
        print("draining: no calls, the node stops now")
    else:
        noun = "call" if calls == 1 else "calls"
        print(f"draining: {calls} {noun} to go, ended in {done['deadline']:g} s at the latest")


def reload(control: Control = DEFAULT_SOCKET) -> None:
    """Read the configuration again; live calls keep the one they began with."""
    ask(control, "POST", "/reload")
    print("reloaded")


def add_to(app: typer.Typer) -> None:
    """Enter the commands."""
    app.command(epilog="Example: sbc status --json | jq .calls")(status)
    app.command(epilog="Example: sbc drain --deadline 60")(drain)
    app.command(epilog="Example: sbc check --config node.toml && sbc reload")(reload)


def _in_words(pairs: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {_in_words(value) if isinstance(value, dict) else value}" for name, value in pairs.items()
    )


def _state(row: dict[str, Any]) -> str:
    return f"DOWN: {row['why']}" if row.get("why") else ""


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
