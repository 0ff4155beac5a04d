"""The other end of the control socket: HTTP over a Unix socket with the standard library."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from sbc.cli.printing import fail

DEFAULT_SOCKET = Path(".sbc/control.sock")

Control = Annotated[
    Path, typer.Option("--control", metavar="PATH", envvar="SBC_CONTROL", help="The node's control socket.")
]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("node", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file in the place of a host and port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


def ask(
    control: Path,
    method: str,
    path: str,
    *parts: str,
    timeout: float = 30.0,
    is_patient: bool = False,
    **query: object,
) -> dict[str, object]:
    """One request; each `{}` of `path` is one of `parts`, quoted. A node that refuses or is away ends the command; who
    `is_patient` is given nothing where the node has no time for an answer.
    """
    connection = _UnixConnection(control, timeout)
    try:
        response = _send(connection, control, method, _target(path, parts, query))
        try:
            body = json.loads(response.read())
        except (ValueError, OSError) as error:
            fail(f"the node's answer on {control} cannot be read: {error}")
    finally:
        connection.close()
    if response.status == 503 and is_patient:
        return {}
    if response.status != 200:
        _refused(response.status, body)
    return dict(body)


def stream(control: Path, path: str, **query: object) -> Iterator[dict[str, object]]:
    """The JSON lines of a request, as they come; a Ctrl-C or the node's end ends them."""
    connection = _UnixConnection(control, None)
    try:
        response = _send(connection, control, "GET", _target(path, (), query))
        if response.status != 200:
            _refused(response.status, json.loads(response.read()))
        while line := response.readline():
            yield json.loads(line)
    except (KeyboardInterrupt, http.client.IncompleteRead, ConnectionError):
        return
    finally:
        connection.close()


def _target(path: str, parts: tuple[str, ...], query: dict[str, object]) -> str:
    target = path.format(*(quote(part, safe="") for part in parts))
    wanted = {key: value for key, value in query.items() if value is not None}
    return f"{target}?{urlencode(wanted)}" if wanted else target


def _send(connection: _UnixConnection, control: Path, method: str, target: str) -> http.client.HTTPResponse:
    try:
        connection.request(method, target)
        return connection.getresponse()
    except FileNotFoundError:
        fail(f"no node here: {os.fspath(control)} does not exist. `sbc run` starts one; `--control PATH` names another")
    except ConnectionRefusedError:
        if not control.is_socket():
            fail(f"{os.fspath(control)} is no socket; `--control PATH` names a node's")
        fail(f"no node runs on {os.fspath(control)}: it left its socket behind. `sbc run` starts one")
    except PermissionError:
        fail(f"no permission for {os.fspath(control)}: it is for its owner and group (`ls -l` tells which)")
    except TimeoutError:
        fail(f"the node on {os.fspath(control)} does not answer")
    except OSError as error:
        fail(f"{os.fspath(control)}: {error.strerror or error}; `--control PATH` names another")


def _refused(status: int, body: dict[str, object]) -> None:
    lines = [str(body.get("error", f"the node answered {status}"))]
    findings = body.get("findings")
    if isinstance(findings, list):
        lines += [f"  {finding['text']}" for finding in findings]
    fail("\n".join(lines))
