"""`python -m tests.bench.failover [--rate R] [--seconds S] [--ring S] [--workers N]`: targets that die under load.

Three targets of one trunk share the calls and answer OPTIONS. One is killed (its port is closed: ICMP) and revived,
another falls silent (its cable is pulled) and comes back. Told: calls lost, how long callers waited for an answer, how
long the node took to notice and to send calls there again. A call is lost if its caller got no 200; those that had been
answered at a target when it died are not counted.
"""

from __future__ import annotations

import argparse
import csv
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rig.namespaces import INSIDE_PEERS
from tests.rig.needs import lacking
from tests.rig.node import PBX_PORT, node_file
from tests.rig.process import Process, wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.sipp import Sipp

_REPOSITORY = Path(__file__).resolve().parents[2]
_HELD = 1000
_PROBE = "probe = { every = 2, down_after = 3, up_after = 2 }"


@dataclass
class Outage:
    """What one target's death looked like from here; times in seconds."""

    host: str
    how: str
    calls: int = 0
    """There at that moment."""
    ringing: int = 0
    """Of those the ones that were not answered yet."""
    noticed: float = 0.0
    """Until no call went there any more."""
    returned: float = 0.0
    """From its revival until calls went there again."""


@dataclass
class Outcome:
    """The whole run."""

    calls: int = 0
    lost: int = 0
    shed: int = 0
    """Turned away at the door with 503: the machine was too busy for this load."""
    complaint: str = ""
    waits: list[float] = field(default_factory=list)
    """Seconds from INVITE to 200, of each call."""
    outages: list[Outage] = field(default_factory=list)


