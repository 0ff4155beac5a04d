"""`sbc doctor`: what this machine and this installation can and cannot do, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sbc.cli.printing import AsJson, print_json, print_table

if TYPE_CHECKING:
    from sbc.cli.checks import Check
    from sbc.config import Config


def doctor(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="F", help="The node file (default: the packaged quickstart)."),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            "--control", metavar="PATH", envvar="SBC_CONTROL", help="The node's control socket (default: as F says)."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Look at Python, packages, capabilities, limits, network, tools; exit 1 when something would keep a node down."""
    from sbc.cli.checks import State

    found = list(examine(config, control))
    failed = sum(check.state is State.FAIL for check in found)
    if json:
        rows = [{"name": c.name, "state": c.state.value, "found": c.found, "remedy": c.remedy} for c in found]
        print_json({"ok": not failed, "checks": rows})
    else:
        print_table([(c.state.value, c.name, f"{c.found}; {c.remedy}" if c.remedy else c.found) for c in found])
        warned = sum(check.state is State.WARN for check in found)
        print(f"{len(found)} checks: {failed} failed, {warned} warned")
    raise typer.Exit(1 if failed else 0)


def examine(path: Path | None, control: Path | None) -> Iterator[Check]:
    """Every check, in the order of the report."""
    import sys
    from datetime import UTC, datetime

    from sbc.cli import checks, checks_host, checks_network, checks_store, checks_tls
    from sbc.sip import parse_message
    from sbc.supervisor import look_at_store

    yield from checks.check_python()
    yield checks.check_compiled(str(sys.modules[parse_message.__module__].__file__))
    yield from checks.check_openssl()
    yield from checks.check_packages()
    loaded, finding = _load(path)
    yield finding
    yield from checks_host.check_host(Path(loaded.state if loaded is not None else ".sbc"))
    yield from checks_network.check_interfaces(checks_network.interfaces(), loaded)
    if loaded is not None:
        yield from checks_tls.check_certificates(loaded, datetime.now(UTC))
        yield from checks_store.check_file(loaded)
        yield from checks_store.check_store(loaded, look_at_store)
        yield from checks_network.check_routes(loaded, checks_network.kernel_route)
        socket = control if control is not None else Path(loaded.control_socket)
        yield from checks_network.check_ports(loaded, checks_network.is_node_running(socket))
    yield from checks.check_tools()


def add_to(app: typer.Typer) -> None:
    """Enter the command."""
    app.command(epilog="Example: sbc doctor --config node.toml")(doctor)


def _load(path: Path | None) -> tuple[Config | None, Check]:
    from sbc.cli.checks import Check, State
    from sbc.cli.run import load_or_findings

    loaded = load_or_findings(path)
    if isinstance(loaded, list):
        found = f"{len(loaded)} error(s): {loaded[0]['text']}"
        return None, Check("configuration", State.FAIL, found, "`sbc check` lists them")
    return loaded, Check("configuration", State.OK, loaded.source or "quickstart")
