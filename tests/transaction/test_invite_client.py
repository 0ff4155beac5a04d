"""RFC 3261 figure 5 with RFC 6026: an arrow a test, then what must change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.transaction import InviteClientTransaction, TransactionState
from sbc.wire import Flow
from tests.transaction.script import TCP, UDP, T, response, run_out, said

CALLING = TransactionState.CALLING
PROCEEDING = TransactionState.PROCEEDING
ACCEPTED = TransactionState.ACCEPTED
COMPLETED = TransactionState.COMPLETED
TERMINATED = TransactionState.TERMINATED

Make = Callable[[], InviteClientTransaction]


def calling(flow: Flow = UDP, now: float = 0.0) -> InviteClientTransaction:
    tx = InviteClientTransaction(("z9hG4bKours", "INVITE"), b"INVITE", flow, T, now)
    assert said(tx.start()) == ["send INVITE"]
    return tx


def proceeding(flow: Flow = UDP) -> InviteClientTransaction:
    tx = calling(flow)
    tx.receive(response(100), 0.1)
    return tx


def accepted(flow: Flow = UDP) -> InviteClientTransaction:
    tx = calling(flow)
    tx.receive(response(200), 1.0)
    return tx


def completed(flow: Flow = UDP) -> InviteClientTransaction:
    tx = calling(flow)
    tx.receive(response(486), 1.0)
    tx.acknowledge(b"ACK", 1.0)
    return tx


# Calling


def test_invite_is_repeated_on_timer_a_and_given_up_on_timer_b() -> None:
    """Section 17.1.1.2: A starts at T1 and doubles without a ceiling; B is 64*T1."""
    tx = calling(now=100.0)

    fired = run_out(tx)

    assert [when - 100 for when, _ in fired] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32.0]
    assert [lines for _, lines in fired[:-1]] == [["send INVITE"]] * 6
    assert fired[-1][1] == ["timed out", "end B"]
    assert tx.state is TERMINATED


def test_invite_on_a_reliable_transport_is_sent_once() -> None:
    """Section 17.1.1.2: Timer A is not started, Timer B is."""
    assert run_out(calling(TCP)) == [(32.0, ["timed out", "end B"])]


def test_provisional_ends_the_repeats() -> None:
    """Section 17.1.1.2: Calling to Proceeding; from then on only the user can give up."""
    tx = calling()

    assert said(tx.receive(response(180), 0.2)) == ["up 180"]
    assert tx.state is PROCEEDING
    assert tx.next_timer is None
    assert tx.handle_timer(1000.0) == []


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_2xx_moves_calling_to_accepted(flow: Flow) -> None:
    """RFC 6026 section 7.2: Timer M is 64*T1 on every transport."""
    tx = calling(flow)

    assert said(tx.receive(response(200), 1.0)) == ["up 200"]
    assert tx.state is ACCEPTED
    assert tx.next_timer == 33.0


def test_failure_moves_calling_to_completed_and_asks_for_the_ack_first() -> None:
    """Section 17.1.1.2: Timer D is 32 s; the ACK leaves before the user acts on the failure."""
    tx = calling()

    assert said(tx.receive(response(486), 1.0)) == ["ack? 486", "up 486"]
    assert tx.state is COMPLETED
    assert said(tx.acknowledge(b"ACK", 1.0)) == ["send ACK"]
    assert tx.next_timer == 33.0


# Proceeding


def test_each_provisional_is_passed_up() -> None:
    """Section 17.1.1.2."""
    tx = proceeding()

    assert said(tx.receive(response(180), 0.2)) == ["up 180"]
    assert said(tx.receive(response(183), 0.3)) == ["up 183"]
    assert tx.state is PROCEEDING


def test_2xx_moves_proceeding_to_accepted() -> None:
    """RFC 6026 section 7.2."""
    tx = proceeding()

    assert said(tx.receive(response(202), 9.0)) == ["up 202"]
    assert (tx.state, tx.next_timer) == (ACCEPTED, 41.0)


@pytest.mark.parametrize("status", [300, 404, 503, 699])
def test_failure_moves_proceeding_to_completed(status: int) -> None:
    """Section 17.1.1.2."""
    tx = proceeding()

    assert said(tx.receive(response(status), 9.0)) == [f"ack? {status}", f"up {status}"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 41.0)


# Accepted


def test_each_copy_of_the_2xx_is_passed_up_until_timer_m() -> None:
    """RFC 6026 section 7.2: the dialog's user repeats the ACK; another fork's 2xx comes this way too."""
    tx = accepted()

    assert said(tx.receive(response(200), 2.0)) == ["up 200"]
    assert said(tx.receive(response(200, to_tag="fork"), 3.0)) == ["up 200"]
    assert tx.next_timer == 33.0, "a copy does not restart Timer M"
    assert run_out(tx) == [(33.0, ["end M"])]
    assert tx.state is TERMINATED


@pytest.mark.parametrize("status", [100, 183, 302, 486, 603])
def test_accepted_ignores_all_but_2xx(status: int) -> None:
    """RFC 6026 section 7.2."""
    tx = accepted()

    assert tx.receive(response(status), 2.0) == []
    assert (tx.state, tx.next_timer) == (ACCEPTED, 33.0)


# Completed


def test_copy_of_the_failure_repeats_the_ack_and_tells_nobody() -> None:
    """Section 17.1.1.2."""
    tx = completed()

    assert said(tx.receive(response(486), 1.5)) == ["send ACK"]
    assert said(tx.receive(response(300), 1.6)) == ["send ACK"]
    assert tx.next_timer == 33.0
    assert run_out(tx) == [(33.0, ["end D"])]
    assert tx.state is TERMINATED


def test_timer_d_is_zero_on_a_reliable_transport() -> None:
    """Section 17.1.1.2."""
    tx = completed(TCP)

    assert tx.state is COMPLETED
    assert run_out(tx) == [(1.0, ["end D"])]


@pytest.mark.parametrize("status", [100, 180, 200, 299])
def test_completed_ignores_provisionals_and_2xx(status: int) -> None:
    """Section 17.1.1.2: the figure has no such arrow."""
    tx = completed()

    assert tx.receive(response(status), 2.0) == []
    assert (tx.state, tx.next_timer) == (COMPLETED, 33.0)


def test_copy_before_the_ack_was_built_is_absorbed() -> None:
    """Section 17.1.1.3: there is nothing to repeat yet."""
    tx = calling()
    tx.receive(response(486), 1.0)

    assert tx.receive(response(486), 1.1) == []
    assert said(tx.acknowledge(b"ACK", 1.2)) == ["send ACK"]


# What changes nothing


def test_timers_do_nothing_before_their_time() -> None:
    """An early wake-up of the worker is harmless."""
    tx = calling()

    assert tx.handle_timer(0.49) == []
    assert tx.next_timer == 0.5


def test_one_late_wake_up_sends_one_copy() -> None:
    """Section 17.1.1.2: A is set again when it fires, so a worker that slept makes no burst."""
    tx = calling()

    assert said(tx.handle_timer(10.0)) == ["send INVITE"]
    assert tx.next_timer == 11.0
    assert said(tx.handle_timer(40.0)) == ["timed out", "end B"]


@pytest.mark.parametrize("make", [calling, proceeding, accepted])
def test_an_ack_that_nobody_asked_for_is_not_sent(make: Make) -> None:
    """Section 17.1.1.3: only a failure is acknowledged here."""
    tx = make()
    state = tx.state

    assert tx.acknowledge(b"ACK", 2.0) == []
    assert tx.state is state


@pytest.mark.parametrize("make", [proceeding, accepted, completed])
def test_starting_late_sends_nothing(make: Make) -> None:
    """An INVITE that has been answered is not sent again."""
    assert make().start() == []


@pytest.mark.parametrize("make", [calling, proceeding, accepted, completed])
def test_abandoned_is_terminated_and_silent(make: Make) -> None:
    """Section 17.1.1.2 on a transport error, section 9.1 after a CANCEL without an answer."""
    tx = make()

    assert said(tx.abandon(5.0)) == ["end"]
    assert (tx.state, tx.next_timer) == (TERMINATED, None)
    assert tx.abandon(5.0) == []
    assert tx.start() == []
    assert tx.handle_timer(99.0) == []
    for status in (100, 200, 486):
        assert tx.receive(response(status), 6.0) == []
    assert tx.acknowledge(b"ACK", 6.0) == []
    assert tx.state is TERMINATED


def test_the_invite_is_kept_only_while_it_may_be_sent_again() -> None:
    """Memory: 32 s of lingering hold an ACK at most."""
    assert calling()._wire == b"INVITE"
    assert proceeding()._wire == b""
    assert accepted()._wire == b""
    assert completed()._wire == b"ACK"
    finished = completed()
    run_out(finished)
    assert finished._wire == b""


def test_it_tells_its_transport_and_prints_its_state() -> None:
    """What the call layer and a developer ask."""
    assert (calling(UDP).is_reliable, calling(TCP).is_reliable) == (False, True)
    assert repr(accepted()) == "<InviteClientTransaction z9hG4bKours Accepted>"
