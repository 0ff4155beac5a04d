"""Latching: whose packets a stream takes, in virtual time."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from rtpengine.embedded.stream import GRACE, WINDOW, Kind, Stream, StreamState

SIGNALLED = ("192.0.2.1", 4000)
OTHER_PORT = ("192.0.2.1", 4444)
ELSEWHERE = ("198.51.100.9", 9999)
STRANGER = ("203.0.113.66", 6666)


@pytest.fixture
def stream() -> Iterator[Stream]:
    """A stream whose socket is never used."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield Stream(sock, ("127.0.0.1", 40000), 0.0, is_rtcp=False)


def expect(stream: Stream, peer: tuple[str, int] | None, now: float = 0.0, *, is_strict: bool = True) -> None:
    """Signalling names the peer."""
    stream.expect(peer, now, kind=Kind.RTP, is_strict=is_strict, is_muxed=False)


def state(stream: Stream) -> StreamState:
    """Where it is now."""
    return stream.state


def test_nothing_is_taken_before_signalling_has_named_the_peer(stream: Stream) -> None:
    """A scanner that finds the port learns nothing and changes nothing."""
    assert not stream.admit(STRANGER, 0.0)
    assert state(stream) is StreamState.BOUND
    assert stream.remote is None


def test_signalled_address_is_agreed_with_its_first_packet(stream: Stream) -> None:
    """No window is left for anybody else."""
    expect(stream, SIGNALLED)
    assert state(stream) is StreamState.LATCHING
    assert stream.remote == SIGNALLED
    assert stream.admit(SIGNALLED, 0.1)
    assert state(stream) is StreamState.LATCHED
    assert not stream.admit(STRANGER, 0.2)
    assert not stream.admit(OTHER_PORT, 0.2)
    assert stream.remote == SIGNALLED


def test_source_behind_a_nat_takes_the_place_of_the_signalled_address(stream: Stream) -> None:
    """Media goes back to where it comes from; agreed when the window is over."""
    expect(stream, SIGNALLED)
    assert stream.admit(ELSEWHERE, 0.1)
    assert stream.remote == ELSEWHERE
    assert state(stream) is StreamState.LATCHING
    assert not stream.admit(STRANGER, 0.2)
    assert stream.admit(ELSEWHERE, WINDOW)
    assert state(stream) is StreamState.LATCHED
    assert stream.agreed == ELSEWHERE


def test_better_source_replaces_a_worse_one_within_the_window(stream: Stream) -> None:
    """An injected first packet does not win against the host, nor the host's other port against the signalled one."""
    expect(stream, SIGNALLED)
    assert stream.admit(STRANGER, 0.1)
    assert stream.admit(OTHER_PORT, 0.2)
    assert stream.remote == OTHER_PORT
    assert not stream.admit(STRANGER, 0.3)
    assert stream.admit(SIGNALLED, 0.4)
    assert stream.remote == SIGNALLED
    assert state(stream) is StreamState.LATCHED


def test_first_packet_after_the_window_is_agreed_at_once(stream: Stream) -> None:
    """A peer that was silent until it was answered."""
    expect(stream, SIGNALLED)
    assert stream.admit(ELSEWHERE, WINDOW + 1)
    assert state(stream) is StreamState.LATCHED
    assert stream.agreed == ELSEWHERE


def test_unchanged_signalling_opens_no_window(stream: Stream) -> None:
    """A session refresh must not let a stray packet capture the stream."""
    expect(stream, SIGNALLED)
    stream.admit(ELSEWHERE, WINDOW)
    expect(stream, SIGNALLED, 100.0)
    assert state(stream) is StreamState.LATCHED
    assert stream.remote == ELSEWHERE
    assert not stream.admit(STRANGER, 100.1)


def test_new_address_is_sent_to_at_once_and_the_old_source_is_not_learnt_again(stream: Stream) -> None:
    """A peer that moves keeps sending from its old place for a moment."""
    expect(stream, SIGNALLED)
    stream.admit(SIGNALLED, 0.0)
    expect(stream, ELSEWHERE, 10.0)
    assert stream.admit(SIGNALLED, 10.1)
    assert stream.remote == ELSEWHERE
    assert stream.admit(ELSEWHERE, 10.2)
    assert not stream.admit(SIGNALLED, 10.3)


