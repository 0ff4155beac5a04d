"""What shares a media socket with RTP (RFC 7983): the checks of ICE and the handshake of DTLS.

A datagram costs work here only where its sender may be the peer. With ICE that is whoever has passed a check; without,
the address that signalling named, its host, the host that signalling came from, and after a moment of grace anybody,
the peer behind a NAT among them. One sender at a time; the address that signalling named ends another's attempt at
once, anybody else's turn comes when the one before has had its time.
"""

from __future__ import annotations

import contextlib
from typing import Final

from rtpengine.embedded.addresses import Endpoint
from rtpengine.embedded.dtls import Dtls, Handshake
from rtpengine.embedded.ice import IceAgent
from rtpengine.embedded.stream import GRACE, Stream

_STUN: Final = 3
_DTLS: Final = range(20, 64)
CLAIM: Final = 3.0
"""Seconds that a sender has to finish its handshake before another one may try."""
_VALID: Final = 8
"""Addresses of a peer that are remembered as checked."""


class Channel:
    """One stream's. `ice` and `dtls` are each None where the leg does without."""

    __slots__ = ("_allowed", "_claimed", "_priority", "_source", "_stream", "_waiting", "dtls", "ice", "since")

    def __init__(self, stream: Stream, waiting: set[Channel], now: float) -> None:
        self.ice: IceAgent | None = None
        self.dtls: Dtls | None = None
        self.since = now
        """When signalling last named the peer."""
        self._stream: Final = stream
        self._waiting: Final = waiting
        """Channels whose handshake wants to be woken; shared by all."""
        self._allowed: Final[dict[Endpoint, None]] = {}
        self._priority = -1
        self._source: Endpoint | None = None
        self._claimed = now
        """Since when `_source` speaks."""

    def begin(self, now: float) -> None:
        """Start the handshake where that is ours to do and the way to the peer is known."""
        remote = self._stream.remote
        if self.dtls is None or remote is None or self.dtls.state is not Handshake.WAITING:
            return
        self._source = remote
        self._send(self.dtls.begin(now), remote)
        self._watch(self.dtls)

    def restart(self) -> None:
        """The peer has begun ICE anew; the old path stays until another is nominated."""
        self._priority = -1

    @property
    def has_checks(self) -> bool:
        """True where only a source that has passed a check may be the peer."""
        return self.ice is not None

    def knows(self, source: Endpoint) -> bool:
        """True where `source` has passed a check."""
        return source in self._allowed

    def receive(self, data: bytes, source: Endpoint, now: float) -> bool:
        """A datagram that is no RTP; False where it was not taken."""
        if data[0] <= _STUN:
            return self.ice is not None and self._check(self.ice, data, source, now)
        dtls = self.dtls
        if data[0] not in _DTLS or dtls is None or not self._may_speak(dtls, source, now):
            return False
        was_open = dtls.is_open
        self._send(dtls.receive(data, now), source)
        self._watch(dtls)
        if was_open and dtls.state is Handshake.DONE and self.ice is None:
            self._stream.settle(source)
        return dtls.state is not Handshake.FAILED

    def handle_timer(self, now: float) -> None:
        """Repeat a flight that was not answered."""
        dtls = self.dtls
        if dtls is None or dtls.next_timer is None:
            self._waiting.discard(self)
        elif now >= dtls.next_timer:
            flight = dtls.handle_timer(now)
            if self._source is not None:
                self._send(flight, self._source)
            self._watch(dtls)

    def close(self) -> None:
        """The socket goes."""
        self._waiting.discard(self)
        self.ice = self.dtls = None

    def _check(self, ice: IceAgent, data: bytes, source: Endpoint, now: float) -> bool:
        check = ice.check(data, source)
        if check is None:
            return False
        if source not in self._allowed:
            if len(self._allowed) >= _VALID:
                del self._allowed[next(iter(self._allowed))]
            self._allowed[source] = None
        self._send([check.reply], source)
        if check.is_nomination and check.priority >= self._priority:
            self._priority = check.priority
            self._stream.settle(source)
            self.begin(now)
        return True

    def _may_speak(self, dtls: Dtls, source: Endpoint, now: float) -> bool:
        """Whether a DTLS datagram from `source` is looked at."""
        stream = self._stream
        if self.ice is not None:
            if not self.knows(source):
                return False
            self._source = source
            return True
        if source in (stream.agreed, self._source):
            return True
        if self._source is not None:
            if dtls.state is Handshake.DONE or (source != stream.signalled and now < self._claimed + CLAIM):
                return False
            dtls.restart(now)
        elif not stream.is_likely(source) and now < self.since + GRACE:
            return False
        self._source = source
        self._claimed = now
        return True

    def _send(self, datagrams: list[bytes], destination: Endpoint) -> None:
        for datagram in datagrams:
            with contextlib.suppress(OSError):  # as lost on the way: the peer or the timer repeats
                self._stream.sock.sendto(datagram, destination)

    def _watch(self, dtls: Dtls) -> None:
        if dtls.next_timer is None:
            self._waiting.discard(self)
        else:
            self._waiting.add(self)
