"""Source admission: one leaky bucket a source, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sbc.firewall import RateLimiter, source_key


def test_a_burst_passes_and_then_the_rate() -> None:
    limiter = RateLimiter(rate=10, burst=3)
    assert [limiter.admit("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert limiter.admit("a", 0.1)
    assert not limiter.admit("a", 0.1)
    assert limiter.refused == 3


def test_a_source_on_the_rate_is_never_refused() -> None:
    """Sums of floats must not turn away what is exactly on time."""
    limiter = RateLimiter(rate=3, burst=1)
    assert all(limiter.admit("a", number / 3) for number in range(1000))


def test_silence_gives_the_burst_back_and_no_more() -> None:
    limiter = RateLimiter(rate=10, burst=2)
    assert limiter.admit("a", 0.0)
    assert [limiter.admit("a", 1000.0) for _ in range(3)] == [True, True, False]


def test_sources_do_not_share_a_bucket() -> None:
    limiter = RateLimiter(rate=1, burst=1)
    assert limiter.admit("a", 0.0)
    assert limiter.admit("b", 0.0)
    assert not limiter.admit("a", 0.0)


def test_a_refused_packet_costs_nothing() -> None:
    """A flood does not push back the time of its source's next admission."""
    limiter = RateLimiter(rate=1, burst=1)
    assert limiter.admit("a", 0.0)
    assert not any(limiter.admit("a", 0.5) for _ in range(100))
    assert limiter.admit("a", 1.0)


def test_the_table_is_bounded_whatever_comes() -> None:
    limiter = RateLimiter(rate=1, burst=1, capacity=100)
    for number in range(1000):
        assert limiter.admit(str(number), 0.0)
        assert len(limiter) <= 100


def test_a_busy_source_is_remembered_through_a_flood_of_others() -> None:
    limiter = RateLimiter(rate=1, burst=1, capacity=100)
    assert limiter.admit("busy", 0.0)
    for number in range(60):  # makes the table's young half the old one
        limiter.admit(str(number), 0.0)
    assert not limiter.admit("busy", 0.5)


@given(st.lists(st.floats(min_value=0, max_value=50), max_size=60), st.integers(1, 5), st.integers(1, 20))
def test_no_source_gets_more_than_its_burst_and_its_rate(times: list[float], burst: int, rate: int) -> None:
    """In any window [s, t] at most burst + rate * (t - s) packets are admitted."""
    limiter = RateLimiter(rate=rate, burst=burst)
    admitted = [time for time in sorted(times) if limiter.admit("a", time)]
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - start) + 1e-3


def test_a_neighbour_in_the_same_ipv6_network_is_the_same_source() -> None:
    """Whoever has one address of a /64 has them all (RFC 6177)."""
    assert source_key("2001:db8::1") == source_key("2001:db8:0:0:ffff::9")
    assert source_key("2001:db8::1") != source_key("2001:db8:0:1::1")


def test_an_ipv4_address_is_one_source_however_it_is_written() -> None:
    assert source_key("198.51.100.7") == source_key("::ffff:198.51.100.7") == "198.51.100.7"
