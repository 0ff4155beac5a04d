"""The profile by room: how perf's looks are read and told."""

from __future__ import annotations

from pathlib import Path

from tests.bench.profile import looks, room_of, rooms, shares, table

SAID = """\
4711
        7f00 split_char (inlined)
        7f00 PyUnicode_Split+0x12 (/usr/bin/python3.11)
        7f01 CPyDef_sip___parse____start_line+0x99 (/x/sbc__mypyc.cpython-311-x86_64-linux-gnu.so)
        7f02 CPyDef_engine___Engine___receive+0x1 (/x/sbc__mypyc.cpython-311-x86_64-linux-gnu.so)

4711
        ffff __udp_sendmsg ([kernel.kallsyms])
        7f03 CPyDef_udp___UdpListener____send_now (/x/sbc__mypyc.cpython-311-x86_64-linux-gnu.so)

4711
        7f04 _PyEval_EvalFrameDefault+0x3 (/usr/bin/python3.11)

4712
        7f05 sqlite3VdbeExec+0x3 (/usr/lib/libsqlite3.so.0)
"""


def test_a_function_belongs_to_the_room_of_its_module(tmp_path: Path) -> None:
    """mypyc shortens a module's name as far as it stays the only one."""
    for name in ("sip/parse", "sdp/parse", "engine", "topology/audit/audit"):
        (tmp_path / "sbc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sbc" / f"{name}.cpython-311-x86_64-linux-gnu.so").touch()
    (tmp_path / "sbc" / "audit.py").touch()
    spelled = rooms(tmp_path)
    assert room_of("CPyDef_sip___parse____start_line", spelled) == "sip"
    assert room_of("CPyDef_sdp___parse___parse_sdp", spelled) == "sdp"
    assert room_of("CPyPy_engine___Engine___receive", spelled) == "engine"
    assert room_of("CPyDef_audit___Audit___check", spelled) == "topology.audit"
    assert room_of("PyUnicode_Split", spelled) == ""


def test_a_look_counts_for_the_innermost_function_of_ours() -> None:
    """What CPython and the kernel do is done for somebody."""
    spelled = {"sip___parse": "sip", "udp": "transport", "engine": "engine"}
    counted = shares(looks(SAID.splitlines()), spelled, "4711")
    assert counted == {
        ("sip", "CPython"): 1,
        ("transport", "kernel"): 1,
        ("event loop and the rest of Python", "CPython"): 1,
        ("log and journal writers", "libraries"): 1,
    }
    assert "| sip | 25.0 % | 0.0 | 25.0 | 0.0 | 0.0 |" in table(counted)
