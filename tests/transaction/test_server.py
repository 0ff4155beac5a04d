"""RFC 3261 figure 8 within RFC 4320: an arrow a test, then what must change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.transaction import ServerTransaction, TransactionState, server_key
from sbc.wire import Flow
from tests.transaction.script import TCP, UDP, T, request, run_out, said

TRYING = TransactionState.TRYING
PROCEEDING = TransactionState.PROCEEDING
COMPLETED = TransactionState.COMPLETED
TERMINATED = TransactionState.TERMINATED

Make = Callable[[], ServerTransaction]

INFO = request("INFO", to_tag="t1")


def trying(flow: Flow = UDP) -> ServerTransaction:
    return ServerTransaction(server_key(INFO, flow), INFO, flow, T, 0.0)


def proceeding() -> ServerTransaction:
    tx = trying()
    assert said(tx.respond(100, b"100", 4.0)) == ["send 100"]
    return tx


def completed() -> ServerTransaction:
    tx = trying()
    assert said(tx.respond(200, b"200", 1.0)) == ["send 200"]
    return tx


# Trying


def test_copy_in_trying_is_absorbed() -> None:
    """Section 17.2.2."""
    tx = trying()

    assert tx.receive(INFO, 0.5) == []
    assert tx.state is TRYING


@pytest.mark.parametrize("status", [200, 302, 481, 500, 603])
def test_final_moves_trying_to_completed(status: int) -> None:
    """Section 17.2.2: Timer J is 64*T1."""
    tx = trying()

    assert said(tx.respond(status, b"final", 1.0)) == ["send final"]
    assert tx.state is COMPLETED
    assert run_out(tx) == [(33.0, ["end J"])]
    assert tx.state is TERMINATED


def test_final_on_a_reliable_transport_ends_it_at_once() -> None:
    """Section 17.2.2: Timer J is zero."""
    tx = trying(TCP)

    assert said(tx.respond(200, b"200", 1.0)) == ["send 200", "end"]
    assert (tx.state, tx.next_timer, tx.request) == (TERMINATED, None, None)


def test_early_100_waits_until_the_peers_timer_e_reaches_t2() -> None:
    """RFC 4320 section 4.1: not before 3.5 s on UDP; until then copies are absorbed as in Trying."""
    tx = trying()

    assert tx.respond(100, b"100", 0.0) == []
    assert (tx.state, tx.next_timer) == (TRYING, 3.5)
    assert tx.receive(INFO, 1.5) == []
    assert tx.handle_timer(3.4) == []
    assert said(tx.handle_timer(3.5)) == ["send 100"]
    assert (tx.state, tx.next_timer) == (PROCEEDING, 32.0)


def test_final_overtakes_a_waiting_100() -> None:
    """RFC 4320 section 4.1: the 100 is never sent then."""
    tx = trying()
    tx.respond(100, b"100", 0.0)

    assert said(tx.respond(200, b"200", 1.0)) == ["send 200"]
    assert run_out(tx) == [(33.0, ["end J"])]


def test_100_on_a_reliable_transport_is_sent_at_once() -> None:
    """RFC 4320 section 4.1."""
    tx = trying(TCP)

    assert said(tx.respond(100, b"100", 0.0)) == ["send 100"]
    assert (tx.state, tx.next_timer) == (PROCEEDING, 32.0)


def test_without_an_answer_it_ends_with_the_peers_timer_f() -> None:
    """RFC 4320 section 4.2: after that nobody listens, so no response is sent."""
    assert run_out(trying()) == [(32.0, ["end F"])]
    assert run_out(trying(TCP)) == [(32.0, ["end F"])]


# Proceeding


def test_copy_in_proceeding_repeats_the_100() -> None:
    """Section 17.2.2."""
    tx = proceeding()

    assert said(tx.receive(INFO, 4.5)) == ["send 100"]
    assert tx.state is PROCEEDING


def test_another_100_replaces_the_one_before() -> None:
    """Section 17.2.2."""
    tx = proceeding()

    assert said(tx.respond(100, b"100 b", 5.0)) == ["send 100 b"]
    assert said(tx.receive(INFO, 5.5)) == ["send 100 b"]


def test_final_moves_proceeding_to_completed() -> None:
    """Section 17.2.2."""
    tx = proceeding()

    assert said(tx.respond(504, b"504", 28.0)) == ["send 504"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 60.0)


def test_proceeding_ends_with_the_peers_timer_f() -> None:
    """RFC 4320 section 4.2."""
    assert run_out(proceeding()) == [(32.0, ["end F"])]


# Completed


def test_copy_in_completed_repeats_the_final() -> None:
    """Section 17.2.2: and does not restart Timer J."""
    tx = completed()

    assert said(tx.receive(INFO, 2.0)) == ["send 200"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 33.0)


@pytest.mark.parametrize("status", [100, 200, 500])
def test_completed_discards_what_the_user_says_too_late(status: int) -> None:
    """Section 17.2.2."""
    tx = completed()

    assert tx.respond(status, b"late", 2.0) == []
    assert said(tx.receive(INFO, 2.1)) == ["send 200"]


# What changes nothing


@pytest.mark.parametrize("make", [trying, proceeding])
@pytest.mark.parametrize("status", [101, 180, 183, 199, 408])
def test_408_and_provisionals_but_100_are_never_sent(make: Make, status: int) -> None:
    """RFC 4320 sections 4.1 and 4.2."""
    tx = make()
    state = tx.state

    assert tx.respond(status, b"forbidden", 5.0) == []
    assert (tx.state, tx.next_timer) == (state, 32.0)


@pytest.mark.parametrize("make", [trying, proceeding, completed])
def test_abandoned_is_terminated_and_silent(make: Make) -> None:
    """Section 17.2.4."""
    tx = make()

    assert said(tx.abandon(5.0)) == ["end"]
    assert (tx.state, tx.next_timer, tx.request) == (TERMINATED, None, None)
    assert tx.abandon(5.0) == []
    assert tx.receive(INFO, 6.0) == []
    assert tx.respond(200, b"late", 6.0) == []
    assert tx.handle_timer(99.0) == []


def test_only_the_final_response_is_kept() -> None:
    """Memory: the request goes when it is answered, the bytes with Timer J."""
    assert trying().request is INFO
    tx = completed()
    assert (tx.request, tx._wire) == (None, b"200")
    run_out(tx)
    assert tx._wire == b""


def test_it_tells_its_transport_and_prints_its_state() -> None:
    """What the call layer and a developer ask."""
    assert (trying(UDP).is_reliable, trying(TCP).is_reliable) == (False, True)
    assert repr(trying()) == "<ServerTransaction z9hG4bKa1 Trying>"
