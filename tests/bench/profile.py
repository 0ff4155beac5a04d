"""`python -m tests.bench.profile [--rate R --seconds S]`: where the node's CPU goes, by room, under the bench's load.

The compiled node runs under Linux' perf, which looks 2,000 times a second of CPU at what is being done. Each look
counts for the room of the innermost compiled function of ours on the stack, whatever it had CPython or the kernel do
for it; what only the interpreter ran (event loop, log writer, journal writer) is told by its thread. Prints Markdown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.bench.installed import CACHE, compiled_install
from tests.bench.load import make_calls, start_callee
from tests.bench.subjects import CALLEE, node_of
from tests.rig.namespaces import Namespace
from tests.rig.needs import lacking

OURS: Final = ("CPyDef_", "CPyPy_")
LOOKS: Final = 2000

Look = tuple[str, list[str], str]
"""Thread id; functions, the innermost first; the file that holds the innermost one."""


def rooms(install: Path) -> dict[str, str]:
    """How mypyc may spell each compiled module in the names of its functions, and the room it belongs to."""
    found: dict[str, str] = {}
    for path in sorted((install / "sbc").rglob("*.so")):
        parts = (*path.relative_to(install).parent.parts, path.name.partition(".")[0])
        room = ".".join(parts[1:-1]) or parts[-1]
        for first in range(len(parts)):
            found.setdefault("___".join(parts[first:]), room)
    return found


def room_of(function: str, spelled: dict[str, str]) -> str:
    """`CPyDef_sip___parse____start_line` is of `sip`; an empty string for what is not ours."""
    for prefix in OURS:
        if function.startswith(prefix):
            words = function.removeprefix(prefix).split("___")
            for length in range(len(words), 0, -1):
                room = spelled.get("___".join(words[:length]))
                if room is not None:
                    return room
    return ""


def looks(lines: Iterable[str]) -> Iterator[Look]:
    """What `perf script -F tid,ip,sym,dso` says, a look at a time."""
    thread, functions, holder = "", list[str](), ""
    for line in lines:
        if not line.strip():
            if functions:
                yield thread, functions, holder
            functions, holder = [], ""
        elif line.strip().isdigit():
            thread = line.strip()
        else:
            _, _, rest = line.strip().partition(" ")
            name, _, file = rest.rpartition(" (")
            functions.append(name.partition("+")[0])
            if file != "inlined)":
                holder = holder or file.rstrip(")")
    if functions:
        yield thread, functions, holder


def shares(found: Iterable[Look], spelled: dict[str, str], main: str) -> Counter[tuple[str, str]]:
    """Looks by room and by where they were: `ours`, `CPython`, `kernel` or `libraries`."""
    counted: Counter[tuple[str, str]] = Counter()
    for thread, functions, holder in found:
        room = next((room for name in functions if (room := room_of(name, spelled))), "")
        if not room:
            room = "event loop and the rest of Python" if thread == main else "log and journal writers"
        counted[room, _layer(functions[0], holder)] += 1
    return counted


def _layer(function: str, holder: str) -> str:
    if function.startswith("CPy") or "__mypyc" in holder:
        return "ours"
    if "kernel" in holder:
        return "kernel"
    return "CPython" if "python" in Path(holder).name else "libraries"


def table(counted: Counter[tuple[str, str]]) -> str:
    """Rooms by their share, with the part of each layer in it; per cent of all looks."""
    whole = sum(counted.values()) or 1
    layers = ("ours", "CPython", "kernel", "libraries")
    by_room: Counter[str] = Counter()
    for (room, _), count in counted.items():
        by_room[room] += count
    lines = [f"| room | share | {' | '.join(layers)} |", f"| --- | ---: |{' ---: |' * len(layers)}"]
    for room, count in by_room.most_common():
        parts = " | ".join(f"{100 * counted[room, layer] / whole:.1f}" for layer in layers)
        lines.append(f"| {room} | {100 * count / whole:.1f} % | {parts} |")
    sums = [sum(count for (_, at), count in counted.items() if at == layer) for layer in layers]
    lines.append(f"| all | 100 % | {' | '.join(f'{100 * each / whole:.1f}' for each in sums)} |")
    return "\n".join(lines)


def record(install: Path, rate: float, seconds: float, directory: Path, namespace: str) -> tuple[Path, str]:
    """Load a node and look at it: perf's file, and the node's main thread."""
    node = node_of("bypass", "strip", install)(directory, namespace)
    answering = start_callee(directory, namespace)
    data = directory / "perf.data"
    try:
        answering.wait_for_udp("127.0.0.1", CALLEE)
        make_calls(rate, 200, directory, namespace)
        argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(LOOKS), "--call-graph", "dwarf,16384"]
        watching = subprocess.Popen([*argv, "-o", str(data), "-p", str(node.pid), "--", "sleep", str(seconds)])
        failed = make_calls(rate, int(rate * seconds), directory, namespace)[0]
        watching.wait(120)
    finally:
        answering.stop()
        node.stop()
    sys.stderr.write(f"{int(rate * seconds)} calls at {rate:g}/s, {failed} failed\n")
    return data, str(node.pid)


def main() -> int:
    """Load, look, print; exit 2 where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="calls a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="length (%(default)s)")
    options = parser.parse_args()
    if reason := lacking("sipp", "perf"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    install = compiled_install(CACHE)
    if install is None:
        sys.stderr.write("cannot run here: the node could not be compiled (is there a C compiler?)\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="sbc-bench-") as folder, Namespace("prof") as namespace:
        data, main_thread = record(install, options.rate, options.seconds, Path(folder), namespace.name)
        argv = ["perf", "script", "-i", str(data), "-F", "tid,ip,sym,dso"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as said:
            counted = shares(looks(said.stdout or ()), rooms(install), main_thread)
    sys.stdout.write(table(counted) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