def test_old_source_is_agreed_where_it_alone_is_heard_after_the_window(stream: Stream) -> None:
    """A peer behind a NAT may signal another private address and keep its mapping."""
    expect(stream, SIGNALLED)
    stream.admit(STRANGER, WINDOW)
    expect(stream, OTHER_PORT, 10.0)
    assert stream.admit(STRANGER, 11.0)
    assert stream.remote == OTHER_PORT
    assert stream.admit(STRANGER, 10.0 + WINDOW)
    assert stream.remote == STRANGER


def test_hold_by_zero_address_sends_nothing_and_remembers(stream: Stream) -> None:
    """The source stays agreed; resuming at the same address goes on as before."""
    expect(stream, SIGNALLED)
    stream.admit(SIGNALLED, 0.0)
    expect(stream, None, 5.0)
    held = stream.remote
    assert held is None
    assert not stream.admit(STRANGER, 5.1)
    expect(stream, SIGNALLED, 6.0)
    assert stream.remote == SIGNALLED
    assert state(stream) is StreamState.LATCHED


def test_stream_that_is_not_strict_takes_from_anyone_but_learns_once(stream: Stream) -> None:
    """The real daemon's default, which the session border controller never asks for."""
    expect(stream, SIGNALLED, is_strict=False)
    stream.admit(SIGNALLED, 0.0)
    assert stream.admit(STRANGER, 0.1)
    assert stream.remote == SIGNALLED


def test_forgotten_stream_takes_nothing(stream: Stream) -> None:
    """The m-line has ended."""
    expect(stream, SIGNALLED)
    stream.forget()
    assert not stream.admit(SIGNALLED, 0.1)


KNOWN = "198.51.100.7"


def known_stream(*, is_strict: bool = True) -> Stream:
    """A peer behind a NAT: its SDP names an inner address, its signalling comes from `KNOWN`."""
    stream = Stream(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), ("192.0.2.9", 40000), 0.0, is_rtcp=False)
    stream.expect(("10.0.0.5", 4000), 0.0, kind=Kind.RTP, is_strict=is_strict, is_muxed=False, known=KNOWN)
    stream.sock.close()
    return stream


def test_injected_first_packet_does_not_beat_the_host_of_the_signalling() -> None:
    """RTP bleed: who sends first is anybody; where the peer signals from is not."""
    stream = known_stream()
    assert not stream.admit(("203.0.113.66", 9), 0.1)
    assert stream.remote == ("10.0.0.5", 4000)
    assert stream.admit((KNOWN, 31000), 0.2)
    assert stream.remote == (KNOWN, 31000)
    assert not stream.admit(("203.0.113.66", 9), 1.0)
    assert stream.admit((KNOWN, 31000), WINDOW)
    assert stream.agreed == (KNOWN, 31000)
    assert not stream.admit((KNOWN, 31002), WINDOW + 1)


def test_media_from_a_third_host_are_learnt_where_nothing_better_comes() -> None:
    """A proxy signals for a phone whose media come from somewhere else."""
    stream = known_stream()
    assert stream.admit(("203.0.113.20", 5000), GRACE)
    assert stream.admit(("203.0.113.20", 5000), WINDOW)
    assert stream.agreed == ("203.0.113.20", 5000)
    assert not stream.is_sure


def test_stranger_that_was_learnt_gives_way_to_the_peer() -> None:
    """A peer that was silent at first (on hold, early media) is not locked out of its own call."""
    stream = known_stream()
    assert stream.admit(("203.0.113.66", 9), GRACE)
    assert stream.admit(("203.0.113.66", 9), WINDOW)
    assert stream.admit((KNOWN, 31000), WINDOW + 5)
    assert stream.agreed == stream.remote == (KNOWN, 31000)
    assert not stream.admit(("203.0.113.66", 9), WINDOW + 6)
