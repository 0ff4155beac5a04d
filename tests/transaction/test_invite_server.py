"""RFC 3261 figure 7 with RFC 6026: an arrow a test, then what must change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.transaction import InviteServerTransaction, TransactionState, server_key
from sbc.wire import Flow
from tests.transaction.script import TCP, UDP, T, request, run_out, said

PROCEEDING = TransactionState.PROCEEDING
ACCEPTED = TransactionState.ACCEPTED
COMPLETED = TransactionState.COMPLETED
CONFIRMED = TransactionState.CONFIRMED
TERMINATED = TransactionState.TERMINATED

Make = Callable[[], InviteServerTransaction]

INVITE = request("INVITE")
ACK = request("ACK", to_tag="t1")


def proceeding(flow: Flow = UDP) -> InviteServerTransaction:
    return InviteServerTransaction(server_key(INVITE, flow), INVITE, flow, T, 0.0)


def accepted(flow: Flow = UDP) -> InviteServerTransaction:
    tx = proceeding(flow)
    assert said(tx.respond(200, b"200", 1.0)) == ["send 200"]
    return tx


def completed(flow: Flow = UDP) -> InviteServerTransaction:
    tx = proceeding(flow)
    assert said(tx.respond(486, b"486", 1.0)) == ["send 486"]
    return tx


def confirmed() -> InviteServerTransaction:
    tx = completed()
    tx.receive(ACK, 1.2)
    return tx


# Proceeding


def test_copy_of_invite_before_any_response_is_absorbed() -> None:
    """Section 17.2.1: the 100 is the user's; without one there is nothing to repeat."""
    tx = proceeding()

    assert tx.receive(INVITE, 0.1) == []
    assert (tx.state, tx.next_timer) == (PROCEEDING, None)


def test_copy_of_invite_repeats_the_last_provisional() -> None:
    """Section 17.2.1."""
    tx = proceeding()

    assert said(tx.respond(100, b"100", 0.0)) == ["send 100"]
    assert said(tx.receive(INVITE, 0.5)) == ["send 100"]
    assert said(tx.respond(180, b"180", 0.6)) == ["send 180"]
    assert said(tx.receive(INVITE, 1.5)) == ["send 180"]
    assert (tx.state, tx.next_timer) == (PROCEEDING, None)


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_2xx_moves_proceeding_to_accepted(flow: Flow) -> None:
    """RFC 6026 section 7.1: Timer L is 64*T1 on every transport."""
    tx = accepted(flow)

    assert tx.state is ACCEPTED
    assert run_out(tx) == [(33.0, ["end L"])]
    assert tx.state is TERMINATED


@pytest.mark.parametrize("status", [300, 486, 503, 603])
def test_failure_moves_proceeding_to_completed(status: int) -> None:
    """Section 17.2.1."""
    tx = proceeding()

    assert said(tx.respond(status, b"no", 1.0)) == ["send no"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 1.5)


# Accepted


def test_copy_of_invite_after_2xx_is_absorbed() -> None:
    """RFC 6026 section 7.1: repeating the 2xx is the dialog's duty."""
    tx = accepted()

    assert tx.receive(INVITE, 1.1) == []
    assert (tx.state, tx.next_timer) == (ACCEPTED, 33.0)


def test_another_2xx_of_the_user_is_sent() -> None:
    """RFC 6026 section 7.1."""
    tx = accepted()

    assert said(tx.respond(200, b"200 again", 1.5)) == ["send 200 again"]
    assert (tx.state, tx.next_timer) == (ACCEPTED, 33.0)


def test_ack_in_accepted_goes_up_to_the_dialog() -> None:
    """RFC 6026 section 7.1: it ends nothing here."""
    tx = accepted()

    assert said(tx.receive(ACK, 1.2)) == ["ack"]
    assert (tx.state, tx.next_timer) == (ACCEPTED, 33.0)


@pytest.mark.parametrize("status", [180, 404, 500])
def test_accepted_discards_all_but_2xx_of_the_user(status: int) -> None:
    """RFC 6026 section 7.1."""
    tx = accepted()

    assert tx.respond(status, b"late", 2.0) == []
    assert tx.state is ACCEPTED


# Completed


def test_failure_is_repeated_on_timer_g_until_timer_h() -> None:
    """Section 17.2.1: G starts at T1, doubles up to T2; H is 64*T1, and tells that no ACK came."""
    fired = run_out(completed())

    assert [when for when, _ in fired] == [1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5, 33.0]
    assert [lines for _, lines in fired[:-1]] == [["send 486"]] * 10
    assert fired[-1][1] == ["end H"]


