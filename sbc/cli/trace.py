"""`sbc trace`: the messages of a call as they crossed the node's sockets."""

from __future__ import annotations

import json as json_module
import time
from typing import Annotated, Any

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, stream
from sbc.cli.printing import AsJson, fail

_ARROWS = {"in": "<-", "out": "->"}


def trace(
    call: Annotated[
        str,
        typer.Argument(metavar="CALL", help="A call's id or the beginning of it, the Call-ID of either leg, or `all`."),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and print what comes, until Ctrl-C.")] = False,
    control: Control = DEFAULT_SOCKET,
    json: AsJson = False,
) -> None:
    """Print the recent messages of a call, on both legs, with time and direction."""
    count = 0
    for entry in stream(control, "/trace", call=call, follow=1 if follow else None):
        count += 1
        if json:
            print(json_module.dumps(entry), flush=True)
        else:
            _print_entry(entry)
    if not count and not follow:
        fail(
            f"no message of {call} among the recent ones; `sbc calls` lists live calls, `sbc trace all` has everything"
        )


def add_to(app: typer.Typer) -> None:
    """Enter the command."""
    app.command(epilog="Example: sbc trace 3fa2 --follow")(trace)


def _print_entry(entry: dict[str, Any]) -> None:
    when = entry["time"]
    clock = f"{time.strftime('%H:%M:%S', time.localtime(when))}.{int(when * 1000) % 1000:03d}"
    call = f"  call {entry['call']}" if entry["call"] else ""
    print(f"{clock} {_ARROWS[entry['direction']]} {entry['transport']} {entry['peer']}{call}")
    for line in entry["message"].replace("\r\n", "\n").split("\n"):
        # Peers choose these bytes: nothing in them may move the cursor of a terminal.
        print("    " + "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in line))
