"""`sbc run`: start a node in the foreground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sbc.cli.printing import Finding, fail, print_json, print_pairs

if TYPE_CHECKING:
    from sbc.config import Config
    from sbc.transport import Bound


def run(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="F", help="The node file (default: the packaged quickstart)."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Directory for what the node keeps, its control socket too."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, max=16, help="Processes (default: as the file says).")
    ] = None,
    log_format: Annotated[
        str, typer.Option("--log-format", metavar="auto|text|json", help="auto: text on a terminal, else JSON.")
    ] = "auto",
    log_level: Annotated[
        str, typer.Option("--log-level", metavar="debug|info|warning|error", help="Log what is at least this grave.")
    ] = "info",
    successor: Annotated[int, typer.Option("--successor", hidden=True)] = -1,
    rehearse: Annotated[bool, typer.Option("--rehearse", hidden=True)] = False,
) -> None:
    """Run a node until Ctrl-C or SIGTERM, which let live calls end first; a second one ends them. SIGHUP reloads."""
    import gc
    import sys

    gc.disable()  # what is loaded stays: to walk it again and again while it grows takes a twentieth of the time
    import sbc
    from sbc.telemetry import FORMATS, LEVELS

    if log_format not in FORMATS or log_level not in LEVELS:
        fail(f"--log-format is one of {', '.join(FORMATS)}; --log-level one of {', '.join(LEVELS)}", 2)
    loaded = load(config, state, workers)
    style = log_format if log_format != "auto" else "text" if sys.stderr.isatty() else "json"
    own = ["--workers", str(loaded.workers), "--state", loaded.state]
    own += ["--log-format", style, "--log-level", log_level]
    own += ["--config", str(config)] if config is not None else []
    again = partial(load_or_findings, config, state, workers)
    if rehearse:
        from sbc.supervisor import Fleet  # noqa: F401 - that it can be loaded is what is asked

        print_json({"version": sbc.__version__, "workers": loaded.workers})
    else:
        _live(loaded, own, again, style, log_level, successor)


def _live(
    config: Config,
    own: list[str],
    again: Callable[[], Config | list[Finding]],
    style: str,
    log_level: str,
    successor: int,
) -> None:
    """Be the node. `own` are the arguments by which another process of it is started."""
    import gc
    import os
    import sqlite3
    import sys

    from sbc.supervisor import EmbeddedError, Fleet, Node, fork_nursery
    from sbc.telemetry import Sink, Telemetry, build_logger
    from sbc.transport import run as serve

    gc.enable()
    # before there is a second thread, which the sink has
    first = fork_nursery(partial(_be_worker, config, again, style, log_level)) if config.workers > 1 else None
    sink = Sink(sys.stderr)
    telemetry = Telemetry(build_logger(sink, style, log_level))
    fleet: Fleet | None = None
    try:
        if config.workers > 1:
            fleet = Fleet(config, telemetry, again, own, first)
            serve(fleet.run(lambda bound: announce(config, bound), successor))
        else:
            serve(Node(config, telemetry, again).run(lambda bound: announce(config, bound)))
    except (OSError, EmbeddedError, sqlite3.Error) as error:
        sink.close()
        fail(str(error))
    finally:
        sink.close()
    if fleet is not None and fleet.successor:
        print(f"handed over to process {fleet.successor}", flush=True)
        os._exit(0)  # what tidies up at an end would kill children that are another's now
    print("stopped", flush=True)


def nursery(
    workers: Annotated[int, typer.Option("--workers")],
    state: Annotated[Path, typer.Option("--state")],
    log_format: Annotated[str, typer.Option("--log-format")],
    log_level: Annotated[str, typer.Option("--log-level")],
    config: Annotated[Path | None, typer.Option("--config")] = None,
) -> None:
    """What a node's workers are forked from: started by `sbc run`, never by hand."""
    from sbc.supervisor import tend

    loaded = load(config, state, workers)
    again = partial(load_or_findings, config, state, workers)
    raise typer.Exit(tend(partial(_be_worker, loaded, again, log_format, log_level)))


