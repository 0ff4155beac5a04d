"""`python -m tests.bench.deaths [--kill worker|node] [--held N] [--rate R]`: `kill -9` under load, as callers saw it.

Calls are held; around the moment of the kill each is changed by a re-INVITE, which crosses, and refreshed by another,
which does not; new ones come all the while. Told, from what was on the wires: how long the dead one's share of the
messages waited, whether each held call was changed, refreshed and ended with a BYE on both legs, what became of the
new ones. Exit 1 if a held call did not go its whole way; a new one that was being set up at that moment may be lost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sbc.steering import Table, key_of
from tests.bench.installed import run_installed
from tests.rig.frames import Packet
from tests.rig.needs import lacking
from tests.rig.process import NotReady, wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.sipp import Sipp

HELD, FRESH = "4930222", "4930223"
"""Whom callers of held calls dial, and those of new ones."""
_BEFORE, _BETWEEN = 5000, 1500
"""Milliseconds of a held call before its change, and from there to its refresh."""
_FRESH = 8.0
"""Seconds for which new calls come."""


@dataclass
class Asked:
    """A request of a peer, the first copy of it: when it came, when the first answer and the final one left."""

    owner: int
    when: float
    heard: float = 0.0
    final: float = 0.0
    status: int = 0


@dataclass
class Seen:
    """What was on the wires."""

    asked: dict[tuple[str, str], Asked] = field(default_factory=dict)
    """By Call-ID and CSeq, outside."""
    up_inside: dict[str, set[str]] = field(default_factory=lambda: {HELD: set(), FRESH: set()})
    """Calls whose callee answered and got its ACK, by the number dialled."""
    ended_inside: set[str] = field(default_factory=set)
    """Those that got a BYE. A SIPp that has dropped a call, for a copy of an INVITE that came late, answers none."""


def main() -> int:
    """Measure and print; exit 1 if a held call did not end as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deaths", description=__doc__)
    parser.add_argument("--kill", choices=["worker", "node"], default="worker", help="who dies (%(default)s)")
    parser.add_argument("--held", type=int, default=200, help="calls held (%(default)s)")
    parser.add_argument("--rate", type=int, default=100, help="new calls a second (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of the node, two at the least (%(default)s)")
    parser.add_argument(
        "--media",
        choices=["rtpengine", "embedded", "bypass"],
        default="rtpengine",
        help="who relays; the embedded engine is not made for such rates (%(default)s)",
    )
    options = parser.parse_args()
    if reason := lacking("sipp", *(["rtpengine"] if options.media == "rtpengine" else [])):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    say(f"the node: {run_installed()}")
    with Rig() as rig:
        engine = Rtpengine(rig.work(), rig.network.node) if options.media == "rtpengine" else None
        try:
            rig.start_with(
                store="sqlite",
                workers=options.workers,
                media="bypass" if options.media == "bypass" else "anchor",
                engine=engine.ng if engine is not None else "",
            )
            return judge(rig, options)
        finally:
            if engine is not None:
                engine.stop()


def judge(rig: Rig, options: argparse.Namespace) -> int:
    """One run."""
    table = Table(bytes.fromhex((rig.node.directory / "slots").read_text()), options.workers)
    held = start(rig, options.held, options.rate)
    wait_until(lambda: status(rig).get("calls") == options.held, 60, "the held calls")
    victim = int(status(rig)["workers"][0]["pid"])
    fresh = rig.sipp(
        OUTSIDE,
        "bench_uac",
        call=True,
        calls=int(options.rate * _FRESH),
        rate=options.rate,
        held=2000,
        timeout=100,
        receive_timeout=40000,
        values={"held": "500"},
        options=("-s", FRESH, "-max_retrans", "20", "-max_invite_retrans", "20"),
    )
    time.sleep(_FRESH / 3)
    killed = time.time()
    if options.kill == "worker":
        os.kill(victim, signal.SIGKILL)
    else:
        rig.restart()
    served = time.time()
    code = held.exit_code(150)
    fresh.exit_code(150)
    with contextlib.suppress(NotReady):
        rig.node.wait_idle(40)
    say(f"calls left: {len(rig.node.calls())}")
    seen = read(rig.taps.packets(), table)
    report(seen, killed, options)
    if options.kill == "node":
        say(f"the next node was ready {served - killed:.2f} s after the kill, its start included")
    return verdict(rig, seen, held, code, options)


def start(rig: Rig, calls: int, rate: int) -> Sipp:
    """A callee for everything, and the caller of the held calls."""
    rig.begin()
    rig.sipp(
        INSIDE,
        "held_uas",
        call=False,
        calls=1_000_000,
        timeout=200,
        receive_timeout=90000,
        options=("-max_retrans", "20", "-max_invite_retrans", "20"),
    )
    return rig.sipp(
        OUTSIDE,
        "held_uac",
        call=True,
        calls=calls,
        rate=rate,
        held=calls,
        timeout=150,
        receive_timeout=40000,
        values={"before": str(_BEFORE), "between": str(_BETWEEN), "after": str(10000)},
        options=("-s", HELD, "-max_retrans", "20", "-max_invite_retrans", "20"),
    )


