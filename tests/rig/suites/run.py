"""One scenario after the other, two rigs at a time: a generated copy, its opposite, the exit code, the oracle, the
node's health.
"""

from __future__ import annotations

import fnmatch
import json
import queue
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.rig import oracle
from tests.rig.needs import corpora
from tests.rig.node import node_file
from tests.rig.phones import Answerer, Caller
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side
from tests.rig.sipp import Sipp
from tests.rig.suites.table import FOLDED, Row, rows
from tests.rig.ua import Ua

_LONGEST_PAUSE = 400
_MEDIA = "saghul/g711a.pcap"
_KNOWN_WORDS = re.compile(
    r"(service|(remote|local|media)_(ip|port|ip_type)|transport|len|call_(id|number)|cseq|pid|branch|msg_index"
    r"|routes|next_url|peer_tag_param|clock_tick|timestamp|userid|users|server_ip|fill|date|authentication|auto_media_port"
    r"|last_.*|field.*|rtpstream.*)$"
)
"""What SIPp fills in by itself; other words in brackets are the scenario's own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario: `pass`, `fail` or `not applicable`, and why."""

    suite: str
    file: str
    peer: str
    verdict: str
    why: str
    seconds: float = 0.0
    count: int = 1


def classified(suite: str) -> list[Row]:
    """A row for every scenario file of the suite; one that no row names is an error."""
    index = json.loads((corpora() / "sipp" / suite / "index.json").read_text())
    table = rows(suite)
    found: list[Row] = []
    folded: dict[Row, int] = {}
    for one in index["scenarios"]:
        file = one["file"]
        row = next((row for row in table if row.file == file), None)
        row = row or next((row for row in table if "*" in row.file and fnmatch.fnmatch(file, row.file)), None)
        if row is None:
            raise LookupError(f"{suite}/{file} is in no row of the table")
        assert not (row.peer and "EXEC" in one["features"]), f"{file} runs a shell command"
        if suite in FOLDED and "*" in row.file:
            folded[row] = folded.get(row, 0) + 1
            continue
        options = (*_options(file, one["features"]), *_words(corpora() / "sipp" / suite / file))
        found.append(Row(suite, file, row.peer, row.right, row.note, options))
    return found + [Row(suite, row.file, "", row.right, row.note, count=count) for row, count in folded.items()]


def _words(path: Path) -> list[str]:
    """Values for words of the scenario's own, which its runner would give: a port where it is called so, or a name."""
    found = sorted(set(re.findall(r"\[([a-z][a-z0-9_]*)\]", path.read_text(errors="replace"))))
    own = [word for word in found if not _KNOWN_WORDS.match(word)]
    return [part for word in own for part in ("-key", word, "22000" if "port" in word else "alice")]


def _options(file: str, features: list[str]) -> tuple[str, ...]:
    options = ["-s", "4930222", "-au", "alice", "-ap", "secret"]
    if "csv" in features:
        name = "subscribe_mwi_data" if "mwi" in file else "test50" if "pcap" in file else "register_data"
        options += ["-inf", f"{name}.csv"]
    return tuple(options)


def _config(state: Path) -> str:
    text = node_file(state=state, timers={"t1": 0.1, "ringing": 8, "call": 60})
    return text.replace("trusted = false", 'trusted = false\nrefer = "terminate"')


