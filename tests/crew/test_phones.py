"""Where phones are registered, as all workers of a node know it."""

from __future__ import annotations

import os

from sbc.crew import Phones, phones_memory


def test_what_one_worker_has_noted_all_know_until_it_is_over() -> None:
    """A pick-up (RFC 3891) may meet another worker than the one that took the REGISTER."""
    descriptor = phones_memory()
    one, other = Phones(descriptor), Phones(descriptor)
    os.close(descriptor)
    one.note("outside 198.51.100.78", 600.0)
    assert other.has("outside 198.51.100.78")
    assert not other.has("inside 198.51.100.78")
    one.note("outside 198.51.100.78", -5.0)
    one.note("outside 198.51.100.79", 1e9)
    assert other.has("outside 198.51.100.79")