def main() -> int:
    """Measure and print; exit 1 if a call was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.failover", description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="calls a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="between one event and the next (%(default)s)")
    parser.add_argument("--ring", type=float, default=0.2, help="seconds a callee rings (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the node (%(default)s)")
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    with Rig(taps=False) as rig:
        outcome = run(rig, options.rate, options.seconds, options.ring, options.workers)
    waits = sorted(outcome.waits) or [0.0]
    say(f"{outcome.calls} calls at {options.rate}/s, each rings {options.ring:g} s; lost {outcome.lost}")
    if outcome.shed:
        say(f"{outcome.shed} more were turned away: this machine was too busy for them")
    shown = [f"{waits[int((len(waits) - 1) * part)]:.2f} s ({name})" for part, name in _PARTS]
    say(f"answered after {', '.join(shown)}")
    for one in outcome.outages:
        say(f"{one.host} {one.how} with {one.calls} calls there, {one.ringing} of them ringing:")
        say(f"  noticed after {one.noticed:.2f} s; calls again {one.returned:.2f} s after it was back")
    if outcome.lost:
        say(outcome.complaint)
    return 1 if outcome.lost else 0


_PARTS = ((0.5, "median"), (0.99, "99 of 100"), (1.0, "longest"))


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(rig: Rig, rate: int, seconds: float, ring: float, workers: int = 1) -> Outcome:
    """Kill, revive, silence and revive, with `seconds` between; on a rig whose node is not started yet."""
    hosts: tuple[str, ...] = INSIDE_PEERS
    rig.start(lambda state: _config(state, hosts, workers))
    callees = {host: _callee(rig, host, ring) for host in hosts}
    try:
        wait_until(lambda: all("answered" in str(_target(rig, host)["probe"]["last"]) for host in hosts), 20, "probes")
        caller, directory = _caller(rig, rate)
        time.sleep(seconds)
        outages = [Outage(hosts[0], "was killed"), Outage(hosts[1], "fell silent")]
        _note(rig, outages[0], callees[hosts[0]])
        callees[hosts[0]].kill()
        outages[0].noticed = _until(rig, hosts[0], "down")
        time.sleep(seconds)
        callees[hosts[0]] = _callee(rig, hosts[0], ring)
        outages[0].returned = _until(rig, hosts[0], "up")
        time.sleep(seconds)
        _note(rig, outages[1], callees[hosts[1]])
        callees[hosts[1]].signal(signal.SIGUSR1)
        outages[1].noticed = _until(rig, hosts[1], "down")
        time.sleep(seconds)
        callees[hosts[1]].signal(signal.SIGUSR2)
        outages[1].returned = _until(rig, hosts[1], "up")
        time.sleep(seconds)
        outcome = _end(caller, directory)
        outcome.outages = outages
        outcome.shed = min(outcome.lost, int(rig.node.ask("GET", "/status")["engine"]["overload"]["refused"]))
        outcome.lost -= outcome.shed
        rig.assert_clean_end()
    finally:
        for callee in callees.values():
            callee.stop()
    return outcome


def _config(state: Path, hosts: tuple[str, ...], workers: int) -> str:
    text = node_file(state=state, media="bypass", workers=workers, pbx=tuple([f"{host}:{PBX_PORT}" for host in hosts]))
    for priority in range(2, len(hosts) + 1):
        text = text.replace(f"priority = {priority}", "priority = 1")
    return text.replace('[trunk.pbx]\nrealm = "inside"', f'[trunk.pbx]\nrealm = "inside"\n{_PROBE}')


def _callee(rig: Rig, host: str, ring: float) -> Process:
    argv = [sys.executable, "-m", "tests.bench.callee", f"{host}:{PBX_PORT}", str(ring)]
    process = Process(
        argv,
        namespace=rig.network.namespace_of(INSIDE.name),
        log=rig.work() / "callee.log",
        cwd=_REPOSITORY,
        environment={"PYTHONPATH": str(_REPOSITORY)},
    )
    process.wait_for_udp(host, PBX_PORT)
    return process


def _caller(rig: Rig, rate: int) -> tuple[Sipp, Path]:
    directory = rig.work()
    options = ["-s", "4930222", "-trace_stat", "-stf", str(directory / "stat.csv"), "-fd", "1"]
    options += ["-trace_rtt", "-rtt_freq", "1"]
    sipp = rig.sipp(
        OUTSIDE,
        "bench_uac",
        call=True,
        calls=1_000_000,
        rate=rate,
        held=rate * 60,
        timeout=600,
        receive_timeout=40000,
        values={"held": str(_HELD)},
        options=options,
    )
    return sipp, directory


def _end(caller: Sipp, directory: Path) -> Outcome:
    """Let the calls that are up end, and count."""
    caller.process.signal(signal.SIGUSR1)  # SIPp begins no more calls, and ends after the last
    caller.process.wait(60)
    with (directory / "stat.csv").open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    waits: list[float] = []
    for path in caller.process.log.parent.glob("*_rtt.csv"):
        rows = list(csv.reader(path.read_text().splitlines(), delimiter=";"))[1:]
        waits += [float(row[1]) / 1000 for row in rows if len(row) > 1]
    return Outcome(int(last["TotalCallCreated"]), int(last["FailedCall(C)"]), complaint=_failures(caller), waits=waits)


def _failures(caller: Sipp) -> str:
    """The first lines that say why a call failed; SIPp complains of harmless things, too."""
    lines = caller.errors.read_text(errors="replace").splitlines() if caller.errors.exists() else []
    return "\n".join([line[:300] for line in lines if "bort" in line and "Dead call" not in line][:5])


def _target(rig: Rig, host: str) -> dict[str, Any]:
    trunks = rig.node.ask("GET", "/trunks")["trunks"]
    targets = next(one for one in trunks if one["name"] == "pbx")["targets"]
    found: dict[str, Any] = next(one for one in targets if host in one["uri"])
    return found


def _until(rig: Rig, host: str, state: str) -> float:
    start = time.monotonic()
    wait_until(lambda: _target(rig, host)["state"] == state, 60, f"{host} to be {state}")
    return time.monotonic() - start


def _note(rig: Rig, outage: Outage, callee: Process) -> None:
    """How many calls are at a target."""
    callee.signal(signal.SIGHUP)
    wait_until(lambda: "ringing " in callee.output(), 5, "the callee's count")
    outage.ringing = int(callee.output().split("ringing ")[1].split()[0])
    outage.calls = int(_target(rig, outage.host)["calls"])


if __name__ == "__main__":
    sys.exit(main())
