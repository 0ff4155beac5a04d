"""A terminator of TLS in front of us: what peers say of themselves leads past it, and nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_streams import NAME, TLS_PORT, with_contact
from tests.kit.certificates import Authority
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.stunnel import Stunnel

TERMINATOR = OUTSIDE.peers[2]
_TRUNKS = {"a stranger": "", "a trunk": f'sources = ["{TERMINATOR}"]'}


@pytest.fixture(scope="module", params=_TRUNKS)
def terminated(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A node that sees TCP from a terminator, whether that is its carrier or nobody it knows."""
    need("sipp", "stunnel4")

    def config(state: Path) -> str:
        text = node_file(state=state).replace(
            '"udp:198.51.100.1:5060",', '"udp:198.51.100.1:5060", "tcp:198.51.100.1:5060",'
        )
        text = text.replace("trusted = false", 'trusted = false\nnat = { peers = "always" }')
        return text.replace("[trunk.carrier]", f"[trunk.carrier]\n{_TRUNKS[request.param]}")

    with Rig() as rig:
        rig.start(config)
        authority = Authority(rig.directory, "ca")
        namespace = rig.network.namespace_of("outside")
        own = authority.issue("edge", dns=(NAME,))
        server = Stunnel(
            rig.work(),
            namespace,
            accept=f"{TERMINATOR}:{TLS_PORT}",
            connect=f"{OUTSIDE.node}:5060",
            local=TERMINATOR,
            is_client=False,
            own=own,
        )
        client = Stunnel(
            rig.work(),
            namespace,
            accept=f"{OUTSIDE.peers[0]}:15061",
            connect=f"{TERMINATOR}:{TLS_PORT}",
            is_client=True,
            own=None,
        )
        yield rig
        client.stop()
        server.stop()


@pytest.mark.parametrize(
    ("caller", "callee"), [("uac_bye_wait", "uas_bye"), ("uac_reinvited", "uas_reinvite"), ("uac_call", "uas_call")]
)
def test_requests_in_a_call_go_back_through_the_terminator(terminated: Rig, caller: str, callee: str) -> None:
    """By the connection of the INVITE: no other one is opened, and nothing goes astray on the way there."""
    rig = terminated
    rig.begin()
    before = rig.node.ask("GET", "/status")["transport"]
    far = rig.sipp(INSIDE, callee, call=False)
    near = rig.sipp(
        OUTSIDE,
        with_contact(caller, rig, OUTSIDE, "tls"),
        call=True,
        target=f"{OUTSIDE.peers[0]}:15061",
        options=("-t", "t1", "-s", "4930222"),
    )
    near.assert_ok()
    far.assert_ok()
    after = rig.node.ask("GET", "/status")["transport"]
    for name in ("undeliverable", "connections_opened"):
        assert after[name] == before[name], name
    rig.assert_hidden()
    rig.assert_clean_end()
