"""When a media engine that keeps silent is asked again, and when it counts as lost."""

from __future__ import annotations

import pytest

from sbc.supervisor.pings import EVERY, HASTY, Watch


def test_engine_that_answers_is_asked_now_and_then() -> None:
    """A ping is cheap, a thousand a second would not be."""
    watch = Watch(4.0, 0.0)
    watch.answered(2.0)
    assert watch.pause == EVERY


def test_one_unanswered_ping_is_no_loss() -> None:
    """A datagram may be lost, an engine may be busy."""
    watch = Watch(4.0, 0.0)
    assert watch.unanswered(asked=2.0, now=4.0) == 0.0
    assert watch.pause == HASTY
    watch.answered(5.0)
    assert watch.unanswered(asked=7.0, now=9.0) == 0.0


def test_engine_is_lost_once_after_so_long_a_silence() -> None:
    """And not again before it was heard."""
    watch = Watch(4.0, 0.0)
    watch.answered(2.0)
    assert watch.unanswered(asked=4.0, now=6.0) == 0.0
    assert watch.unanswered(asked=6.5, now=8.5) == 6.5
    assert watch.unanswered(asked=9.0, now=11.0) == 0.0
    watch.answered(12.0)
    assert watch.unanswered(asked=14.0, now=16.0) == 0.0
    assert watch.unanswered(asked=16.5, now=18.5) == 6.5


def test_engine_whose_port_is_closed_is_lost_sooner() -> None:
    """Its host says so; a daemon that is started anew within that time is not lost."""
    watch = Watch(4.0, 0.0)
    watch.answered(2.0)
    assert watch.unanswered(asked=4.0, now=4.2, is_refused=True) == 0.0
    assert watch.unanswered(asked=4.7, now=5.1, is_refused=True) == pytest.approx(3.1)
