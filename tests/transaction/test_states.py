"""Timer values by the book."""

from __future__ import annotations

from sbc.transaction import Timer, TimerValues, TransactionState


def test_defaults_are_those_of_the_rfc() -> None:
    """RFC 3261 section 17.1.1.1 and table 4."""
    timers = TimerValues()

    assert (timers.t1, timers.t2, timers.t4) == (0.5, 4.0, 5.0)
    assert timers.give_up == 32.0
    assert timers.ack_linger == 32.0


def test_timer_d_is_never_below_32_seconds() -> None:
    """RFC 3261 section 17.1.1.2: the peer's T1 is not ours to know."""
    assert TimerValues(t1=0.1).ack_linger == 32.0
    assert TimerValues(t1=1.0).ack_linger == 64.0


def test_trying_waits_until_timer_e_reaches_t2() -> None:
    """RFC 4320 section 4.1: E fires after 0.5, 1 and 2 seconds more before it is set to T2."""
    assert TimerValues().trying_delay == 3.5
    assert TimerValues(t1=4.0, t2=4.0).trying_delay == 0.0
    assert TimerValues(t1=0.0).trying_delay == 0.0


def test_states_and_timers_bear_the_figures_names() -> None:
    """RFC 3261 figures 5 to 8 and RFC 6026 section 7."""
    names = ["Calling", "Trying", "Proceeding", "Accepted", "Completed", "Confirmed", "Terminated"]
    assert [state.value for state in TransactionState] == names
    assert "".join(timer.value for timer in Timer) == "ABDEFGHIJKLM"
