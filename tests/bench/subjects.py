"""Who is measured: this node as an operator runs it, its peers with topology hidden, and the floor below them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.installed import REPOSITORY, compiled_install
from tests.rig.process import Process, wait_until

PORT, CALLEE = 5060, 5080
NODE = "sbc"
REFERENCE = "Kamailio topoh"
EMBEDDED = "sbc, media anchored"
ANCHORED = "sbc, rtpengine"
ANCHORED_REFERENCE = "Kamailio topoh, rtpengine"
MOST_ANCHORED = 300.0
"""Calls a second asked of who has media anchored at most, but by the search for the limit."""

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
{engines}
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
{hiding}
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) { loose_route(); {deleting} $du = "sip:127.0.0.1:5080"; t_relay(); exit; }
    t_check_trans();
    record_route();
    $du = "sip:127.0.0.1:5080";
    {offering}
    t_relay();
}
{answering}
"""


_TOPOH = """loadmodule "topoh.so"
modparam("topoh", "mask_key", "a key of the bench")
modparam("topoh", "mask_ip", "127.0.0.8")
modparam("topoh", "mask_callid", 1)
"""

_TOPOS = """loadmodule "ndb_redis.so"
modparam("ndb_redis", "server", "name=bench;addr=127.0.0.1;port=6379;db=0")
loadmodule "topos.so"
loadmodule "topos_redis.so"
modparam("topos", "storage", "redis")
modparam("topos_redis", "serverid", "bench")
"""

_ENGINE = "127.0.0.1:2223"

_ANCHORED = {
    "hiding": f"""loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:{_ENGINE}")
""",
    "offering": 't_on_reply("MEDIA"); rtpengine_offer("replace-origin ICE=remove rtcp-mux-demux strict-source");',
    "answering": """onreply_route[MEDIA] {
    if (has_body("application/sdp")) rtpengine_answer("replace-origin ICE=remove strict-source");
}""",
    "deleting": 'if (is_method("BYE")) rtpengine_delete();',
}
"""Media through a daemon of rtpengine, with what this node asks of it too."""


@dataclass(frozen=True)
class Subject:
    """One row of the table. `start` gives the process whose group is measured; `most` is the highest rate asked.

    `beside` starts what it needs; what that spends is counted too, for whoever runs the subject pays for it.
    """

    name: str
    start: Callable[[Path, str], Process]
    most: float = 1e9
    beside: Callable[[Path, str], Process] | None = None


def _echo(directory: Path, namespace: str) -> Process:
    argv = [sys.executable, "-m", "tests.bench.echo", f"127.0.0.1:{PORT}", f"127.0.0.1:{CALLEE}"]
    process = Process(argv, namespace=namespace, log=directory / "echo.log", cwd=REPOSITORY)
    process.wait_for_udp("127.0.0.1", PORT)
    return process


def node_of(media: str, audit: str, install: Path = REPOSITORY, engine: str = "") -> Callable[[Path, str], Process]:
    """A node of the sources here, or of an install elsewhere; with an engine of its own where none is named."""

    def start(directory: Path, namespace: str) -> Process:
        config = directory / f"node-{media}-{audit}.toml"
        engines = f'engines = [{{ ng = "udp:{engine}" }}]' if engine else ""
        config.write_text(_NODE.format(media=media, audit=audit, directory=directory, engines=engines))
        argv = [sys.executable, "-m", "sbc", "run", "--config", str(config), "--state", str(directory)]
        environment = {"PYTHONPATH": str(install)}
        process = Process(argv, namespace=namespace, log=directory / "node.log", cwd=directory, environment=environment)
        process.wait_for_udp("127.0.0.1", PORT, timeout=60)
        wait_until(lambda: "try next" in process.output() or not process.running, 60, "the node")
        return process

    return start


