"""Letters between workers, and the counts that they share."""

from __future__ import annotations

import os

import pytest

from sbc.crew import (
    Counts,
    Letter,
    counts_memory,
    open_letter,
    pack_call,
    pack_listener,
    seal,
    unpack_call,
    unpack_listener,
)
from sbc.wire import Flow


@pytest.mark.parametrize(
    "flow",
    [
        Flow(3, "UDP", "198.51.100.10", 5060),
        Flow(0, "TLS", "2001:db8::1", 40000, (5 << 24) + 7, ("a.example", "b.example")),
    ],
)
def test_a_letter_says_what_was_sealed(flow: Flow) -> None:
    kind, writer, data, found = open_letter(seal(Letter.SEND, b"INVITE\r\n\r\n\x00", flow, 11))
    assert (kind, writer, data, found, found.names) == (Letter.SEND, 11, b"INVITE\r\n\r\n\x00", flow, flow.names)


@pytest.mark.parametrize("letter", [b"", b"\x01", bytes(20), b"\xff" * 40])
def test_what_is_no_letter_is_told(letter: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        open_letter(letter)


def test_a_call_is_packed_with_its_message_and_where_its_streams_are() -> None:
    homes = [(0, "2001:db8::1", 40000, 1), (1, "198.51.100.10", 5060, 0)]
    packed = pack_call("ab12", b"1 3\nxyz\x00\xff", b"REFER sip:a@b SIP/2.0\r\n\r\n", homes)
    assert unpack_call(packed) == ("ab12", b"1 3\nxyz\x00\xff", b"REFER sip:a@b SIP/2.0\r\n\r\n", homes)
    with pytest.raises(ValueError, match=r"."):
        unpack_call(packed[3:])


def test_what_became_of_a_listener_is_packed_with_the_change_that_it_belongs_to() -> None:
    assert unpack_listener(pack_listener(1 << 60, 3, "no interface has this address")) == (
        1 << 60,
        3,
        "no interface has this address",
    )


def test_each_worker_hears_what_all_others_carry() -> None:
    memory = counts_memory()
    first, second, third = (Counts(memory, worker) for worker in (0, 1, 15))
    os.close(memory)
    assert first.exchange("pbx", 5, 2) == (0, 0)
    assert second.exchange("pbx", 7, 1) == (5, 2)
    assert third.exchange("pbx", 1, 0) == (12, 3)
    assert first.exchange("carrier", 9, 9) == (0, 0)
    assert first.exchange("pbx", 6, 0) == (8, 1)


def test_a_worker_that_begins_anew_carries_nothing() -> None:
    memory = counts_memory()
    first, second = Counts(memory, 0), Counts(memory, 1)
    os.close(memory)
    first.exchange("pbx", 5, 2)
    first.clear()
    assert second.exchange("pbx", 0, 0) == (0, 0)
