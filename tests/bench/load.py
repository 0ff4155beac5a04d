"""SIPp as caller and callee, the same for everybody, and the CPU a subject spends on it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tests.bench.subjects import CALLEE, PORT, Subject
from tests.rig.process import Process, group_cpu, group_rss

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """One run of one subject: CPU per call in microseconds over its whole process group, and how the calls fared."""

    subject: str
    rate: float
    calls: int
    cpu: float
    failed: int
    retransmissions: int
    resident: int


def measure(subject: Subject, rate: float, calls: int, directory: Path, namespace: str) -> Sample:
    """Start the subject, let SIPp make `calls` calls at `rate` a second through it, stop it."""
    directory.mkdir(parents=True, exist_ok=True)
    beside = subject.beside(directory, namespace) if subject.beside else None
    target = subject.start(directory, namespace)
    callee = ["sipp", "-sf", str(HERE / "uas.xml"), "-i", "127.0.0.1", "-p", str(CALLEE), "-nostdin"]
    answering = Process(callee, namespace=namespace, log=directory / "uas.log", cwd=directory)
    try:
        answering.wait_for_udp("127.0.0.1", CALLEE)
        _call(rate, min(calls, 50), directory, namespace)  # warm: caches, connections, the first garbage
        before = group_cpu(target.pid)
        failed, retransmissions = _call(rate, calls, directory, namespace)
        spent = group_cpu(target.pid) - before
        resident = group_rss(target.pid)
    finally:
        answering.stop()
        target.stop()
        if beside is not None:
            beside.stop()
    return Sample(subject.name, rate, calls, spent / calls * 1e6, failed, retransmissions, resident)


def _call(rate: float, calls: int, directory: Path, namespace: str) -> tuple[int, int]:
    statistics = directory / "uac.csv"
    statistics.unlink(missing_ok=True)
    argv = ["sipp", "-sn", "uac", f"127.0.0.1:{PORT}", "-i", "127.0.0.1", "-p", "5095", "-r", f"{rate:g}"]
    argv += ["-m", str(calls), "-l", "20000", "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1"]
    caller = Process(argv, namespace=namespace, log=directory / "uac.log", cwd=directory)
    caller.wait(calls / rate + 90)
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return int(last["FailedCall(C)"]), int(last["Retransmissions(C)"])
