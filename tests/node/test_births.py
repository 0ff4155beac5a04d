"""What a supervisor and its nursery say to each other, without a process."""

from __future__ import annotations

import os
import socket

import pytest

from sbc.supervisor.births import AT_ONCE, answered, ask, asked
from sbc.supervisor.child import Orders


def orders() -> Orders:
    """Those of a worker whose descriptors are all different."""
    return Orders(
        worker=1,
        workers=2,
        owners="0001",
        sockets={"0": 30, "2": 31},
        listeners=[["127.0.0.1", 5060, True, ""]],
        generation=0,
        is_behind=False,
        mailbox=32,
        own=[33, 34],
        mailboxes=[35, 36, 37, 38, 39, 40],
        counts=41,
        phones=42,
        findings=43,
        ring=44,
        media_port=0,
        is_media_new=False,
        control="/control-1.sock",
        drains=None,
        adopts_after=0.0,
        marks=45,
        is_steered=True,
    )


def test_a_process_is_given_every_descriptor_that_its_orders_name() -> None:
    own = orders().renumbered({number: number + 100 for number in orders().descriptors})
    assert sorted(orders().descriptors) == list(range(30, 46))
    assert sorted(own.descriptors) == list(range(130, 146))
    assert Orders(**own.told()) == own
    assert (own.sockets, own.own, own.ring) == ({"0": 130, "2": 131}, [133, 134], 144)


def test_more_descriptors_than_a_packet_takes_arrive_by_their_numbers() -> None:
    """SCM_RIGHTS carries 253: a node of many listeners has more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reader, writer = os.pipe()
    given = [os.dup(reader) if number % 2 else os.dup(writer) for number in range(AT_ONCE + 40)]
    with ours, theirs:
        ask(ours, {"worker": 3}, reader, writer, given)
        birth = asked(theirs)
    assert birth is not None
    assert birth.orders == {"worker": 3}
    assert list(birth.given) == given
    os.write(writer, b"word")
    assert os.read(birth.stdin, 9) == b"word"
    os.write(birth.given[given[0]], b"by another name")
    assert os.read(birth.given[given[1]], 20) == b"by another name"
    for number in (reader, writer, birth.stdin, birth.stdout, *given, *birth.given.values()):
        os.close(number)


def test_a_nursery_whose_supervisor_is_gone_is_asked_for_nothing() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.close()
        assert asked(theirs) is None


@pytest.mark.parametrize(("packet", "why"), [(b"", "is gone"), (b"0", "could not fork"), (b"?", "could not fork")])
def test_an_answer_without_a_process_says_why(packet: bytes, why: str) -> None:
    assert answered(b"417") == 417
    with pytest.raises(OSError, match=why):
        answered(packet)
