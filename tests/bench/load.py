"""SIPp as caller and callee, the same for everybody, and the CPU a subject spends on it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tests.bench.subjects import CALLEE, PORT, Subject
from tests.rig.process import NotReady, Process, engine_cpu, group_cpu, group_rss

HERE = Path(__file__).resolve().parent

PATIENCE = 45.0
"""Seconds behind the last call until SIPp is ended: calls that are still there then have failed."""


@dataclass(frozen=True)
class Sample:
    """One run of one subject: CPU per call in microseconds over its whole process group, and how the calls fared.

    `reached` are the calls a second that SIPp came to. `delays` are milliseconds from INVITE to 200 as the caller sees
    them, the median, 95th and 99th percentile; the echo floor's are those of the rig. `engine` is a media engine's part
    of `cpu`.
    """

    subject: str
    rate: float
    calls: int
    cpu: float
    failed: int
    retransmissions: int
    resident: int
    delays: tuple[float, float, float]
    reached: float
    engine: float = 0.0


def measure(subject: Subject, rate: float, calls: int, directory: Path, namespace: str) -> Sample:
    """Start the subject, let SIPp make `calls` calls at `rate` a second through it, stop it."""
    directory.mkdir(parents=True, exist_ok=True)
    beside = subject.beside(directory, namespace) if subject.beside else None
    target = subject.start(directory, namespace)
    answering = start_callee(directory, namespace)
    try:
        answering.wait_for_udp("127.0.0.1", CALLEE)
        make_calls(rate, min(calls, 50), directory, namespace)  # warm: caches, connections, the first garbage
        paid = [target.pid] + ([beside.pid] if beside is not None else [])
        before, engine_before = sum(map(group_cpu, paid)), sum(map(engine_cpu, paid))
        failed, retransmissions, delays, reached = make_calls(rate, calls, directory, namespace)
        spent, engine = sum(map(group_cpu, paid)) - before, sum(map(engine_cpu, paid)) - engine_before
        resident = group_rss(target.pid)
    finally:
        answering.stop()
        target.stop()
        if beside is not None:
            beside.stop()
    cpu, part = spent / calls * 1e6, engine / calls * 1e6
    return Sample(subject.name, rate, calls, cpu, failed, retransmissions, resident, delays, reached, part)


def start_callee(directory: Path, namespace: str) -> Process:
    """SIPp that answers at once; whoever calls waits for its port, and stops it."""
    argv = ["sipp", "-sf", str(HERE / "uas.xml"), "-i", "127.0.0.1", "-p", str(CALLEE), "-nostdin"]
    return Process(argv, namespace=namespace, log=directory / "uas.log", cwd=directory)


def make_calls(
    rate: float, calls: int, directory: Path, namespace: str
) -> tuple[int, int, tuple[float, float, float], float]:
    """SIPp's calls through who listens on PORT: failed, sent again, delays as in `Sample`, and the rate reached."""
    statistics = directory / "uac.csv"
    for old in [statistics, *directory.glob("uac_*_rtt.csv")]:
        old.unlink(missing_ok=True)
    argv = ["sipp", "-sn", "uac", f"127.0.0.1:{PORT}", "-i", "127.0.0.1", "-p", "5095", "-r", f"{rate:g}"]
    argv += ["-m", str(calls), "-l", "20000", "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1"]
    argv += ["-trace_rtt", "-rtt_freq", "1"]
    caller = Process(argv, namespace=namespace, log=directory / "uac.log", cwd=directory)
    try:
        caller.wait(calls / rate + PATIENCE)
    except NotReady:  # calls that nothing ends: a peer that lost some is no reason to lose the other figures
        caller.stop()
    with statistics.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    reached = max(float(row["CallRate(P)"]) for row in rows)
    failed = max(int(last["FailedCall(C)"]), calls - int(last["SuccessfulCall(C)"]))
    return failed, int(last["Retransmissions(C)"]), percentiles(_delays(directory)), reached


def _delays(directory: Path) -> list[float]:
    """Milliseconds from INVITE to 200, one for each call that was answered."""
    rows = [row for path in directory.glob("uac_*_rtt.csv") for row in path.read_text().splitlines()[1:]]
    return [float(row.split(";")[1]) for row in rows]


def percentiles(values: list[float]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th percentile (nearest rank); zeros of nothing."""
    if not values:
        return 0.0, 0.0, 0.0
    ranked = sorted(values)
    half, most, nearly_all = (ranked[ceil(len(ranked) * share) - 1] for share in (0.5, 0.95, 0.99))
    return half, most, nearly_all
