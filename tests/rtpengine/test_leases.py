"""Engines under test that run at the same time have no media port in common."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.rtpengine.leases import COUNT, leased_ports

pytestmark = pytest.mark.interop


def test_ranges_leased_at_the_same_time_have_no_port_in_common() -> None:
    """Nor one that the system gives to whoever wants any (`ip_local_port_range`)."""
    with leased_ports() as one, leased_ports() as other:
        assert not set(one) & set(other)
        assert max(*one, *other) < 32768


def test_range_is_free_again_after_its_lease() -> None:
    """As often as there are ranges, and more."""
    for _ in range(2 * COUNT):
        with ExitStack() as stack:
            assert len(stack.enter_context(leased_ports())) == len(stack.enter_context(leased_ports()))