class Bench:
    """A rig with a node (or without, `direct`) on which rows are run one at a time."""

    def __init__(self, direct: bool) -> None:
        self.direct = direct
        self.rig = Rig()
        if not direct:
            self.rig.start(_config)

    def run(self, row: Row) -> Outcome:
        """Run one row; never raises for what a peer or the node did."""
        if not row.peer:
            return Outcome(row.suite, row.file, "", "not applicable", row.note, count=row.count)
        began = time.monotonic()
        self.rig.begin()
        if not self.direct:
            self._clear()
        try:
            why = self._run(row)
            if not why and not self.direct:
                why = self._joined() if row.right == "joined" else ""
                why = why or self._health()
        except (AssertionError, OSError) as error:
            why = _brief(str(error))
        seconds = time.monotonic() - began
        verdict = "fail" if why else "pass"
        why = f"{why} ({row.note})" if why and row.note else why or row.note
        return Outcome(row.suite, row.file, row.peer, verdict, why, seconds)

    def _clear(self) -> None:
        """End what an earlier scenario left in the node, and forget what its log said."""
        for call in self.rig.node.calls():
            self.rig.node.ask("POST", f"/calls/{call['id']}/hangup")
        self.rig.node.trouble()

    def _joined(self) -> str:
        """After a transfer the two who are left have a call, which nobody else would end."""
        calls = self.rig.node.calls()
        for call in calls:
            self.rig.node.ask("POST", f"/calls/{call['id']}/hangup")
        return "" if len(calls) == 1 else f"{len(calls)} calls are left of the transfer"

    def _health(self) -> str:
        self.rig.assert_clean_end()
        leaks = oracle.find_leaks(self.rig.taps.packets())
        return f"leak: {leaks[0]}" if leaks else ""

    def _run(self, row: Row) -> str:
        kind, _, rest = row.peer.partition(" ")
        if kind in ("call", "late"):
            return self._opposite_a_callee(row, kind == "late", rest.split())
        if kind == "sipp":
            far = self._sipp(Row(row.suite, rest, options=row.options), INSIDE, call=False)
            near = self._sipp(row, OUTSIDE, call=True)
            return _judge(row, near) or _judge(Row(row.suite, rest), far)
        ua = self._ua(INSIDE, call=False)
        words = rest.split()
        refuse = int(words.pop(0)) if kind == "refuse" else 0
        answerer = Answerer(ua, refuse, tuple(words))
        try:
            return _judge(row, self._sipp(row, OUTSIDE, call=True))
        finally:
            answerer.close()

    def _opposite_a_callee(self, row: Row, late: bool, steps: list[str]) -> str:
        callee = self._sipp(row, INSIDE, call=False)
        ua = self._ua(OUTSIDE, call=True)
        target = f"{INSIDE.peers[0]}:{INSIDE.trunk_port}" if self.direct else OUTSIDE.node_address
        try:
            status = Caller(ua, f"sip:4930222@{target}", late=late, patience=12).run(*steps)
        finally:
            ua.close()
        wanted = [int(one) for one in row.right.split()[1:]]
        if wanted and status not in wanted:
            callee.stop()
            return f"the caller was told {status}, not {' or '.join(map(str, wanted))}"
        if row.right.startswith("caller"):
            callee.stop()
            return ""
        return _judge(row, callee)

    def _ua(self, side: Side, *, call: bool) -> Ua:
        if not self.direct:
            return self.rig.ua(side, call=call)
        far = (INSIDE.peers[0], INSIDE.trunk_port) if call else (INSIDE.peers[1], 15000)
        port = 16000 if call else INSIDE.trunk_port
        return Ua(self.rig.network.inside, INSIDE.peers[1 if call else 0], port, far)

    def _sipp(self, row: Row, side: Side, *, call: bool) -> Sipp:
        where = self.rig.work()
        path = prepare(row, where)
        options = row.options
        if not self.direct:
            return self.rig.sipp(
                side, path, call=call, options=options, cwd=where, timeout=15, receive_timeout=9000, group="suite"
            )
        return Sipp(
            where,
            self.rig.network.inside,
            path,
            host=INSIDE.peers[1 if call else 0],
            port=15000 if call else INSIDE.trunk_port,
            target=f"{INSIDE.peers[0]}:{INSIDE.trunk_port}" if call else "",
            media_port=21000 if call else 22000,
            timeout=15,
            receive_timeout=9000,
            options=options,
            cwd=where,
        )

    def close(self) -> None:
        """Remove the rig."""
        self.rig.close()


