"""Who is measured: this node as an operator runs it, its peers with topology hidden, and the floor below them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.rig.process import Process, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
PORT, CALLEE = 5060, 5080

_NODE = """
[node]
name = "bench"
policies = "library:quickstart"
[realm.outside]
listen = ["udp:127.0.0.1:5060"]
[realm.inside]
listen = ["udp:127.0.0.1:5070"]
trusted = true
[trunk.pbx]
realm = "inside"
targets = [{{ uri = "sip:127.0.0.1:5080" }}]
[trunk.carrier]
realm = "outside"
targets = [{{ uri = "sip:127.0.0.1:5095" }}]
[media]
mode = "{media}"
[audit]
mode = "{audit}"
[control]
socket = "{directory}/control.sock"
"""

_KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:5060
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "topoh.so"
modparam("topoh", "mask_key", "a key of the bench")
modparam("topoh", "mask_ip", "127.0.0.8")
modparam("topoh", "mask_callid", 1)
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) { loose_route(); $du = "sip:127.0.0.1:5080"; t_relay(); exit; }
    t_check_trans();
    record_route();
    $du = "sip:127.0.0.1:5080";
    t_relay();
}
"""


@dataclass(frozen=True)
class Subject:
    """One row of the table. `start` gives the process whose group is measured; `most` is the highest rate asked."""

    name: str
    start: Callable[[Path, str], Process]
    most: float = 1e9


def _echo(directory: Path, namespace: str) -> Process:
    argv = [sys.executable, "-m", "tests.bench.echo", f"127.0.0.1:{PORT}", f"127.0.0.1:{CALLEE}"]
    process = Process(argv, namespace=namespace, log=directory / "echo.log", cwd=REPOSITORY)
    process.wait_for_udp("127.0.0.1", PORT)
    return process


def _node(media: str, audit: str) -> Callable[[Path, str], Process]:
    def start(directory: Path, namespace: str) -> Process:
        config = directory / f"node-{media}-{audit}.toml"
        config.write_text(_NODE.format(media=media, audit=audit, directory=directory))
        argv = [sys.executable, "-m", "sbc", "run", "--config", str(config), "--state", str(directory)]
        process = Process(argv, namespace=namespace, log=directory / "node.log", cwd=REPOSITORY)
        process.wait_for_udp("127.0.0.1", PORT, timeout=60)
        wait_until(lambda: "try next" in process.output() or not process.running, 60, "the node")
        return process

    return start


def _kamailio(directory: Path, namespace: str) -> Process:
    config = directory / "kamailio.cfg"
    config.write_text(_KAMAILIO)
    argv = ["kamailio", "-DD", "-E", "-m", "512", "-M", "32", "-Y", str(directory), "-w", str(directory)]
    argv += ["-f", str(config), "-P", str(directory / "pid")]
    process = Process(argv, namespace=namespace, log=directory / "kamailio.log", cwd=directory)
    process.wait_for_udp("127.0.0.1", PORT)
    return process


def _sippy(program: Path) -> Callable[[Path, str], Process]:
    def start(directory: Path, namespace: str) -> Process:
        argv = [str(program), "-f", "-l", "127.0.0.1", "-p", str(PORT), "-n", f"127.0.0.1:{CALLEE}"]
        environment = {"SIPLOG_BEND": "none", "SIPLOG_LVL": "CRIT"}
        process = Process(argv, namespace=namespace, log=directory / "sippy.log", environment=environment)
        process.wait_for_udp("127.0.0.1", PORT, timeout=30)
        return process

    return start


def sippy_program(cache: Path) -> Path | None:
    """Sippy's B2BUA in an environment of its own, installed on first use; None where that cannot be done."""
    program = cache / "sippy" / "bin" / "b2bua_simple"
    if program.exists():
        return program
    try:
        venv.create(cache / "sippy", with_pip=True)
        pip = [str(cache / "sippy" / "bin" / "python"), "-m", "pip", "install", "-q", "sippy==2.5.0"]
        subprocess.run(pip, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        return None
    return program if program.exists() else None


def subjects(cache: Path) -> tuple[list[Subject], list[str]]:
    """Everything that can be measured on this machine, and what cannot and why."""
    found = [
        Subject("echo floor", _echo),
        Subject("sbc", _node("bypass", "strip")),
        Subject("sbc, audit off", _node("bypass", "off")),
        Subject("sbc, media anchored", _node("anchor", "strip"), most=300),
    ]
    missing: list[str] = []
    if shutil.which("kamailio"):
        found.append(Subject("Kamailio topoh", _kamailio))
    else:
        missing.append("Kamailio topoh: kamailio is not installed")
    program = sippy_program(cache)
    if program is not None:
        found.append(Subject("Sippy B2BUA", _sippy(program), most=50))
    else:
        missing.append("Sippy B2BUA: pip could not install sippy")
    return found, missing
