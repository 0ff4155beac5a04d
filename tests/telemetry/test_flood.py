"""Floods in the log: the first few in full, the rest summed up, memory bounded."""

from __future__ import annotations

from sbc.telemetry import Flood, Summary
from sbc.telemetry.flood import ELSEWHERE, FULL, KINDS, WINDOW


def test_the_first_few_are_logged_in_full_and_the_rest_summed_up() -> None:
    flood = Flood()
    admitted = [flood.admit("malformed", "192.0.2.1", now=0.0) for _ in range(1000)]
    assert admitted == [True] * FULL + [False] * (1000 - FULL)
    assert flood.due(now=WINDOW - 0.1) == []
    assert flood.due(now=WINDOW) == [Summary("malformed", "192.0.2.1", 1000 - FULL)]
    assert flood.due(now=WINDOW * 2) == []


def test_another_reason_or_source_is_not_hidden_by_a_flood() -> None:
    flood = Flood()
    for _ in range(100):
        flood.admit("malformed", "192.0.2.1", now=0.0)
    assert flood.admit("stray-ack", "192.0.2.1", now=0.0)
    assert flood.admit("malformed", "192.0.2.2", now=0.0)


def test_a_new_window_logs_in_full_again() -> None:
    flood = Flood()
    for _ in range(100):
        flood.admit("malformed", "192.0.2.1", now=0.0)
    flood.due(now=WINDOW)
    assert flood.admit("malformed", "192.0.2.1", now=WINDOW + 1)


def test_what_was_logged_in_full_is_not_summed_up() -> None:
    flood = Flood()
    for _ in range(FULL):
        flood.admit("malformed", "192.0.2.1", now=0.0)
    assert flood.due(now=WINDOW) == []


def test_spoofed_sources_share_one_line_and_no_memory() -> None:
    flood = Flood()
    admitted = sum(flood.admit("malformed", f"10.0.{n >> 8}.{n & 255}", now=0.0) for n in range(KINDS + 5000))
    assert admitted == KINDS
    assert flood.due(now=WINDOW) == [Summary("malformed", ELSEWHERE, 5000)]