def prepare(row: Row, where: Path) -> Path:
    """A copy of the scenario with long pauses cut and media files found, its data files beside it."""
    root = corpora() / "sipp"
    source = root / row.suite / row.file
    text = source.read_bytes().decode("utf-8", "surrogateescape")
    text = re.sub(
        r'(<pause\b[^>]*milliseconds=")(\d+)', lambda match: match[1] + str(min(int(match[2]), _LONGEST_PAUSE)), text
    )
    for folder in (source.parent, root / row.suite):
        for file in folder.iterdir():
            if file.is_file() and file.suffix in (".csv", ".pcap", ".wav") and not (where / file.name).exists():
                (where / file.name).symlink_to(file)
    media = str(root / _MEDIA)

    def found(match: re.Match[str]) -> str:
        name = Path(match[2].split(",")[0])
        return match[0] if (where / name).exists() else f"{match[1]}{media}{match[2][len(str(name)) :]}{match[3]}"

    text = re.sub(r'(play_pcap_(?:audio|video|image)=")([^"]*)(")', found, text)
    text = re.sub(r'(rtp_stream=")(?!pause|resume|apattern|vpattern)([^"]*)(")', found, text)
    path = where / source.name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def _judge(row: Row, sipp: Sipp) -> str:
    code = sipp.exit_code(30)
    if row.right == "ended":
        return "" if "unexpected BYE" in sipp.complaint() else f"SIPp {code}: {_first(sipp.complaint())}"
    if row.right.startswith("silence"):
        end = f"nothing came at step {row.right.split()[1]}"
        return "" if _first(sipp.complaint()) == end else f"SIPp {code}, not stopped where {end}"
    if code == 0 and row.right.startswith("either"):
        return ""
    if row.right.split()[0] not in ("refused", "either"):
        return "" if code == 0 else f"SIPp {code}: {_first(sipp.complaint())}"
    wanted = row.right.split()[1:]
    seen = re.findall(r"received 'SIP/2\.0 (\d{3}) ", sipp.complaint())
    if code == 0 or not set(seen) & set(wanted):
        return f"SIPp {code}, not stopped at {' or '.join(wanted)}: {_first(sipp.complaint())}"
    return ""


def _first(complaint: str) -> str:
    """What SIPp complained about, in a few words that are the same on every machine."""
    text = " ".join(complaint.split())
    if match := re.search(
        r"while expecting '([^']*)' \(index (\d+)\), received '(SIP/2\.0 )?(.{0,40}?) (?:Via|SIP/2\.0)", text
    ):
        return f"expected {match[1]} at step {match[2]}, got {match[4]}"
    if match := re.search(r"unexpected (BYE|CANCEL) for call", text):
        return f"an unexpected {match[1]}"
    if match := re.search(r"receive timeout on message [^:]*:(\d+)", text):
        return f"nothing came at step {match[1]}"
    if match := re.search(r"Failed regexp match: looking in '.*?', with regexp '(.*?)'", text):
        return f"what came does not match {match[1]}"
    return re.sub(r"\d{4}-\d\d-\d\d [\d:.]+ [\d.]+: ", "", text)[:160] or "said nothing"


def _brief(trouble: str) -> str:
    """The first thing wrong in an assertion's text."""
    if match := re.search(r'"action": "(\w+)", "realm": "(\w+)", "token": "([^"]*)", "place": "([^"]*)"', trouble):
        return f"the node's audit {match[1]} {match[3]} in the {match[4]} toward {match[2]}"
    return " ".join(trouble.split())[:200]


def run_rows(todo: list[Row], *, direct: bool = False, rigs: int = 2) -> list[Outcome]:
    """Run the rows on so many rigs at a time; outcomes in the order of the rows."""
    jobs: queue.SimpleQueue[tuple[int, Row]] = queue.SimpleQueue()
    for at, row in enumerate(todo):
        jobs.put((at, row))
    outcomes: dict[int, Outcome] = {}
    failures: list[BaseException] = []

    def work() -> None:
        try:
            bench = Bench(direct)
        except BaseException as error:
            failures.append(error)
            raise
        try:
            while True:
                at, row = jobs.get_nowait()
                outcomes[at] = bench.run(row)
        except queue.Empty:
            pass
        finally:
            bench.close()

    threads = [threading.Thread(target=work, name=f"suites-{number}") for number in range(rigs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [outcomes[at] for at in range(len(todo))]
