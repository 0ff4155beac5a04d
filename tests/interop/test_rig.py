"""The rig itself, without the product: its scenarios fit each other, its taps see both ways, its oracle sees a real
proxy leak.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.kamailio import Kamailio
from tests.rig.needs import need
from tests.rig.oracle import find_leaks
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.ua import DialogOf


@pytest.fixture(scope="module")
def proxied() -> Iterator[Rig]:
    """A rig with Kamailio (topoh) where the node would stand."""
    need("sipp", "kamailio")
    with Rig() as rig, Kamailio(rig.work(), rig.network.node).process:
        yield rig


def test_the_scenarios_complete_through_another_projects_proxy(proxied: Rig) -> None:
    """A failure against the node is then the node's, not the scenario's."""
    for caller, callee in (("uac_call", "uas_early"), ("uac_bye_wait", "uas_bye"), ("uac_cancel", "uas_cancelled")):
        proxied.begin()
        far = proxied.sipp(INSIDE, callee, call=False)
        proxied.sipp(OUTSIDE, caller, call=True, options=("-s", "4930222")).assert_ok()
        far.assert_ok()


def assert_call_through(proxied: Rig) -> None:
    """One whole call from outside to inside, all that the taps then hold."""
    proxied.begin()
    far = proxied.sipp(INSIDE, "uas_call", call=False)
    proxied.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
    far.assert_ok()


def test_the_oracle_sees_what_a_masking_proxy_still_shows(proxied: Rig) -> None:
    """topoh masks Via, Contact and Record-Route; software, Call-ID, bodies and private headers go through."""
    assert_call_through(proxied)
    places = {(leak.packet.realm, leak.place) for leak in find_leaks(proxied.taps.packets())}
    for place in ("call-id", "user-agent", "x-outside-secret", "body", "from"):
        assert ("inside", place) in places
    assert ("outside", "server") in places


def test_the_taps_see_both_sides_both_ways(proxied: Rig) -> None:
    """Each realm's wire has frames the middle sent and frames it received."""
    assert_call_through(proxied)
    seen = {(frame.realm, frame.from_node) for frame in proxied.taps.frames()}
    assert seen == {("outside", True), ("outside", False), ("inside", True), ("inside", False)}


@pytest.mark.parametrize("scenario", ["uas_call", "bench_uas"])
def test_a_callee_that_hears_an_invite_again_goes_on_with_the_call(proxied: Rig, scenario: str) -> None:
    """A copy comes wherever an answer took T1 (RFC 3261 17.1.1.2): on a busy machine that is nobody's failure."""
    proxied.begin()
    far = proxied.sipp(INSIDE, scenario, call=False)
    near = proxied.ua(INSIDE, call=True)
    near.node = (INSIDE.peers[0], INSIDE.trunk_port)
    invite = near.request("INVITE", f"sip:4930222@{near.node[0]}:{near.node[1]}", body=near.sdp())
    near.send(invite)
    dialog = DialogOf.as_caller(near.expect(200, "INVITE"))
    near.send(invite)
    near.expect(200, "INVITE", copies=True)
    near.send(near.in_dialog("ACK", dialog))
    near.send(near.in_dialog("BYE", dialog))
    near.expect(200, "BYE")
    far.assert_ok()
