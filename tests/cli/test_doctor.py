"""`doctor`'s judgements, on descriptions of machines; the look at this machine is one interop test."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sbc.cli.app import app
from sbc.cli.checks import State, check_compiled
from sbc.cli.checks_host import check_capabilities, check_files, check_receive_buffer, check_state
from sbc.cli.checks_network import check_interfaces, check_routes
from sbc.cli.checks_store import check_file, check_store
from sbc.cli.checks_tls import check_certificates
from sbc.config import Config, Tls
from sbc.config.load import load_config
from tests.kit.certificates import Authority

ROOT = "CapInh:\t0\nCapEff:\t000001ffffffffff\n"
NOBODY = "CapEff:\t0000000000000000\n"


@pytest.fixture(scope="module")
def quickstart() -> Config:
    return load_config(None)


def test_the_parsers_file_tells_whether_it_is_compiled() -> None:
    assert check_compiled("sbc/sip/parse.cpython-311-x86_64-linux-gnu.so").state is State.OK
    assert check_compiled("sbc/sip/parse.py").state is State.WARN


def test_every_missing_capability_says_what_it_is_for() -> None:
    assert {check.state for check in check_capabilities(ROOT)} == {State.OK}
    found = list(check_capabilities(NOBODY))
    assert {check.state for check in found} == {State.WARN}
    assert all(check.remedy for check in found)


def test_sys_admin_stands_in_for_bpf() -> None:
    states = {check.name: check.state for check in check_capabilities(f"CapEff:\t{1 << 21:016x}\n")}
    assert states["CAP_BPF"] is State.OK
    assert states["CAP_NET_ADMIN"] is State.WARN


def test_the_receive_buffer_is_large_or_can_be_forced() -> None:
    assert check_receive_buffer(212992, 0).state is State.WARN
    assert check_receive_buffer(8 << 20, 0).state is State.OK
    assert check_receive_buffer(212992, 1 << 12).state is State.OK


def test_few_open_files_are_a_warning() -> None:
    assert check_files(1024, 4096).state is State.WARN
    assert check_files(1024, 65536).state is State.OK


def test_a_certificate_is_warned_of_a_month_before_its_end_and_failed_behind_it(
    quickstart: Config, tmp_path: Path
) -> None:
    own = Authority(tmp_path).issue("edge", dns=("sbc.example.net",), days=40)
    outside = replace(quickstart.realms["outside"], tls=Tls(own, sni=(("other.example", own),)))
    config = replace(quickstart, realms={"outside": outside})
    now = datetime.now(UTC)
    states = [[one.state for one in check_certificates(config, now + timedelta(days))] for days in (0, 20, 41)]
    assert states == [[State.OK] * 2, [State.WARN] * 2, [State.FAIL] * 2]
    found = list(check_certificates(config, now + timedelta(20)))
    assert [one.name for one in found] == ["certificate outside", "certificate outside other.example"]
    assert found[0].found.endswith("19 days")


def test_a_state_directory_is_looked_for_up_the_path(tmp_path: Path) -> None:
    assert check_state(tmp_path / "a" / "b").state is not State.FAIL
    (tmp_path / "file").write_text("")
    assert check_state(tmp_path / "file" / "b").state is State.FAIL


def test_an_address_that_no_interface_has_fails(quickstart: Config) -> None:
    assert State.FAIL not in {check.state for check in check_interfaces({"lo": ["127.0.0.1"]}, quickstart)}
    (finding,) = [c for c in check_interfaces({"eth0": ["192.0.2.1"]}, quickstart) if c.state is State.FAIL]
    assert finding.name == "address 127.0.0.1"


def test_a_route_that_leaves_elsewhere_warns_and_none_fails(quickstart: Config) -> None:
    def unreachable(_: str) -> tuple[str, str]:
        raise OSError(101, "Network is unreachable")

    assert {c.state for c in check_routes(quickstart, lambda _: ("lo", "127.0.0.1"))} == {State.OK}
    assert {c.state for c in check_routes(quickstart, lambda _: ("eth1", "192.0.2.9"))} == {State.WARN}
    assert {c.state for c in check_routes(quickstart, unreachable)} == {State.FAIL}


@pytest.mark.interop
def test_this_machine_can_be_looked_at() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    checks = json.loads(result.output)["checks"]
    assert {"python", "codec", "receive buffer", "interface lo", "route to pbx 127.0.0.1"} <= {
        c["name"] for c in checks
    }
    assert all(check["remedy"] for check in checks if check["state"] == "fail")


def test_the_shared_store_is_asked_who_has_the_nodes_name(quickstart: Config) -> None:
    shared = replace(quickstart, store="redis://10.0.0.1:6379/0")
    assert list(check_store(quickstart, lambda config: pytest.fail("there is none"))) == []
    (fine,) = check_store(shared, lambda config: ("7.0.15", "noeviction", "edge/1234"))
    assert (fine.state, "edge/1234" in fine.found) == (State.OK, True)
    _, warned = check_store(shared, lambda config: ("7.0.15", "allkeys-lru", ""))
    assert warned.state is State.WARN

    def refused(config: Config) -> tuple[str, str, str]:
        raise OSError("connection refused")

    (failed,) = check_store(shared, refused)
    assert failed.state is State.FAIL


def test_a_state_file_that_is_no_database_fails(quickstart: Config, tmp_path: Path) -> None:
    """It would keep a node down; one that is not there yet is made."""
    config = replace(quickstart, state=str(tmp_path))
    assert list(check_file(config)) == []
    (tmp_path / "sbc.sqlite").write_bytes(b"nothing that SQLite has written" * 100)
    (found,) = check_file(config)
    assert found.state is State.FAIL
    assert "file is not a database" in found.found
    assert list(check_file(replace(config, store="memory"))) == []
