"""Processes of peers: started in a namespace, waited for by looking, stopped by their own id."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.rig.namespaces import entered

_SETPRIV = shutil.which("setpriv")


PATIENCE: Final = 4.0
"""How many times as long as on a machine of its own a thing may take that has to come: runners are slow and shared."""


class NotReady(AssertionError):
    """A peer did not come up, or a condition did not come true, in time."""


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Look every few milliseconds until it is true; says what was waited for when it is not. `timeout` seconds are
    for a machine of its own.
    """
    deadline = time.monotonic() + PATIENCE * timeout
    while not condition():
        if time.monotonic() > deadline:
            raise NotReady(f"after {PATIENCE * timeout:g} s still waiting for {what}")
        time.sleep(0.005)


class Process:
    """A program in a namespace with its output in a file.

    It leads a process group of its own, so that the children it makes are counted and ended with it, and the kernel
    ends it should this process die.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        namespace: str = "",
        log: Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.name = Path(argv[0]).name
        prefix = [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []
        with log.open("wb") as out, entered(namespace):
            self._popen = subprocess.Popen(
                [*prefix, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit code once it has ended."""
        return self._popen.poll()

    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, timeout: float) -> int:
        """Its exit code; raises `NotReady` if it does not end in time."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NotReady(f"{self.name} did not end within {timeout:g} s\n{self.output()[-2000:]}") from None

    def signal(self, number: int) -> None:
        """Send it a signal, it alone."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(number)

    def kill(self) -> None:
        """End it and its group at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(30)

    def stop(self, timeout: float = 5.0) -> int:
        """Ask it to end, then make it; its exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._popen.wait(30)

    def wait_for_udp(self, host: str, port: int, timeout: float = 10.0) -> None:
        """Wait until somebody in its namespace holds that UDP socket."""
        try:
            wait_until(
                lambda: not self.running or has_udp(self.pid, host, port), timeout, f"{self.name} on udp {host}:{port}"
            )
        except BaseException:
            self.kill()
            raise
        if not self.running:
            raise NotReady(f"{self.name} ended with {self.returncode} before it was ready\n{self.output()[-3000:]}")

    def wait_for_tcp(self, host: str, port: int, timeout: float = 10.0) -> None:
        """Wait until somebody in its namespace listens there."""
        wait_until(
            lambda: not self.running or listens(self.pid, host, port), timeout, f"{self.name} on tcp {host}:{port}"
        )
        if not self.running:
            raise NotReady(f"{self.name} ended with {self.returncode} before it was ready\n{self.output()[-3000:]}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def udp_sockets(pid: int, host: str, port: int) -> set[str]:
    """The inodes of the UDP sockets bound to that address in the network namespace of the process, whoever holds
    them.
    """
    wanted = f"{_kernel_form(host)}:{port:04X}"
    name = "udp6" if ":" in host else "udp"
    table = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    return {fields[9] for line in table if (fields := line.split())[1] == wanted}


def listens(pid: int, host: str, port: int) -> bool:
    """Whether somebody in the network namespace of the process listens on that TCP address."""
    wanted = f"{_kernel_form(host)}:{port:04X}"
    table = Path(f"/proc/{pid}/net/{'tcp6' if ':' in host else 'tcp'}").read_text().splitlines()[1:]
    return any((fields := line.split())[1] == wanted and fields[3] == "0A" for line in table)


def has_udp(pid: int, host: str, port: int) -> bool:
    """Whether the process itself holds that UDP socket."""
    try:
        inodes = udp_sockets(pid, host, port)
        return bool(inodes) and any(
            os.readlink(entry).removeprefix("socket:[").rstrip("]") in inodes
            for entry in Path(f"/proc/{pid}/fd").iterdir()
        )
    except OSError:
        return False


def _kernel_form(host: str) -> str:
    packed = ipaddress.ip_address(host).packed
    return "".join(packed[at : at + 4][::-1].hex().upper() for at in range(0, len(packed), 4))


def _members(pid: int) -> dict[int, list[str]]:
    """The `stat` fields after the name of every process of the group and of every descendant, wherever it went, by the
    process's id.
    """
    stats: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stats[int(entry.name)] = (entry / "stat").read_text().rsplit(")", 1)[1].split()
    family = {pid}
    while True:
        found = {one for one, fields in stats.items() if int(fields[2]) == pid or int(fields[1]) in family}
        if found <= family:
            return {one: stats[one] for one in family if one in stats}
        family |= found


def group_cpu(pid: int) -> float:
    """CPU seconds (user and system) of a process, its group and its descendants, and of children they waited for."""
    return sum(map(_seconds, _members(pid).values()))


def rss_by_process(pid: int) -> dict[int, int]:
    """Resident bytes of each of them, by the process's id."""
    return {one: int(fields[21]) * os.sysconf("SC_PAGE_SIZE") for one, fields in _members(pid).items()}


def private_by_process(pid: int) -> dict[int, int]:
    """Resident bytes of each that it shares with nobody: without files and shared memory, such as rings of the
    journal, which fill slowly and then stay.
    """
    found: dict[int, int] = {}
    for one in _members(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
            sizes = [line.split()[1] for line in lines if line.startswith("RssAnon:")]
            found[one] = int(sizes[0]) * 1024 if sizes else 0
    return found


def engine_cpu(pid: int) -> float:
    """The part of it that media engines spent, the daemon or the embedded one."""
    return sum(_seconds(fields) for one, fields in _members(pid).items() if _is_engine(one))


def engines_of(pid: int) -> list[int]:
    """The media engines among them."""
    return [one for one in _members(pid) if _is_engine(one)]


def _is_engine(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return Path(words[0].decode()).name == "rtpengine" or words[1:3] == [b"-m", b"rtpengine"]


def _seconds(fields: list[str]) -> float:
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def group_rss(pid: int) -> int:
    """Resident bytes of a process, its group and its descendants."""
    return sum(int(fields[21]) for fields in _members(pid).values()) * os.sysconf("SC_PAGE_SIZE")
