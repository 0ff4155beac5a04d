"""Dialogs that other workers hold, in bodies that this one writes anew (RFC 4235, design 3a: on any worker)."""

from __future__ import annotations

import pytest

from sbc.inquiries import PATIENCE
from sbc.sip import Request
from tests.engine.test_subscriptions import heard, notify, subscribe
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import OUTSIDE
from tests.kit.peer import Peer
from tests.kit.workers import Workers

KIND = "application/dialog-info+xml"


def watched(call_at: int) -> tuple[Workers, Peer, Request]:
    """The first worker has a subscription to the PBX's dialogs, and some worker has a call of the PBX's."""
    node = Workers()
    watcher = node.peer("watcher", "203.0.113.66", OUTSIDE)
    node.place(watcher, 0)
    subscribe(watcher, "dialog")
    request = node.pbx.expect_request("SUBSCRIBE")
    node.pbx.reply(request, 200)
    watcher.expect_response(200)
    node.place(node.carrier, call_at)
    talk(node, node.carrier, node.pbx)
    return node, watcher, request


def tell(node: Workers, request: Request) -> None:
    """The PBX tells of the dialog that it has with us."""
    body = (
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" '
        f'entity="sip:alice@pbx.corp.local"><dialog id="d1" call-id="{node.pbx.call_id}" local-tag="{node.pbx.tag}" '
        f'remote-tag="{node.pbx.remote_tag}" direction="recipient"><state>confirmed</state></dialog></dialog-info>'
    )
    notify(node.pbx, request, body=body.encode(), event="dialog", kind=KIND)


def names(node: Workers) -> str:
    """The same dialog on the watcher's side."""
    ours = node.carrier.remote_tag
    return f'call-id="{node.carrier.call_id}" local-tag="{ours}" remote-tag="{node.carrier.tag}"'


@pytest.mark.parametrize("call_at", [0, 1])
def test_a_dialog_of_any_worker_is_named_as_the_watcher_knows_it(call_at: int) -> None:
    node, watcher, request = watched(call_at)
    tell(node, request)
    assert names(node) in heard(node, watcher).body.decode()
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.pbx)
    assert_no_leak(node)


def test_a_worker_that_says_nothing_is_waited_for_a_moment() -> None:
    """Its dialogs are nobody's then: opaque, and no token of ours."""
    node, watcher, request = watched(1)
    node.has_room = False
    tell(node, request)
    assert watcher.idle()
    node.advance(PATIENCE + 0.01)
    shown = heard(node, watcher).body.decode()
    assert names(node) not in shown
    assert node.pbx.remote_tag not in shown
    node.pbx.expect_response(200)
    assert_no_leak(node)


def test_a_dialog_of_other_realms_is_not_told() -> None:
    """Nobody learns by a body which dialogs others have."""
    node, watcher, request = watched(1)
    node.pbx.remote_tag, kept = node.carrier.remote_tag, node.pbx.remote_tag
    node.pbx.call_id, node.pbx.tag = node.carrier.call_id, node.carrier.tag
    tell(node, request)
    shown = heard(node, watcher).body.decode()
    assert kept not in shown
    assert node.carrier.remote_tag not in shown


def test_a_body_that_cannot_be_read_waits_for_nobody() -> None:
    """415, as with one worker."""
    node, _, request = watched(1)
    notify(node.pbx, request, body=b"<dialog-info", event="dialog", kind=KIND)
    node.pbx.expect_response(415)
