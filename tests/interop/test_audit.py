"""Hiding of one header switched off by a rule: the oracle sees it on the wire, and the node's own audit sees it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.needs import need
from tests.rig.node import QUICKSTART, Node
from tests.rig.oracle import Leak, find_leaks
from tests.rig.rig import INSIDE, OUTSIDE, Rig

_HEADER = "P-Charging-Vector"
_RULE = f'\n[[header]]\nrealm = "{{realm}}"\nname = "{_HEADER}"\naction = "pass"\n'


def _call(mode: str, caller_inside: bool) -> tuple[list[Leak], Node, str]:
    """One call through a node that passes the header toward the callee; the leaks seen, the node and its log."""
    need("sipp")
    source, destination = (INSIDE, OUTSIDE) if caller_inside else (OUTSIDE, INSIDE)
    with Rig() as rig:
        policy = rig.directory / "open.toml"
        policy.write_text(QUICKSTART.read_text() + _RULE.format(realm=destination.name))
        node = rig.start_with(audit=mode, policies=policy)
        rig.begin()
        callee = rig.sipp(destination, "uas_call", call=False)
        rig.sipp(source, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
        callee.assert_ok()
        node.wait_idle()
        if mode != "off":
            node.expect_logged('"event": "leak"')
        leaks = find_leaks(rig.taps.packets())
        return leaks, node, node.log()


@pytest.mark.parametrize("caller_inside", [False, True])
def test_without_the_audit_the_oracle_sees_the_header_leak(caller_inside: bool) -> None:
    """Must show: hiding of one header off, the oracle catches it. Only that header: the rest stays hidden."""
    leaks, _, log = _call("off", caller_inside)
    assert leaks
    assert {leak.place for leak in leaks} == {_HEADER.lower()}
    assert '"event": "leak"' not in log


@pytest.mark.parametrize("caller_inside", [False, True])
def test_an_audit_that_reports_names_the_leak_the_oracle_sees(caller_inside: bool) -> None:
    """Must show: the audit catches it too, with the token and the place."""
    leaks, _, log = _call("report", caller_inside)
    assert leaks
    events = [line for line in log.splitlines() if '"event": "leak"' in line]
    assert any(_HEADER in line and '"action": "reported"' in line for line in events), events


def test_an_audit_that_strips_takes_the_header_out() -> None:
    """Toward the untrusted side the default takes out what a rule let through by mistake."""
    leaks, _, log = _call("strip", True)
    assert leaks == []
    assert '"event": "leak"' in log


def test_a_hidden_name_of_the_configuration_does_not_leave(tmp_path: Path) -> None:
    """`audit.hide`: extra names and networks that must never leave the trusted side."""
    need("sipp")
    secret = "pbx.corp.local"
    with Rig() as rig:
        policy = rig.directory / "open.toml"
        policy.write_text(
            QUICKSTART.read_text() + '\n[[header]]\nrealm = "outside"\nname = "Subject"\naction = "pass"\n'
        )
        rig.start_with(hide=(secret, "192.0.2.0/24"), policies=policy)
        rig.begin()
        far = rig.ua(OUTSIDE, call=False)
        near = rig.ua(INSIDE, call=True)
        for text in (f"call from {secret}", "host 192.0.2.77 rang"):
            near.send(
                near.request("INVITE", f"sip:1@{INSIDE.node_address}", headers=f"Subject: {text}\r\n", body=near.sdp())
            )
            invite = far.expect("INVITE")
            assert invite.get("subject") == ""
            far.respond(invite, 486, "Busy Here", tag="far")
            far.expect("ACK")
        rig.assert_hidden(secrets=[secret])
