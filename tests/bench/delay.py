"""`python -m tests.bench.delay [--rate R] [--seconds S]`: milliseconds a message spends in this node, and in Kamailio.

SIPp tells delays in steps of 4 ms; here both sides of the subject are captured, with the kernel's stamps. One process
takes messages in turn, so the n-th INVITE (200, BYE) that comes out is the n-th that went in; copies are left out. The
answer to a BYE is no such pair: a B2BUA gives it before it has one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scapy.layers.inet import UDP
from scapy.utils import PcapReader

from tests.bench.load import HERE, make_calls, start_callee
from tests.bench.subjects import CALLEE, NODE, PORT, REFERENCE, Subject, subjects
from tests.rig.namespaces import Namespace
from tests.rig.needs import lacking
from tests.rig.process import Process, wait_until

CALLER: Final = 5095
_FLUSH: Final = 1.5
"""Seconds until tcpdump has been given what the kernel held; telling it of each packet would cost what is measured."""
_WORTH: Final = ("INVITE", "200 INVITE", "BYE")


@dataclass(frozen=True)
class Seen:
    """One datagram: when, between which ports, and what it says."""

    at: float
    source: int
    target: int
    data: bytes


def kind_of(data: bytes) -> str:
    """`INVITE`, or `200 INVITE` for an answer to one."""
    first = data.partition(b"\r\n")[0].split(b" ")
    if first[0] != b"SIP/2.0":
        return first[0].decode("ascii", "replace")
    return f"{first[1].decode()} {_value(data, b'CSeq').split(b' ')[-1].decode()}"


def pairs(seen: Iterable[Seen]) -> dict[str, list[float]]:
    """Seconds between the way in and the way out, by kind; nothing of a kind whose ways do not number the same."""
    ways: dict[tuple[str, bool], list[float]] = defaultdict(list)
    known: set[tuple[str, bool, bytes]] = set()
    for one in seen:
        is_in = one.source in (CALLER, CALLEE)
        if is_in == (one.target in (CALLER, CALLEE)):
            continue  # past the subject, or to it from nobody
        kind = kind_of(one.data)
        key = (kind, is_in, _value(one.data, b"Call-ID"))
        if key not in known:
            known.add(key)
            ways[kind, is_in].append(one.at)
    found: dict[str, list[float]] = {}
    for kind in _WORTH:
        came, went = ways[kind, True], ways[kind, False]
        if came and len(came) == len(went):
            found[kind] = [out - into for into, out in zip(came, went, strict=True)]
    return found


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of them (0 to 1) do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def stolen_seconds() -> float:
    """How long the processors of this virtual machine were somebody else's while they were wanted here (proc(5))."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else 0.0


def figures(rounds: list[list[float]]) -> list[str]:
    """Milliseconds: three percentiles, each the median of the rounds', for a shared machine has bad moments; the last
    one's best and worst round; the longest of all.
    """
    parts = [[1000 * percentile(one, part) for one in rounds] for part in (0.5, 0.95, 0.99, 1.0)]
    last = parts[2]
    medians = [f"{statistics.median(one):.2f}" for one in parts[:3]]
    return [*medians, f"{min(last):.2f} to {max(last):.2f}", f"{max(parts[3]):.2f}"]


def _value(data: bytes, name: bytes) -> bytes:
    for line in data.split(b"\r\n"):
        if line.startswith(name + b":"):
            return line.partition(b":")[2].strip()
    return b""


def read(capture: Path) -> Iterator[Seen]:
    """The datagrams of a capture file."""
    with PcapReader(str(capture)) as packets:
        for packet in packets:
            if UDP in packet:
                datagram = packet[UDP]
                yield Seen(float(packet.time), datagram.sport, datagram.dport, bytes(datagram.payload))


def measure(subject: Subject, rate: float, calls: int, directory: Path, namespace: str) -> dict[str, list[float]]:
    """One run of one subject."""
    directory.mkdir(parents=True)
    target = subject.start(directory, namespace)
    answering = start_callee(directory, namespace)
    capture = directory / "lo.pcap"
    try:
        answering.wait_for_udp("127.0.0.1", CALLEE)
        make_calls(rate, 100, directory, namespace)
        argv = ["tcpdump", "-i", "lo", "-w", str(capture), "-B", "16384", "-Z", "root"]
        argv += [f"udp port {PORT} or udp port {CALLEE}"]
        tap = Process(argv, namespace=namespace, log=directory / "tap.log", cwd=directory)
        wait_until(lambda: "listening on" in tap.output(), 10, "tcpdump")
        stolen, began = stolen_seconds(), time.monotonic()
        failed = make_calls(rate, calls, directory, namespace)[0]
        share = 100 * (stolen_seconds() - stolen) / (time.monotonic() - began) / (os.cpu_count() or 1)
        time.sleep(_FLUSH)
        tap.stop()
    finally:
        answering.stop()
        target.stop()
    found = pairs(read(capture))
    told = "".join([f", {kind} p99 {1000 * percentile(values, 0.99):.2f} ms" for kind, values in found.items()])
    sys.stderr.write(f"{subject.name}, {rate:g}/s: {failed} of {calls} failed, {share:.1f} % stolen{told}\n")
    return found


def main() -> int:
    """Measure in interleaved rounds, print Markdown; exit 2 where it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.delay", description=__doc__)
    parser.add_argument("--rate", type=float, default=300, help="calls a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="length of a run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (%(default)s)")
    options = parser.parse_args()
    if reason := lacking("sipp", "tcpdump"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    found, _ = subjects(HERE.parents[1] / ".sbc" / "bench")
    delays: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="sbc-bench-") as folder:
        for turn in range(options.rounds):
            for subject in found:
                if subject.name in (NODE, REFERENCE):
                    with Namespace("delay") as namespace:
                        place = Path(folder) / f"{turn}-{subject.name.replace(' ', '-')}"
                        calls = int(options.rate * options.seconds)
                        for kind, values in measure(subject, options.rate, calls, place, namespace.name).items():
                            delays[subject.name, kind].append(values)
    print(f"| ms inside, at {options.rate:g} calls/s | median | p95 | p99 | p99, best and worst round | most |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for (name, kind), rounds in delays.items():
        print(f"| {name}: {kind} | {' | '.join(figures(rounds))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
