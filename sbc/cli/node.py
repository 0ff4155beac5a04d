"""`sbc status`, `sbc drain`, `sbc upgrade`, `sbc reload`: the node as a whole."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, ask
from sbc.cli.printing import AsJson, duration, fail, print_json, print_pairs, print_table

_UPGRADE: Final = 240.0
"""Seconds: the new version may take its time to load, and to start its workers."""


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
    worker: Annotated[
        int | None,
        typer.Option("--worker", metavar="N", min=0, help="Only this worker: another process takes its place."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Refuse new calls and stop the node when the last one is over; or have another process be one worker."""
    if worker is not None:
        drain_worker(control, worker, deadline, json=json)
        return
    done: dict[str, Any] = ask(control, "POST", "/drain", deadline=deadline)
    calls = done["calls"]
    if json:
        print_json(done)
    elif not calls:
        print("draining: no calls, the node stops now")
    else:
        noun = "call" if calls == 1 else "calls"
        print(f"draining: {calls} {noun} to go, ended in {done['deadline']:g} s at the latest")


def drain_worker(control: Path, worker: int, deadline: float | None, *, json: bool) -> None:
    """New calls go to the other process, live ones move there or end with this one."""
    done = ask(control, "POST", "/workers/{}/drain", str(worker), deadline=deadline)
    if json:
        print_json(done)
    else:
        print(
            f"worker {worker}, process {done['pid']}, makes room for another one, in {done['deadline']} s at the latest"
        )


def upgrade(
    control: Control = DEFAULT_SOCKET,
    deadline: Annotated[
        float | None,
        typer.Option("--deadline", metavar="S", min=0, help="Seconds until what remains of the old version is ended."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the old processes have ended.")] = False,
    json: AsJson = False,
) -> None:
    """Have the version that is installed now take over, without a lost call; refused, the running one goes on."""
    done: dict[str, Any] = ask(control, "POST", "/upgrade", timeout=_UPGRADE, deadline=deadline)
    if json:
        print_json(done)
    else:
        print(f"sbc {done['version']}, process {done['pid']}, has taken over from {done['former_version']}")
        print(f"its workers relieve the others, in {done['deadline']:g} s at the latest; `sbc status` shows them")
    if wait:
        _await_relief(control, done["pid"], float(done["deadline"]), says=not json)


def _await_relief(control: Path, pid: int, seconds: float, *, says: bool) -> None:
    """Until the workers of this supervisor are alone. One that is not there any more has failed."""
    until = time.monotonic() + seconds + _UPGRADE
    while time.monotonic() < until:
        found: dict[str, Any] = ask(control, "GET", "/status", is_patient=True)
        supervisor = found.get("supervisor", {"pid": pid, "relieving": {}})
        if supervisor["pid"] != pid:
            fail(f"process {pid} is gone; {supervisor['pid']} runs the node: its log says why")
        if found and not supervisor.get("relieving"):
            if says:
                print("the old processes have ended")
            return
        time.sleep(0.2)
    fail("the old processes have not ended in time: see `sbc status`")


def reload(control: Control = DEFAULT_SOCKET) -> None:
    """Read the configuration again; live calls keep the one they began with."""
    ask(control, "POST", "/reload")
    print("reloaded")


def add_to(app: typer.Typer) -> None:
    """Enter the commands."""
    app.command(epilog="Example: sbc status --json | jq .calls")(status)
    app.command(epilog="Example: sbc drain --deadline 60, or sbc drain --worker 1")(drain)
    app.command(epilog="Example: sbc upgrade --wait --deadline 120")(upgrade)
    app.command(epilog="Example: sbc check --config node.toml && sbc reload")(reload)


def _in_words(pairs: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {_in_words(value) if isinstance(value, dict) else value}" for name, value in pairs.items()
    )


def _state(row: dict[str, Any]) -> str:
    return f"DOWN: {row['why']}" if row.get("why") else ""


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
