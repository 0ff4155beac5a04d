"""What `statistics` counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtpengine import Answer, Delete, Offer, Ping, Statistics, Value, decode_reply
from tests.rtpengine.embedded.kit import Bench, sdp
from tests.rtpengine.replay import recorded


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An engine that has done nothing yet."""
    bench = Bench()
    yield bench
    bench.close()


def section(bench: Bench, name: str) -> dict[str, Value]:
    """One part of the statistics."""
    statistics = bench.ask(Statistics()).body["statistics"]
    assert isinstance(statistics, dict)
    part = statistics[name]
    assert isinstance(part, dict)
    return part


def converse(bench: Bench, call_id: str, seconds: float, *, heard: tuple[int, int]) -> None:
    """A call of that length, with so many packets from either party."""
    bench.ask(Offer(call_id, "a", sdp("192.0.2.1"))).check()
    bench.ask(Answer(call_id, "a", "b", sdp("192.0.2.2"))).check()
    call = bench.engine.calls[call_id]
    for party, packets in zip(call.parties, heard, strict=True):
        pair = party.media[0].pair
        assert pair is not None
        pair.rtp.packets = packets
    bench.now += seconds
    bench.ask(Delete(call_id)).check()


def test_keys_are_the_daemons(bench: Bench) -> None:
    """None of another name, but for what we say of ourselves."""
    found = next(exchange.response for exchange in recorded() if exchange.scenario == "statistics")
    assert found is not None
    theirs = decode_reply(found)[1].body["statistics"]
    ours = bench.ask(Statistics()).body["statistics"]
    assert isinstance(theirs, dict)
    assert isinstance(ours, dict)
    assert set(ours) - {"lacking"} <= set(theirs)
    for name, part in ours.items():
        known = theirs.get(name)
        if isinstance(part, dict) and isinstance(known, dict):
            assert set(part) <= set(known), name


def test_calls_count_when_they_end(bench: Bench) -> None:
    """How many, how long, and how many streams were heard by one side or none."""
    converse(bench, "both", 2.0, heard=(5, 5))
    converse(bench, "one", 4.0, heard=(5, 0))
    converse(bench, "none", 6.0, heard=(0, 0))
    totals = section(bench, "totalstatistics")
    assert totals["managedsessions"] == totals["regularterminatedsessions"] == 3
    assert totals["avgcallduration"] == b"4.000000"
    assert totals["totalcallsduration"] == b"12.000000"
    assert totals["totalcallsduration_stddev"] == b"1.632993"
    assert (totals["onewaystreams"], totals["zerowaystreams"]) == (1, 1)


def test_requests_count_by_name(bench: Bench) -> None:
    """Refused ones too; what nobody knows is in no count."""
    bench.ask(Ping())
    bench.ask(Delete("nobody"))
    bench.raw({"command": "nonsense"})
    bench.raw({"command": 7})
    control = section(bench, "controlstatistics")
    assert (control["totalpingcount"], control["totaldeletecount"]) == (1, 1)
    assert sum(count for count in control.values() if isinstance(count, int)) == 3


def test_rates_are_those_since_the_last_question(bench: Bench) -> None:
    """Packets a second."""
    section(bench, "currentstatistics")
    bench.ask(Offer("c", "a", sdp())).check()
    bench.engine.calls["c"].streams()[0].packets = 100
    bench.now += 2.0
    assert section(bench, "currentstatistics")["packetrate"] == 50
    bench.now += 2.0
    assert section(bench, "currentstatistics")["packetrate"] == 0
