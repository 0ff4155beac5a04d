"""RFC 3261 section 13.3.1.4: our 2xx until its ACK."""

from __future__ import annotations

import pytest

from sbc.dialog import Answer, AnswerOutput, AnswerUnacknowledged
from sbc.outputs import Transmit
from sbc.wire import Flow
from tests.dialog.script import TLS, UDP


def said(outputs: list[AnswerOutput]) -> list[bytes | str]:
    return [output.data if isinstance(output, Transmit) else "no ack" for output in outputs]


@pytest.mark.parametrize("flow", [UDP, TLS])
def test_2xx_is_repeated_and_given_up_after_64_t1_on_every_transport(flow: Flow) -> None:
    """T1, doubling up to T2; the transport's reliability is no excuse, since a proxy behind it may lose the 2xx."""
    answer = Answer(b"200", flow, 1, 0.5, 4.0, 100.0)
    fired: list[tuple[float, list[bytes | str]]] = []

    while answer.next_timer is not None:
        now = answer.next_timer
        outputs = answer.handle_timer(now)
        fired.append((now - 100, said(outputs)))

    assert [when for when, _ in fired] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32.0]
    assert [lines for _, lines in fired[:-1]] == [[b"200"]] * 10
    assert fired[-1][1] == ["no ack"]
    assert not answer.is_pending


def test_it_goes_where_the_invite_came_from_and_names_itself() -> None:
    """The user finds its dialog by the answer."""
    answer = Answer(b"200", UDP, 314, 0.5, 4.0, 0.0)

    [copy] = answer.handle_timer(0.5)
    assert isinstance(copy, Transmit)
    assert copy.flow is UDP
    [end] = answer.handle_timer(32.0)
    assert isinstance(end, AnswerUnacknowledged)
    assert end.answer is answer
    assert answer.cseq == 314


def test_ack_ends_the_repeats() -> None:
    """And a copy of the ACK changes nothing."""
    answer = Answer(b"200", UDP, 1, 0.5, 4.0, 0.0)
    answer.handle_timer(0.5)

    answer.acknowledge()
    answer.acknowledge()

    assert answer.next_timer is None
    assert answer.handle_timer(99.0) == []
    assert answer._wire == b"", "the bytes are not needed any more"


def test_timer_does_nothing_before_its_time() -> None:
    """An early wake-up of the worker is harmless."""
    answer = Answer(b"200", UDP, 1, 0.5, 4.0, 0.0)

    assert answer.handle_timer(0.4) == []
    assert answer.next_timer == 0.5
    assert answer.is_pending


def test_one_late_wake_up_sends_one_copy() -> None:
    """A worker that slept makes no burst."""
    answer = Answer(b"200", UDP, 1, 0.5, 4.0, 0.0)

    assert said(answer.handle_timer(10.0)) == [b"200"]
    assert answer.next_timer == 11.0


def test_other_timer_values_are_respected() -> None:
    """The configuration's T1 and T2."""
    answer = Answer(b"200", UDP, 1, 1.0, 1.5, 0.0)

    assert answer.next_timer == 1.0
    answer.handle_timer(1.0)
    assert answer.next_timer == 2.5
    assert said(answer.handle_timer(64.0)) == ["no ack"]
