"""Requests from outside a dialog that name it (RFC 4538): transfers that a party asks for by a dialog of its own."""

from __future__ import annotations

import pytest

from tests.kit.flows import assert_no_leak, hang_up
from tests.kit.peer import Peer
from tests.kit.transfers import (
    TO_CARRIER2,
    Transfers,
    accept_call,
    accept_reinvite,
    expect_bye,
    expect_notify,
    refer,
    talking,
)


def _outside(node: Transfers, peer: Peer, named: str) -> None:
    """A REFER by a user agent without a dialog."""
    peer.remote_tag = ""
    peer.target = "sip:+493012345@pbx.corp.local"
    refer(peer, f"sip:{TO_CARRIER2}@sbc.example.net", f"{named}Require: tdialog\n")


def test_target_dialog_speaks_for_a_dialog_from_outside_it() -> None:
    """RFC 4538: told by a dialog of its own; the call is transferred as by its peer."""
    node = talking()
    named = f"Target-Dialog: {node.pbx.call_id};local-tag={node.pbx.tag};remote-tag={node.pbx.remote_tag}\n"
    _outside(node, node.line2, named)
    tag = node.line2.expect_response(202).to_tag
    first = expect_notify(node.line2, 100)
    assert first.from_tag == tag
    assert first.call_id == node.line2.call_id
    accept_call(node.carrier2)
    accept_reinvite(node.carrier)
    expect_notify(node.line2, 200)
    assert node.pbx.idle()
    node.advance(5)
    expect_bye(node.pbx)
    hang_up(node, node.carrier, node.carrier2)
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize("thief", ["pbxtwo", "carriertwo"])
def test_target_dialog_of_others_opens_nothing(thief: str) -> None:
    """Only who comes from the realm and trunk of that dialog's peer may speak for it; default 403."""
    node = talking()
    named = f"Target-Dialog: {node.pbx.call_id};local-tag={node.pbx.tag};remote-tag={node.pbx.remote_tag}\n"
    peer = node.pbx2 if thief == "pbxtwo" else node.carrier2
    _outside(node, peer, named)
    peer.expect_response(403)
    _outside(node, node.line2, "")
    node.line2.expect_response(403)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