def test_failure_on_a_reliable_transport_is_sent_once() -> None:
    """Section 17.2.1: no Timer G, but Timer H."""
    assert run_out(completed(TCP)) == [(33.0, ["end H"])]


def test_copy_of_invite_repeats_the_failure_and_leaves_timer_g_alone() -> None:
    """Section 17.2.1."""
    tx = completed()

    assert said(tx.receive(INVITE, 1.3)) == ["send 486"]
    assert (tx.state, tx.next_timer) == (COMPLETED, 1.5)


def test_busy_is_repeated_on_timer_g_until_the_ack() -> None:
    """Section 17.2.1: the ACK to a 486 ends the repeats and stops at the transaction; I is T4."""
    tx = completed()
    assert said(tx.handle_timer(1.5)) == ["send 486"]
    assert tx.next_timer == 2.5

    assert said(tx.receive(ACK, 1.6)) == ["ack"]
    assert tx.state is CONFIRMED
    assert run_out(tx) == [(6.6, ["end I"])]
    assert tx.state is TERMINATED


def test_ack_on_a_reliable_transport_ends_it_at_once() -> None:
    """Section 17.2.1: Timer I is zero."""
    tx = completed(TCP)

    assert said(tx.receive(ACK, 1.2)) == ["ack", "end"]
    assert (tx.state, tx.next_timer) == (TERMINATED, None)


@pytest.mark.parametrize("status", [100, 200, 500])
def test_completed_discards_what_the_user_says_too_late(status: int) -> None:
    """Section 17.2.1."""
    tx = completed()

    assert tx.respond(status, b"late", 2.0) == []
    assert said(tx.receive(INVITE, 2.1)) == ["send 486"]


# Confirmed


def test_confirmed_absorbs_further_acks_and_invites() -> None:
    """Section 17.2.1."""
    tx = confirmed()

    assert tx.receive(ACK, 2.0) == []
    assert tx.receive(INVITE, 2.0) == []
    assert tx.respond(200, b"late", 2.0) == []
    assert (tx.state, tx.next_timer) == (CONFIRMED, 6.2)


# What changes nothing


def test_ack_in_proceeding_is_ignored() -> None:
    """Section 17.2.1: the figure has no such arrow."""
    tx = proceeding()

    assert tx.receive(ACK, 0.1) == []
    assert tx.state is PROCEEDING


@pytest.mark.parametrize("make", [proceeding, accepted, completed, confirmed])
def test_a_request_with_another_method_is_ignored(make: Make) -> None:
    """Only our own wiring could bring one here."""
    tx = make()
    state = tx.state
    tx.respond(180, b"180", 1.2)

    assert tx.receive(request("CANCEL"), 1.3) == []
    assert tx.state is state


def test_timers_do_nothing_before_their_time() -> None:
    """An early wake-up of the worker is harmless."""
    tx = completed()

    assert tx.handle_timer(1.4) == []
    assert tx.next_timer == 1.5
    assert proceeding().handle_timer(1000.0) == []


@pytest.mark.parametrize("make", [proceeding, accepted, completed, confirmed])
def test_abandoned_is_terminated_and_silent(make: Make) -> None:
    """Section 17.2.4."""
    tx = make()

    assert said(tx.abandon(2.0)) == ["end"]
    assert (tx.state, tx.next_timer, tx.request) == (TERMINATED, None, None)
    assert tx.abandon(2.0) == []
    assert tx.handle_timer(99.0) == []
    assert tx.receive(INVITE, 3.0) == []
    assert tx.receive(ACK, 3.0) == []
    for status in (180, 200, 500):
        assert tx.respond(status, b"late", 3.0) == []


def test_only_what_can_still_be_sent_is_kept() -> None:
    """Memory: the 32 s of lingering hold the failure's bytes until the ACK, nothing else."""
    assert proceeding().request is INVITE
    assert (accepted().request, accepted()._wire) == (None, b"")
    assert (completed().request, completed()._wire) == (None, b"486")
    assert (confirmed().request, confirmed()._wire) == (None, b"")

    answered_after_ringing = proceeding()
    answered_after_ringing.respond(180, b"180", 0.5)
    answered_after_ringing.respond(200, b"200", 1.0)
    assert answered_after_ringing._wire == b""
    finished = completed()
    run_out(finished)
    assert finished._wire == b""


def test_it_tells_its_transport_and_prints_its_state() -> None:
    """What the call layer and a developer ask."""
    assert (proceeding(UDP).is_reliable, proceeding(TCP).is_reliable) == (False, True)
    assert repr(completed()) == "<InviteServerTransaction z9hG4bKa1 Completed>"
