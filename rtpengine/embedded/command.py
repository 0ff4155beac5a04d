"""`python -m rtpengine`: the arguments, and the process around a server."""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import sys
from pathlib import Path

from rtpengine.embedded.engine import Limits
from rtpengine.embedded.interfaces import InterfaceError, parse_interfaces
from rtpengine.embedded.keys import KeyLog
from rtpengine.embedded.lifeline import watch_commands, watch_parent, watch_signals
from rtpengine.embedded.server import Server, serve


def main(arguments: list[str] | None = None) -> int:
    """Run an engine until it is told to stop. 0: it was; 1: it could not start; 2: usage."""
    options = _parser().parse_args(arguments)
    try:
        interfaces = parse_interfaces(options.interface)
        listen = parse_listen(options.listen)
        keys = parse_listen(options.dtmf_log_dest) if options.dtmf_log_dest else None
        http = parse_listen(options.listen_http) if options.listen_http else None
        ports = parse_ports(options.ports)
    except ValueError as error:
        print(f"rtpengine: {error}", file=sys.stderr)  # noqa: T201
        return 2
    limits = Limits(
        delete_delay=options.delete_delay,
        timeout=options.timeout,
        silent_timeout=options.silent_timeout,
        offer_timeout=options.offer_timeout,
        final_timeout=options.final_timeout,
        max_sessions=options.max_sessions,
    )
    _raise_file_limit()
    try:
        server = Server(interfaces, ports, limits)
        if keys is not None:
            server.engine.key_log = KeyLog(*keys)
        if options.recording_dir:
            server.engine.resources.recordings = Path(options.recording_dir)
        lonely = options.lonely
        asyncio.run(_run(server, listen, http, is_detached=options.detached, lonely=lonely))
    except OSError as error:
        print(f"rtpengine: {options.listen}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _run(
    server: Server, listen: tuple[str, int], http: tuple[str, int] | None, *, is_detached: bool, lonely: int
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    watch_signals(loop, stop)
    if lonely:
        watch_commands(loop, stop, lambda: server.heard_at, lonely)
    elif not is_detached:
        watch_parent(loop, stop)
    gc.collect()
    gc.freeze()
    await serve(server, listen, stop, http=http)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rtpengine",
        description="A media engine that speaks rtpengine's ng protocol: a relay for RTP and RTCP.",
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:2223", help="address and port of the control socket; port 0: any"
    )
    parser.add_argument("--listen-http", default="", metavar="HOST:PORT", help="address of the same over HTTP")
    parser.add_argument(
        "--dtmf-log-dest", default="", metavar="HOST:PORT", help="where each key that a party presses is told, by UDP"
    )
    parser.add_argument(
        "--recording-dir", default="", metavar="DIRECTORY", help="where recorded calls go; none: nothing is recorded"
    )
    parser.add_argument(
        "--interface",
        action="append",
        required=True,
        metavar="[NAME/]ADDRESS[!ADVERTISED]",
        help="where media sockets are bound, by address or network interface; may come again",
    )
    parser.add_argument("--ports", default="30000-39999", metavar="FIRST-LAST", help="media ports")
    for name, default, text in (
        ("delete-delay", 30, "seconds a deleted call keeps its ports, where the command does not say"),
        ("timeout", 60, "seconds without a packet that end a call"),
        ("silent-timeout", 3600, "the same for a call on hold"),
        ("offer-timeout", 3600, "seconds without an answer that end a call"),
        ("final-timeout", 0, "seconds that end any call; 0: never"),
        ("max-sessions", 0, "most calls at a time; 0: no limit"),
        ("lonely", 0, "outlive the parent, and stop after so many seconds without a command; 0: stop with the parent"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default {default})")
    parser.add_argument(
        "--detached", action="store_true", help="keep running when standard input closes or the parent process ends"
    )
    return parser


def parse_listen(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 host in brackets, of `--listen` or `--listen-http`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def parse_ports(text: str) -> tuple[int, int]:
    """`FIRST-LAST`."""
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit() or not 0 < int(first) < int(last) < 65536:
        raise InterfaceError(f"--ports: {text!r} is not FIRST-LAST")
    return int(first), int(last)


def _raise_file_limit() -> None:
    """A call takes four sockets and more: use all the descriptors that we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
