"""Handshakes without ICE: whose datagrams are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtpengine.embedded.addresses import Endpoint
from rtpengine.embedded.channel import CLAIM, Channel
from rtpengine.embedded.dtls import Dtls, Handshake, Identity, Role
from rtpengine.embedded.stream import GRACE, Kind, Stream, StreamState
from tests.rtpengine.embedded.kit import Deaf
from tests.rtpengine.embedded.test_dtls import announced

NAMED: Endpoint = ("192.0.2.1", 4000)
BEHIND_NAT: Endpoint = ("203.0.113.9", 61000)
STRANGER: Endpoint = ("198.51.100.66", 6666)


class Leg:
    """A stream with DTLS toward a peer, which is a `Dtls` of its own."""

    def __init__(self, role: Role) -> None:
        ours, theirs = Identity(), Identity()
        self.sock = Deaf()
        self.stream = Stream(self.sock, ("127.0.0.1", 40000), 0.0, is_rtcp=False)
        self.stream.expect(NAMED, 0.0, kind=Kind.RTP, is_strict=True, is_muxed=False)
        self.waiting: set[Channel] = set()
        self.channel = Channel(self.stream, self.waiting, 0.0)
        self.stream.channel = self.channel
        self.channel.dtls = Dtls(ours, role, announced(theirs), 0.0)
        other = Role.PASSIVE if role is Role.ACTIVE else Role.ACTIVE
        self.peer = Dtls(theirs, other, announced(ours), 0.0)
        self.seen = 0

    @property
    def dtls(self) -> Dtls:
        """Ours."""
        assert self.channel.dtls is not None
        return self.channel.dtls

    def answers(self) -> list[bytes]:
        """What we have sent since the last time."""
        found = [data for data, _ in self.sock.sent[self.seen :]]
        self.seen = len(self.sock.sent)
        return found

    def shake(self, source: Endpoint, now: float) -> None:
        """Let the peer speak from `source` until all is said."""
        toward_us = self.peer.begin(now) + [reply for data in self.answers() for reply in self.peer.receive(data, now)]
        while toward_us:
            for datagram in toward_us:
                self.channel.receive(datagram, source, now)
            toward_us = [reply for data in self.answers() for reply in self.peer.receive(data, now)]


@pytest.fixture(params=[Role.ACTIVE, Role.PASSIVE])
def leg(request: pytest.FixtureRequest) -> Iterator[Leg]:
    """In either role."""
    leg = Leg(request.param)
    yield leg
    leg.sock.close()


@pytest.fixture
def passive() -> Iterator[Leg]:
    """We wait for the peer."""
    leg = Leg(Role.PASSIVE)
    yield leg
    leg.sock.close()


def stranger_hello() -> bytes:
    """The first flight of somebody."""
    return Dtls(Identity(), Role.ACTIVE, (), 0.0).begin(0.0)[0]


def test_handshake_at_the_named_address_agrees_on_it(leg: Leg) -> None:
    """As client we begin, as server we wait; the source is agreed with the keys."""
    leg.channel.begin(0.0)
    assert bool(leg.sock.sent) == (leg.dtls.role is Role.ACTIVE)
    leg.shake(NAMED, 0.1)
    assert leg.dtls.state is Handshake.DONE
    assert (leg.stream.agreed, leg.stream.state) == (NAMED, StreamState.LATCHED)
    assert leg.waiting == set()


def test_stranger_that_is_early_is_not_looked_at(passive: Leg) -> None:
    """Nor answered: its hello costs nothing."""
    assert not passive.channel.receive(stranger_hello(), STRANGER, GRACE / 2)
    assert passive.sock.sent == []
    passive.shake(NAMED, 0.3)
    assert passive.dtls.state is Handshake.DONE


def test_named_address_ends_the_attempt_of_a_stranger(passive: Leg) -> None:
    """At once."""
    assert passive.channel.receive(stranger_hello(), STRANGER, 1.0)
    passive.answers()
    passive.shake(NAMED, 1.1)
    assert passive.dtls.state is Handshake.DONE
    assert passive.stream.agreed == NAMED


def test_peer_behind_a_nat_gets_its_turn_after_a_stranger(passive: Leg) -> None:
    """A stranger may cost it seconds, not the call."""
    passive.channel.receive(stranger_hello(), STRANGER, 1.0)
    passive.answers()
    assert not passive.channel.receive(stranger_hello(), BEHIND_NAT, 1.0 + CLAIM / 2)
    passive.shake(BEHIND_NAT, 1.0 + CLAIM)
    assert passive.dtls.state is Handshake.DONE
    assert passive.stream.agreed == BEHIND_NAT


def test_finished_handshake_is_disturbed_by_nobody(passive: Leg) -> None:
    """From wherever."""
    passive.shake(NAMED, 0.1)
    for source in (STRANGER, BEHIND_NAT):
        assert not passive.channel.receive(stranger_hello(), source, 100.0)
    assert passive.dtls.state is Handshake.DONE


def test_silent_peer_is_asked_again_and_given_up(leg: Leg) -> None:
    """The channel is woken as long as there is hope."""
    leg.channel.begin(0.0)
    if leg.dtls.role is Role.PASSIVE:
        leg.channel.receive(leg.peer.begin(0.0)[0], NAMED, 0.0)
    assert leg.waiting == {leg.channel}
    leg.channel.handle_timer(100.0)
    assert leg.dtls.state is Handshake.FAILED
    leg.channel.handle_timer(101.0)
    assert leg.waiting == set()
