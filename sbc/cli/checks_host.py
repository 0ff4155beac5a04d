"""`doctor`'s checks of the machine: capabilities, limits, the state directory."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sbc.cli.checks import Check, State

RECEIVE_BUFFER: Final = 8 << 20
FILES: Final = 65536
DISK: Final = 256 << 20

CAPABILITIES: Final = (
    ("CAP_NET_BIND_SERVICE", 10, "ports under 1024"),
    ("CAP_NET_ADMIN", 12, "the kernel fast path, firewall sets and large receive buffers"),
    ("CAP_NET_RAW", 13, "captures and raw sockets"),
    ("CAP_BPF", 39, "steering between workers and the tcx fast path"),
)


def check_capabilities(status: str) -> Iterator[Check]:
    """The effective set in `status` (/proc/self/status); CAP_SYS_ADMIN stands in for CAP_BPF on old kernels."""
    mask = effective_mask(status)
    for name, bit, use in CAPABILITIES:
        if mask >> bit & 1 or (name == "CAP_BPF" and mask >> 21 & 1):
            yield Check(name, State.OK, "present")
        else:
            remedy = f"for {use}: AmbientCapabilities={name} in the systemd unit"
            yield Check(name, State.WARN, "absent", remedy)


def effective_mask(status: str) -> int:
    """CapEff as a number; 0 where it is not told."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def check_receive_buffer(rmem_max: int, mask: int) -> Check:
    """Whether a burst fits: the kernel's ceiling, which CAP_NET_ADMIN may pass over."""
    if mask >> 12 & 1:
        return Check(
            "receive buffer", State.OK, f"{RECEIVE_BUFFER} bytes (CAP_NET_ADMIN passes over rmem_max {rmem_max})"
        )
    if rmem_max >= RECEIVE_BUFFER:
        return Check("receive buffer", State.OK, f"net.core.rmem_max {rmem_max}")
    remedy = f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER}, against loss in bursts"
    return Check("receive buffer", State.WARN, f"net.core.rmem_max {rmem_max}", remedy)


def check_files(soft: int, hard: int) -> Check:
    """Open files, of which a node takes all it may: one a stream connection, four a call in the embedded engine."""
    found = f"{hard} (raised from {soft})" if hard != soft else str(hard)
    if hard >= FILES or hard == resource.RLIM_INFINITY:
        return Check("open files", State.OK, found)
    return Check("open files", State.WARN, found, f"LimitNOFILE={FILES} in the systemd unit, or ulimit -n {FILES}")


def check_state(state: Path) -> Check:
    """Whether the state directory can be written, and has room."""
    place = state
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Check("state directory", State.FAIL, f"{state}: cannot be written", "`--state DIR` names another")
    free = shutil.disk_usage(place).free
    if free < DISK:
        return Check("state directory", State.WARN, f"{state}: {free >> 20} MiB free", "make room on that disk")
    return Check("state directory", State.OK, f"{state}: {free >> 20} MiB free")


def check_host(state: Path) -> Iterator[Check]:
    """All of the above on this machine."""
    status = _read("/proc/self/status")
    yield from check_capabilities(status)
    yield check_receive_buffer(int(_read("/proc/sys/net/core/rmem_max") or 0), effective_mask(status))
    yield check_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield check_state(state)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