def _be_worker(
    known: Config,
    again: Callable[[], Config | list[Finding]],
    style: str,
    log_level: str,
    told: dict[str, Any],
    numbers: Mapping[int, int],
) -> int:
    """Be one worker of a node, in a process forked for it: the exit status."""
    import sys

    from sbc.supervisor import Orders, run_child
    from sbc.telemetry import Sink, Telemetry, build_logger

    sink = Sink(sys.stderr)
    try:
        orders = Orders(**told).renumbered(numbers)
        return run_child(orders, Telemetry(build_logger(sink, style, log_level)), again, known)
    finally:
        sink.close()


def add_to(app: typer.Typer) -> None:
    """Enter the commands."""
    app.command(hidden=True)(nursery)
    app.command(epilog="Example: sbc run --config node.toml --state /var/lib/sbc")(run)


def load_or_raise(path: Path | None, state: Path | None = None, workers: int | None = None) -> Config:
    """The configuration, with `--state` and `--workers` applied. Raises ConfigError or OSError."""
    from dataclasses import replace

    from sbc.config.load import load_config

    config = load_config(path)
    if workers is not None:
        config = replace(config, workers=workers)
    if state is None:
        return config
    socket = config.control_socket
    if socket == str(Path(config.state) / "control.sock") or socket == ".sbc/control.sock":
        socket = str(state / "control.sock")
    return replace(config, state=str(state), control_socket=socket)


def load_or_findings(
    path: Path | None, state: Path | None = None, workers: int | None = None
) -> Config | list[Finding]:
    """The configuration, or everything that is wrong with it."""
    from sbc.config.load import ConfigError

    try:
        return load_or_raise(path, state, workers)
    except (ConfigError, OSError) as error:
        return findings_of(error)


def load(path: Path | None, state: Path | None = None, workers: int | None = None) -> Config:
    """As `load_or_findings`; ends the command where there are findings."""
    loaded = load_or_findings(path, state, workers)
    if isinstance(loaded, list):
        lines = [f"  {finding['text']}" for finding in loaded]
        fail("\n".join([f"the configuration has {len(lines)} error(s):", *lines]))
    return loaded


def findings_of(error: Exception) -> list[Finding]:
    """An error's findings, each with its parts; one made of the text for an error that has none."""
    found: list[Finding] = []
    for finding in getattr(error, "findings", ()):
        parts = {
            name: getattr(finding, name) for name in ("file", "line", "column", "key", "found", "allowed", "remedy")
        }
        found.append({"text": str(finding), **{name: value for name, value in parts.items() if value}})
    return found or [{"text": str(error)}]


def announce(config: Config, bound: tuple[Bound, ...]) -> None:
    """What listens where, and what to try next."""
    from sbc import __version__

    print(f"sbc {__version__}, node {config.name}, {config.source or 'quickstart (no --config given)'}")
    rows: list[tuple[str, object]] = []
    for realm in config.realms.values():
        transports: dict[str, list[str]] = {}
        for entry in bound:
            if entry.realm == realm.name:
                host = f"[{entry.host}]" if ":" in entry.host else entry.host
                where = f"{host}:{entry.port}" + (f" (waits: {entry.why})" if entry.why else "")
                transports.setdefault(where, []).append(entry.transport.lower())
        trust = "trusted" if realm.trusted else "untrusted"
        for address, names in transports.items():
            rows.append((f"realm {realm.name}", f"{'+'.join(names)} {address}, {trust}"))
    for trunk in config.trunks.values():
        targets = ", ".join(str(target.uri) for target in trunk.targets)
        rows.append((f"trunk {trunk.name}", f"{targets} in realm {trunk.realm}"))
    rows.append(("media", media_in_words(config)))
    rows.append(("state", f"{config.store} in {config.state}, control socket {config.control_socket}"))
    print_pairs(rows, "  ")
    print("try next")
    if not config.source:
        print("  sipp -sn uas -i 127.0.0.1 -p 5080             # a PBX")
        print("  sipp -sn uac -i 127.0.0.1 127.0.0.1:5060 -m 1   # and a call to it, through here")
    default = config.control_socket == ".sbc/control.sock"
    print("  sbc status" if default else f"  sbc status --control {config.control_socket}", flush=True)


def media_in_words(config: Config) -> str:
    """One line on what happens to media."""
    if config.media.mode != "anchor":
        return "bypass: peers see each other's media addresses"
    if config.media.engines:
        engines = ", ".join(f"{engine.host}:{engine.port}" for engine in config.media.engines)
        return f"anchored by rtpengine at {engines}"
    low, high = config.media.ports
    return f"anchored by the embedded engine, ports {low}-{high}"
