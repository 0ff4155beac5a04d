"""SIPp as a peer: our own scenarios (templates in `scenarios/`) or anybody's, started ready and judged by exit code."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.process import Process

_SCENARIOS = Path(__file__).parent / "scenarios"
_numbers = itertools.count(1)
_EVENT = re.compile(r"'?(?=\d{4}-\d\d-\d\d\t[\d:.]+\t\d+\.\d+: )")
"""Where an event of an error file begins. SIPp ends none with a line, so that is within one as often as not."""


def without_dead_calls(errors: str) -> str:
    """What SIPp wrote of errors, but for late copies to calls that had ended."""
    return "".join([event for event in _EVENT.split(errors) if ": Dead call " not in event])


def render(name: str, directory: Path, values: Mapping[str, str]) -> Path:
    """Our scenario `name` with every ``{{key}}`` replaced, written into `directory`."""
    text = (_SCENARIOS / f"{name}.xml").read_text()
    text = re.sub(
        r"\{\{include (\w+)\}\}", lambda match: (_SCENARIOS / f"{match[1]}.part").read_text().rstrip("\n"), text
    )
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    left = re.search(r"\{\{\w+\}\}", text)
    assert left is None, f"{name}: no value for {left[0] if left else ''}"
    path = directory / f"{name}-{next(_numbers)}.xml"
    path.write_text(text)
    return path


class Sipp:
    """One SIPp process. A `target` makes it wait for nothing but its own socket; it ends after `calls` calls.

    `exit_code` is SIPp's: 0 all calls right, 1 a call failed, 97 to 255 it could not run.
    """

    def __init__(
        self,
        directory: Path,
        namespace: str,
        scenario: Path | str,
        *,
        host: str,
        port: int,
        target: str = "",
        calls: int = 1,
        rate: int = 0,
        held: int = 0,
        media_port: int = 0,
        timeout: int = 90,
        receive_timeout: int = 30000,
        options: Sequence[str] = (),
        cwd: Path | None = None,
        group: str = "",
    ) -> None:
        number = next(_numbers)
        built_in = isinstance(scenario, str)
        label = scenario if isinstance(scenario, str) else scenario.stem
        self.errors = directory / f"{label}-{number}.err"
        argv = ["sipp", "-sn" if built_in else "-sf", str(scenario), "-i", host, "-p", str(port)]
        argv += ["-mi", host.strip("[]"), "-m", str(calls), "-nostdin", "-timeout", f"{timeout}s", "-timeout_error"]
        argv += ["-trace_err", "-error_file", str(self.errors), "-recv_timeout", str(receive_timeout)]
        argv += ["-cid_str", f"{group or label}-%u-%p-{number}@%s"]
        argv += ["-mp", str(media_port)] if media_port else []
        argv += ["-r", str(rate)] if rate else []
        argv += ["-l", str(held)] if held else []
        argv += [*options, *([target] if target else [])]
        self.process = Process(argv, namespace=namespace, log=directory / f"{label}-{number}.out", cwd=cwd or directory)
        if not target:
            by_tcp = any(option in ("t1", "tn") for option in options)
            wait = self.process.wait_for_tcp if by_tcp else self.process.wait_for_udp
            wait(host.strip("[]"), port)

    def exit_code(self, timeout: float = 100.0) -> int:
        """Wait for its end."""
        return self.process.wait(timeout)

    def assert_ok(self, timeout: float = 100.0) -> None:
        """It ended with 0; else what it complained about."""
        code = self.exit_code(timeout)
        assert code == 0, f"sipp {self.process.log.stem} ended with {code}\n{self.complaint()}"

    def complaint(self) -> str:
        """The first of its errors, but for late copies to calls that had ended; without any the end of its screen."""
        if self.errors.exists():
            return without_dead_calls(self.errors.read_text(errors="replace"))[:1500]
        return self.process.output()[-1500:]

    def stop(self) -> None:
        """End it now."""
        self.process.stop(1)
