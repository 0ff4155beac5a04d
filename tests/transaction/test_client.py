"""RFC 3261 figure 6: an arrow a test, then what must change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.transaction import ClientTransaction, TransactionState
from sbc.wire import Flow
from tests.transaction.script import TCP, UDP, T, response, run_out, said

TRYING = TransactionState.TRYING
PROCEEDING = TransactionState.PROCEEDING
COMPLETED = TransactionState.COMPLETED
TERMINATED = TransactionState.TERMINATED

Make = Callable[[], ClientTransaction]


def trying(flow: Flow = UDP, now: float = 0.0) -> ClientTransaction:
    tx = ClientTransaction(("z9hG4bKours", "BYE"), b"BYE", flow, T, now)
    assert said(tx.start()) == ["send BYE"]
    return tx


def proceeding(flow: Flow = UDP) -> ClientTransaction:
    tx = trying(flow)
    tx.receive(response(100, "BYE"), 0.1)
    return tx


def completed() -> ClientTransaction:
    tx = trying()
    tx.receive(response(200, "BYE"), 1.0)
    return tx


# Trying


def test_request_is_repeated_on_timer_e_and_given_up_on_timer_f() -> None:
    """Section 17.1.2.2: E starts at T1, doubles up to T2; F is 64*T1."""
    fired = run_out(trying(now=100.0))

    assert [when - 100 for when, _ in fired] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32.0]
    assert [lines for _, lines in fired[:-1]] == [["send BYE"]] * 10
    assert fired[-1][1] == ["timed out", "end F"]


def test_request_on_a_reliable_transport_is_sent_once() -> None:
    """Section 17.1.2.2: Timer E is not started, Timer F is."""
    assert run_out(trying(TCP)) == [(32.0, ["timed out", "end F"])]


def test_provisional_moves_trying_to_proceeding() -> None:
    """Section 17.1.2.2: the running Timer E is left alone."""
    tx = trying()

    assert said(tx.receive(response(100, "BYE"), 0.1)) == ["up 100"]
    assert (tx.state, tx.next_timer) == (PROCEEDING, 0.5)


@pytest.mark.parametrize("status", [200, 302, 481, 503, 603])
def test_final_moves_trying_to_completed(status: int) -> None:
    """Section 17.1.2.2: Timer K is T4."""
    tx = trying()

    assert said(tx.receive(response(status, "BYE"), 1.0)) == [f"up {status}"]
    assert tx.state is COMPLETED
    assert run_out(tx) == [(6.0, ["end K"])]
    assert tx.state is TERMINATED


def test_final_on_a_reliable_transport_ends_it_at_once() -> None:
    """Section 17.1.2.2: Timer K is zero."""
    tx = trying(TCP)

    assert said(tx.receive(response(200, "BYE"), 1.0)) == ["up 200", "end"]
    assert (tx.state, tx.next_timer) == (TERMINATED, None)


# Proceeding


def test_in_proceeding_timer_e_is_t2_from_its_next_firing_on() -> None:
    """Section 17.1.2.2."""
    fired = run_out(proceeding())

    assert [when for when, _ in fired] == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.0]
    assert fired[0][1] == ["send BYE"]
    assert fired[-1][1] == ["timed out", "end F"]


def test_proceeding_on_a_reliable_transport_only_waits_for_timer_f() -> None:
    """Section 17.1.2.2."""
    assert run_out(proceeding(TCP)) == [(32.0, ["timed out", "end F"])]


def test_further_provisionals_are_passed_up() -> None:
    """Section 17.1.2.2."""
    tx = proceeding()

    assert said(tx.receive(response(183, "BYE"), 0.2)) == ["up 183"]
    assert (tx.state, tx.next_timer) == (PROCEEDING, 0.5)


def test_final_moves_proceeding_to_completed() -> None:
    """Section 17.1.2.2."""
    tx = proceeding()

    assert said(tx.receive(response(404, "BYE"), 3.0)) == ["up 404"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 8.0)


# Completed, and what changes nothing


@pytest.mark.parametrize("status", [100, 200, 408, 500])
def test_completed_absorbs_every_response(status: int) -> None:
    """Section 17.1.2.2: Timer K is there for that, and copies do not move it."""
    tx = completed()

    assert tx.receive(response(status, "BYE"), 2.0) == []
    assert (tx.state, tx.next_timer) == (COMPLETED, 6.0)


def test_timers_do_nothing_before_their_time() -> None:
    """An early wake-up of the worker is harmless."""
    tx = trying()

    assert tx.handle_timer(0.4) == []
    assert tx.next_timer == 0.5


def test_one_late_wake_up_sends_one_copy() -> None:
    """Section 17.1.2.2: E is set again when it fires."""
    tx = trying()

    assert said(tx.handle_timer(10.0)) == ["send BYE"]
    assert tx.next_timer == 11.0


@pytest.mark.parametrize("make", [trying, proceeding, completed])
def test_abandoned_is_terminated_and_silent(make: Make) -> None:
    """Section 17.1.4."""
    tx = make()

    assert said(tx.abandon(2.0)) == ["end"]
    assert (tx.state, tx.next_timer) == (TERMINATED, None)
    assert tx.abandon(2.0) == []
    assert tx.start() == []
    assert tx.handle_timer(99.0) == []
    assert tx.receive(response(200, "BYE"), 3.0) == []


def test_the_request_is_kept_only_while_it_may_be_sent_again() -> None:
    """Memory: nothing but the key lingers."""
    assert proceeding()._wire == b"BYE"
    assert completed()._wire == b""
    assert completed().start() == []


def test_it_tells_its_transport_and_prints_its_state() -> None:
    """What the call layer and a developer ask."""
    assert (trying(UDP).is_reliable, trying(TCP).is_reliable) == (False, True)
    assert repr(proceeding()) == "<ClientTransaction BYE z9hG4bKours Proceeding>"
