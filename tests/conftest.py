"""What every test is held to: unit tests open no socket and do not sleep, and nothing is left unproven silently."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")

SHARED = Path(__file__).resolve().parents[2] / "shared"
INTEROP = Path(__file__).resolve().parent / "interop"

# What `tools/peers` installs; every interop test may count on all of them.
PEERS = ("sipp", "baresip", "kamailio", "rtpengine", "tshark", "tcpdump", "ip", "nft", "stunnel4", "redis-server")

_NET_ADMIN, _SYS_ADMIN = 1 << 12, 1 << 21


def lacking() -> list[str]:
    """What this machine lacks for the interop tests; an empty list means that each of them must run."""
    found = [f"{peer} is not installed" for peer in PEERS if shutil.which(peer) is None]
    if os.geteuid() != 0:
        found.append("not root: no network namespaces")
    elif _capabilities() & (_NET_ADMIN | _SYS_ADMIN) != _NET_ADMIN | _SYS_ADMIN:
        found.append("root without the rights to make network namespaces")
    return found


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return int(value, 16)
    return 0


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference material beside the repository; without it the test is skipped, saying so."""
    if not SHARED.is_dir():
        pytest.skip("no folder 'shared' beside the repository")
    return SHARED


def _refuse(what: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        pytest.fail(f"a unit test must not {what}: hand in the value, or mark the test `interop`", pytrace=True)

    return refuse


@pytest.fixture(autouse=True)
def no_sockets_no_sleep(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Outside `interop`, time is a number and the network a list. An event loop's own socket pair is let be."""
    if request.node.get_closest_marker("interop") is not None:
        yield
        return
    for method in ("bind", "connect", "connect_ex", "listen", "sendto"):
        monkeypatch.setattr(socket.socket, method, _refuse(f"use a socket ({method})"))
    monkeypatch.setattr(time, "sleep", _refuse("sleep"))
    real_sleep = asyncio.sleep

    def only_yield(delay: float, result: T | None = None) -> Awaitable[T | None]:
        if delay > 0:
            _refuse("sleep")()
        return real_sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", only_yield)
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in `tests/interop` is interop.

    Such a test lives in real time beside other people's processes: where it fails it has one more go, and the summary
    names it. A unit test has none: there a failure is always ours.
    """
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
        if item.get_closest_marker("interop") is None:
            continue
        item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With root and the peers present a skipped interop test is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("interop") is not None:
        reason = skip_reason(report)
        if must_run(reason, lacking(), SHARED.is_dir()):
            report.outcome = "failed"
            report.longrepr = f"skipped ({reason}) although root and every peer are here: that counts as a failure"
    return report


def must_run(reason: str, missing: list[str], has_shared: bool) -> bool:
    """True where nothing that the machine lacks excuses a skip with this reason."""
    return not missing and (has_shared or "beside the repository" not in reason)


def skip_reason(report: pytest.TestReport) -> str:
    """The text given to `pytest.skip`."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what needed a second go, what was not proven here, and for want of what."""
    again = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section("failed once, had a second go", sep="=")
        for report in again:
            terminalreporter.line(f"{report.nodeid} ({report.longreprtext.strip().splitlines()[-1]})")
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "interop" in report.keywords]
    if not skipped:
        return
    terminalreporter.section("not proven on this machine", sep="=")
    for reason, count in Counter(skip_reason(report) for report in skipped).most_common():
        terminalreporter.line(f"{count} interop: {reason}")
    for line in lacking():
        terminalreporter.line(f"  {line}")
