"""`sbc trunk list`, `enable`, `disable`, `probe`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from sbc.cli.client import DEFAULT_SOCKET, Control, ask
from sbc.cli.printing import AsJson, duration, fail, print_json, print_table

Name = Annotated[str, typer.Argument(metavar="TRUNK", help="The trunk's name, as `sbc trunk list` has it.")]
Target = Annotated[
    str | None, typer.Option("--target", metavar="URI", help="Only this target of it, as `sbc trunk list` has it.")
]

_WAIT = 10.0
_POLL = 0.1


def list_trunks(control: Control = DEFAULT_SOCKET, json: AsJson = False) -> None:
    """List the trunks and their targets: state, calls against limits, what turned calls away."""
    found: dict[str, Any] = ask(control, "GET", "/trunks")
    if json:
        print_json(found)
        return
    if not found["trunks"]:
        print("no trunks")
        return
    for trunk in found["trunks"]:
        _print_trunk(trunk)


def enable(trunk: Name, control: Control = DEFAULT_SOCKET, target: Target = None) -> None:
    """Let calls go to a trunk, and come from it, again."""
    ask(control, "POST", "/trunks/{}/enable", trunk, target=target)
    print(f"enabled {target or trunk}")


def disable(trunk: Name, control: Control = DEFAULT_SOCKET, target: Target = None) -> None:
    """Take a trunk out of service: no new calls to it or from it; live calls go on. A target gets no new calls."""
    ask(control, "POST", "/trunks/{}/disable", trunk, target=target)
    print(f"disabled {target or trunk}")


def probe(trunk: Name, control: Control = DEFAULT_SOCKET, target: Target = None, json: AsJson = False) -> None:
    """Ask the targets now whether they live, and wait for what they say; exit status 1 unless all do."""
    ask(control, "POST", "/trunks/{}/probe", trunk, target=target)
    deadline = time.monotonic() + _WAIT
    while True:
        found: dict[str, Any] = ask(control, "GET", "/trunks/{}", trunk)
        targets = [one for one in found["targets"] if target is None or one["uri"] == target]
        if not any(one["probe"]["is_due"] for one in targets) or time.monotonic() > deadline:
            break
        time.sleep(_POLL)
    if json:
        print_json({"trunk": trunk, "targets": targets})
    else:
        print_table([(one["uri"], one["state"], one["probe"]["last"] or "no answer yet") for one in targets])
    silent = [one["uri"] for one in targets if not one["probe"]["last"].startswith("answered in ")]
    if silent:
        fail(f"{len(silent)} of {len(targets)} did not answer")


def add_to(app: typer.Typer) -> None:
    """Enter the group."""
    group = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="Look at trunks and take them out of service."
    )
    group.command("list", epilog="Example: sbc trunk list --json | jq '.trunks[].state'")(list_trunks)
    group.command(epilog="Example: sbc trunk enable carrier")(enable)
    group.command(epilog="Example: sbc trunk disable carrier --target sip:198.51.100.10")(disable)
    group.command(epilog="Example: sbc trunk probe carrier && echo alive")(probe)
    app.add_typer(group, name="trunk")


def _print_trunk(trunk: dict[str, Any]) -> None:
    print(f"{trunk['name']}  {trunk['state']}, realm {trunk['realm']}, {_load(trunk)}")
    found = trunk.get("registration")
    if found:
        left = f", ends in {duration(found['expires_in'])}" if found["expires_in"] else ""
        why = f" ({found['reason']})" if found["reason"] else ""
        print(f"  {found['aor']} {found['state']}{why}{left}")
    now = time.time()
    rows: list[tuple[object, ...]] = []
    for one in trunk["targets"]:
        state = one["state"] if one["share"] >= 1 else f"{one['state']} ({one['share']:.0%})"
        since = f"for {duration(max(0.0, now - one['since']))}"
        why = "; ".join(filter(None, (one["reason"], f"probe: {one['probe']['last']}" if one["probe"]["last"] else "")))
        place = f"priority {one['priority']}, weight {one['weight']}"
        rows.append((one["uri"], place, state, since, _load(one), why))
        rows += [_place(found) for found in one.get("places", [])]
    print_table(rows, "  ")


def _place(found: dict[str, Any]) -> tuple[object, ...]:
    """One of the places that a name leads to."""
    host = f"[{found['host']}]" if ":" in found["host"] else found["host"]
    why = "; ".join(filter(None, (found["reason"], f"probe: {found['last']}" if found["last"] else "")))
    return (f"  {found['transport'].lower()}:{host}:{found['port']}", "", found["state"], "", "", why)


def _load(row: dict[str, Any]) -> str:
    """`12 of 500 calls, 50/s at most, 3 refused`."""
    limits = row["limits"]
    calls = f"{row['calls']} of {limits['calls']} calls" if "calls" in limits else f"{row['calls']} calls"
    parts = [calls]
    if "calls_per_second" in limits:
        parts.append(f"{limits['calls_per_second']}/s at most")
    if "duration" in limits:
        parts.append(f"{duration(limits['duration'])} at most")
    if row["refused"]:
        parts.append(f"{row['refused']} refused")
    return ", ".join(parts)