def _kamailio(hiding: str, *, is_anchored: bool = False) -> Callable[[Path, str], Process]:
    def start(directory: Path, namespace: str) -> Process:
        config = directory / "kamailio.cfg"
        text = _KAMAILIO
        for place in ("hiding", "offering", "answering", "deleting"):
            asked = _ANCHORED[place] if is_anchored else ""
            text = text.replace("{" + place + "}", asked + hiding if place == "hiding" else asked)
        config.write_text(text)
        argv = ["kamailio", "-DD", "-E", "-m", "512", "-M", "32", "-Y", str(directory), "-w", str(directory)]
        argv += ["-f", str(config), "-P", str(directory / "pid")]
        process = Process(argv, namespace=namespace, log=directory / "kamailio.log", cwd=directory)
        process.wait_for_udp("127.0.0.1", PORT)
        return process

    return start


def _redis(directory: Path, namespace: str) -> Process:
    """The store of topos."""
    argv = ["redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", str(directory)]
    redis = Process(argv, namespace=namespace, log=directory / "redis.log", cwd=directory)
    wait_until(lambda: "eady to accept" in redis.output() or not redis.running, 10, "redis")
    return redis


def _rtpengine(directory: Path, namespace: str) -> Process:
    """The daemon in user space, that forgets a call when it is told so."""
    argv = ["rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=4"]
    argv += [f"--listen-ng={_ENGINE}", "--interface=127.0.0.1", "--delete-delay=0", "--port-min=30000"]
    argv += ["--port-max=39999", f"--pidfile={directory / 'rtpengine.pid'}"]
    engine = Process(argv, namespace=namespace, log=directory / "rtpengine.log", cwd=directory)
    engine.wait_for_udp(*_split(_ENGINE))
    return engine


def _split(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host, int(port)


def _has_module(name: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/kamailio/modules/{name}.so"))


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


def _add_anchored(found: list[Subject], missing: list[str], node: Path) -> None:
    """Both with the same daemon for their media."""
    if not shutil.which("rtpengine"):
        missing.append("media anchored at rtpengine: it is not installed")
        return
    start = node_of("anchor", "strip", node, _ENGINE)
    found.append(Subject(ANCHORED, start, most=MOST_ANCHORED, beside=_rtpengine))
    if shutil.which("kamailio") and _has_module("rtpengine"):
        start = _kamailio(_TOPOH, is_anchored=True)
        found.append(Subject(ANCHORED_REFERENCE, start, most=MOST_ANCHORED, beside=_rtpengine))
    else:
        missing.append("Kamailio topoh, rtpengine: kamailio or its rtpengine module is not installed")


def subjects(cache: Path) -> tuple[list[Subject], list[str]]:
    """Everything that can be measured on this machine, and what cannot and why."""
    missing: list[str] = []
    install = compiled_install(cache)
    if install is None:
        missing.append("the compiled node: no C compiler, or the build failed; `sbc` is pure Python here")
    node = install or REPOSITORY
    found = [
        Subject("echo floor", _echo),
        Subject(NODE, node_of("bypass", "strip", node)),
        Subject("sbc, audit off", node_of("bypass", "off", node)),
        Subject(EMBEDDED, node_of("anchor", "strip", node), most=MOST_ANCHORED),
    ]
    if install is not None:
        found.append(Subject("sbc, pure Python", node_of("bypass", "strip"), most=300))
    if shutil.which("kamailio"):
        found.append(Subject(REFERENCE, _kamailio(_TOPOH)))
    else:
        missing.append("Kamailio topoh: kamailio is not installed")
    if shutil.which("kamailio") and shutil.which("redis-server") and _has_module("topos_redis"):
        found.append(Subject("Kamailio topos, Redis", _kamailio(_TOPOS), most=300, beside=_redis))
    else:
        missing.append("Kamailio topos: kamailio-redis-modules or redis-server is not installed")
    _add_anchored(found, missing, node)
    program = sippy_program(cache)
    if program is not None:
        found.append(Subject("Sippy B2BUA", _sippy(program), most=50))
    else:
        missing.append("Sippy B2BUA: pip could not install sippy")
    return found, missing