def status(rig: Rig) -> dict[str, Any]:
    """As operators see it."""
    found: dict[str, Any] = rig.node.ask("GET", "/status")
    return found


def read(packets: Iterable[Packet], table: Table) -> Seen:
    """Requests of the callers with their answers, and the BYEs of the far legs."""
    seen = Seen()
    for packet in packets:
        data = packet.payload
        call, cseq = header(data, b"Call-ID"), header(data, b"CSeq")
        if packet.realm == "inside":
            if packet.from_node and data.startswith((b"ACK ", b"BYE ")):
                number = FRESH if FRESH in header(data, b"To") + header(data, b"From") else HELD
                (seen.up_inside[number] if data.startswith(b"ACK ") else seen.ended_inside).add(call)
        elif data.startswith((b"INVITE ", b"BYE ")) and not packet.from_node:
            seen.asked.setdefault((call, cseq), Asked(table.owner(key_of(data)), packet.when))
        elif data.startswith(b"SIP/2.0 ") and packet.from_node and (call, cseq) in seen.asked:
            asked, code = seen.asked[call, cseq], int(data[8:11])
            asked.heard = asked.heard or packet.when
            if code >= 200 and not asked.final:
                asked.final, asked.status = packet.when, code
    return seen


def header(data: bytes, name: bytes) -> str:
    """The first header field of this name."""
    start = data.find(b"\r\n" + name + b":")
    if start < 0:
        return ""
    start += len(name) + 3
    return data[start : data.find(b"\r\n", start)].decode("ascii", "replace").strip()


def report(seen: Seen, killed: float, options: argparse.Namespace) -> None:
    """How long who waited."""
    say(f"kill -9 of the {options.kill} at {options.held} held calls and {options.rate} new ones a second")
    for name, owners in (("the dead worker's share", {0}), ("the others'", set(range(1, options.workers)))):
        asked = [one for one in seen.asked.values() if one.owner in owners]
        calm = waits_of([one for one in asked if one.heard and one.heard < killed])
        waits = waits_of([one for one in asked if one.heard >= killed])
        late = sum(one > 1.0 for one in waits)
        say(
            f"{name}: a first word within {_in_words(calm)} before the kill, {_in_words(waits)} after it;"
            f" {late} of {len(waits)} waited longer than a second"
        )
    first = [one.heard for one in seen.asked.values() if one.owner == 0 and one.heard >= killed]
    if first:
        say(f"the share moved: the first word of the successor came {min(first) - killed:.2f} s after the kill")


def waits_of(asked: list[Asked]) -> list[float]:
    """Seconds to the first answer, in order."""
    return sorted([one.heard - one.when for one in asked])


def _in_words(waits: list[float]) -> str:
    return f"{1000 * waits[len(waits) // 2]:.0f} ms (median, at most {1000 * waits[-1]:.0f})" if waits else "(none)"


def verdict(rig: Rig, seen: Seen, held: Sipp, code: int, options: argparse.Namespace) -> int:
    """What became of the calls: 0 where every held one went its whole way."""
    mine = {call for call, _ in seen.asked if call.startswith("held_uac")}
    done = {
        cseq: sum(1 for call in mine if seen.asked.get((call, cseq), Asked(0, 0.0)).status == 200)
        for cseq in ("1 INVITE", "2 INVITE", "3 INVITE", "4 BYE")
    }
    far = seen.up_inside[HELD]
    say(
        f"held calls: {done['1 INVITE']} up, {done['2 INVITE']} changed by re-INVITE, {done['3 INVITE']} refreshed;"
        f" {done['4 BYE']} ended with a BYE on the near leg, {len(seen.ended_inside & far)} on the far one"
    )
    odd = Counter(
        f"{cseq} {one.status or 'unanswered'}"
        for (call, cseq), one in seen.asked.items()
        if call in mine and one.status != 200
    )
    if odd:
        say(f"held calls, answers but 200: {', '.join(f'{what} {count} times' for what, count in odd.most_common())}")
    others = [one for (call, cseq), one in seen.asked.items() if call not in mine and cseq == "1 INVITE"]
    outcomes = Counter(str(one.status or ("no answer" if not one.heard else "provisional alone")) for one in others)
    say(f"new calls: {len(others)}; answers: {', '.join(f'{how} {count}' for how, count in outcomes.most_common())}")
    fresh = seen.up_inside[FRESH]
    say(f"new calls that came up: {len(fresh)} far legs, {len(seen.ended_inside & fresh)} ended with a BYE")
    if code:
        say(f"the callers of the held calls complain:\n{held.complaint()}")
    events = status(rig)["events"]
    say(f"adopted: {events.get('calls.adopted', 0)}")
    is_whole = set(done.values()) == {options.held} and len(far) == options.held and far <= seen.ended_inside
    return 0 if is_whole and not code else 1


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
