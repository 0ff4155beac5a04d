"""What a call costs the engine, counted in instructions: a number that no neighbour on the machine can change.

`make guard` counts under valgrind's callgrind, compares with the recorded value for this way of running (pure Python,
compiled) and this Python, and fails where it rose by more than 5 %. `--record` writes the value. Two runs of the
same script, one played once and one played three times, are subtracted: what remains is the playing alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

RECORDED: Final = Path(__file__).with_name("instructions.json")
LIMIT: Final = 1.05
CALLS: Final = 25
_WARM: Final = 3


def mode() -> str:
    """The key of a recorded value: compiled or pure, and the Python whose instructions are counted: builds differ."""
    from sbc.sip import parse_message

    origin = str(sys.modules[parse_message.__module__].__file__)
    kind = "pure" if origin.endswith(".py") else "compiled"
    return f"{kind} {sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"


def count(calls: int = CALLS, profile: str = os.devnull) -> int:
    """Instructions that one call costs the engine."""
    runs = [_start(calls, times, profile if times == 3 else os.devnull) for times in (1, 3)]
    once, thrice = (_collected(run) for run in runs)
    return (thrice - once) // (2 * calls)


def _start(calls: int, times: int, profile: str) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", sys.executable]
    command += ["-m", "tests.bench.instructions", "--play", str(calls), str(times)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _collected(run: subprocess.Popen[str]) -> int:
    said = run.communicate()[1]
    found = re.search(r"Collected : (\d+)", said)
    if run.returncode or found is None:
        raise SystemExit(f"callgrind failed:\n{said}")
    return int(found[1])


def play(calls: int, times: int) -> None:
    """The part that is counted: fresh engines and tables that are warm, the garbage collector out of the way."""
    from tests.bench import script

    inputs = script.record(calls, linger=40.0)
    engines = [script.engine() for _ in range(_WARM)]
    gc.disable()
    for engine in engines[:times]:
        script.play(engine, inputs)
    os._exit(0)


def judge(counted: int, recorded: int | None) -> tuple[str, bool]:
    """One line for a reader, and whether it may pass."""
    if recorded is None:
        return f"{counted:,} instructions a call; nothing is recorded for {mode()}: `make guard-record`", True
    change = counted / recorded - 1
    line = f"{counted:,} instructions a call, {change:+.1%} on the recorded {recorded:,} ({mode()})"
    if counted > recorded * LIMIT:
        return f"{line}: more than 5 % up", False
    return line, True


def main(arguments: list[str] | None = None) -> int:
    """Count, then compare or record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep the value for later runs")
    parser.add_argument("--profile", default=os.devnull, help="keep callgrind's file, for callgrind_annotate")
    parser.add_argument("--play", nargs=2, type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.play:
        play(*chosen.play)
    if shutil.which("valgrind") is None:
        print("valgrind is not installed (apt install valgrind): nothing was counted")
        return 0
    counted = count(profile=chosen.profile)
    known: dict[str, int] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if chosen.record:
        known[mode()] = counted
        RECORDED.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
        print(f"{counted:,} instructions a call recorded for {mode()}")
        return 0
    line, passed = judge(counted, known.get(mode()))
    print(line)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
