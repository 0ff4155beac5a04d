"""RFC 4475 against the engine: every message gets an outcome its index accepts, and the node goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sbc.outputs import Dropped, DropReason
from sbc.wire import Flow
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import CARRIER, OUTSIDE, Node, config

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "rfc4475"
INDEX = json.loads((FOLDER / "index.json").read_text()) if FOLDER.is_dir() else {"messages": []}


def outcomes(node: Node, before: int) -> set[str]:
    """What became of the message: statuses given, `accept` for what was taken or passed on, `drop` for silence."""
    found: set[str] = set()
    for sent in node.sent[before:]:
        first, second, _ = sent.data.split(b" ", 2)
        if first != b"SIP/2.0":
            found |= {"accept", "accept-repaired", "accept-inferred"}
        elif second == b"100" or second[:1] == b"2":
            found.add("accept")
        else:
            found.add(second.decode())
    return found or {"drop"}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no corpora/rfc4475 in the folder 'shared' beside the repository")
@pytest.mark.parametrize("entry", INDEX["messages"], ids=lambda entry: str(entry["file"]))
def test_torture_message_gets_an_outcome_its_index_accepts(entry: dict[str, object]) -> None:
    """RFC 4475 section 3, over UDP, from an untrusted peer."""
    node = Node(config(mode="anchor"))
    data = (FOLDER / str(entry["file"])).read_bytes()
    node.carry(data, Flow(OUTSIDE, "UDP", CARRIER, 5060))
    got = outcomes(node, 0)
    acceptable = entry["acceptable"]
    assert isinstance(acceptable, list)
    if entry["class"] == "valid" and b"SIP/2.0 " in data[:8]:
        (event,) = node.events_of(Dropped)
        assert isinstance(event, Dropped)
        assert event.reason is DropReason.STRAY_RESPONSE  # well formed, and nobody waits for it
    elif acceptable != ["any-no-crash"]:
        assert got & set(acceptable), got
    assert_no_leak(node)
    node.advance(300)
    node.carrier.inbox.clear()
    node.pbx.inbox.clear()
    talk(node, node.carrier, node.pbx)
    hang_up(node, node.pbx, node.carrier)
