"""What a record asks of a machine is read in the order in which it was written."""

from __future__ import annotations

import pytest

from sbc.adoption import RecordError, needs, without_engine
from tests.kit.flows import talk
from tests.kit.node import Node, config


@pytest.mark.parametrize(("mode", "engine"), [("bypass", ""), ("anchor", "embedded")])
def test_a_record_says_where_its_peers_speak_to_and_who_relays(mode: str, engine: str) -> None:
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    (kept,) = node.journal.values()
    found = needs(kept.record)
    listeners = node.engine.egress.snapshot.config.listeners
    assert set(found.listeners) <= {(one.transport, one.host, one.port) for one in listeners}
    assert len(set(found.listeners)) == 2
    assert found.engine == engine


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_a_record_can_be_had_without_its_engine_and_is_the_same_else(mode: str) -> None:
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    (kept,) = node.journal.values()
    without = without_engine(kept.record)
    assert needs(without).engine == ""
    assert needs(without).listeners == needs(kept.record).listeners
    assert without.partition(b"\n")[2] == kept.record.partition(b"\n")[2].replace(b"\nembedded\n", b"\n\n")


@pytest.mark.parametrize("record", [b"", b"2 0\n", b"1 3\na\nb", b"1 40\n" + b"\n" * 40])
def test_what_is_no_record_is_refused(record: bytes) -> None:
    with pytest.raises(RecordError):
        needs(record)
