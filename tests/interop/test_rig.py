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
