"""Which scenario suits an SBC placed in the middle, what stands opposite, and what is right: `table.txt`, read.

`peer`, opposite a uac: `answer` (a forgiving callee; the words after it are what it does after the ACK: `reinvite`,
`bye`), `refuse N`, or `sipp FILE`. Opposite a uas: `call` or `late` (a call without SDP in the INVITE) and the steps
of `Caller`.

`right`: `ok` is SIPp's exit code 0; numbers after it are the caller's final status. `refused N M` is right when SIPp
stops at one of those responses instead of the one it hoped for: the node's answer is the better one. `caller N M`
looks at the caller's final status only. `joined`: exit code 0, and the two whom a transfer has brought together talk.
`silence N`: SIPp waits at this step for what must not come. Without a peer, or without a right where there is a note,
the scenario does not apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario of one suite. Without a `peer` it is not applicable, and `note` says why."""

    suite: str
    file: str
    peer: str = ""
    right: str = "ok"
    note: str = ""
    options: tuple[str, ...] = ()
    count: int = 1
    """How many scenarios it stands for."""


FOLDED = ("asterisk-a",)
"""Suites in which a line with ``*`` is one line of the page, however many files it names."""
_REASONS = {
    "REGISTRAR": "what is no call is relayed or refused as the policy has it",
    "DIGEST": "needs a digest challenge of the far end to cross; the trunk of these runs names no digest realm",
    "RELIABLE": "waits for a PRACK or an UPDATE that nobody opposite sends: the node makes none of its own accord",
    "SRTP": "SRTP and DTLS belong to the media part",
    "TIMER": "waits for half of a session interval, 45 s; the engine's tests do so in virtual time",
    "NEWER": "needs a newer SIPp than 3.6.1",
    "REGISTRATION": "registers, or waits to be registered at; tests/interop/test_registration.py has a registrar",
    "EVENTS": "waits for somebody to register or subscribe; no such caller stands opposite",
}


def _read() -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    suite = ""
    for line in (Path(__file__).parent / "table.txt").read_text().splitlines():
        if line.startswith("["):
            suite = line.strip("[]")
            tables[suite] = []
        elif line and not line.startswith("#"):
            file, peer, right, note = [*(field.strip() for field in line.split("|")), "", "", ""][:4]
            applies = right or not note
            tables[suite].append(Row(suite, file, peer if applies else "", right or "ok", _REASONS.get(note, note)))
    return tables


_TABLES = _read()
SUITES = tuple(_TABLES)


def rows(suite: str) -> list[Row]:
    """The rows of a suite; a file name may hold ``*``."""
    return _TABLES[suite]
