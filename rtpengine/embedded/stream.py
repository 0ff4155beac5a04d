"""One local socket facing one peer: whose packets it takes, and where the peer's media goes.

Latching. A peer behind a NAT sends from another address than its SDP says, so the source is learnt: but only once
signalling has named the peer, only from packets that can be media, the SDP's own address before another port of its
host or of the host that signalling came from, and those before any other address. Where the latter host is known, any
other address must wait for `GRACE` seconds: who is first to send does not win. After `WINDOW` seconds, or at once where
the SDP's address is heard, the source is agreed. From then on a strict stream takes nothing else: RTP from a third
address is counted and dropped, neither forwarded nor learnt, until signalling names a new address; only a source that
was agreed for want of a better one gives way to the peer's own host.
"""

from __future__ import annotations

import secrets
import socket
from enum import Enum
from typing import Final, Protocol

from rtpengine.embedded.addresses import Endpoint
from rtpengine.embedded.detour import Detour
from rtpengine.embedded.quality import Quality
from rtpengine.embedded.srtp import Srtp
from rtpengine.embedded.veil import Veil

WINDOW: Final = 3.0
"""Seconds after signalling in which a better source still replaces a worse one; the real daemon's learning window."""
GRACE: Final = 0.5
"""Seconds after signalling in which only the peer's own hosts are listened to, where both are known."""

_ANY_SOURCE: Final = 1
_SAME_HOST: Final = 2
_AS_SIGNALLED: Final = 3


class StreamState(Enum):
    """Where a stream is on its way to a fast path."""

    BOUND = "bound"
    """The socket is open; signalling has not named the peer. Nothing is taken."""
    LATCHING = "latching"
    """Signalling has named an address; the source is being learnt."""
    LATCHED = "latched"
    """The source is agreed; packets are relayed here."""
    OFFLOADED = "offloaded"
    """A fast path forwards what comes from the agreed source."""


class Kind(Enum):
    """What a packet must look like to be taken; the first byte tells (RFC 7983)."""

    RTP = (128, 191)
    RAW = (0, 255)
    """T.38 over UDPTL, and what we know nothing about."""


class SideChannel(Protocol):
    """What shares the socket with RTP: checks of ICE, handshakes of DTLS."""

    @property
    def has_checks(self) -> bool:
        """True where only a source that has passed a check may be the peer."""

    def knows(self, source: Endpoint) -> bool:
        """True where `source` has passed one."""

    def receive(self, data: bytes, source: Endpoint, now: float) -> bool:
        """A datagram that is no RTP; False where it was not taken."""

    def close(self) -> None:
        """The socket goes."""


class Stream:
    """A socket with its peer. Plain attributes, since the relay reads them for each packet."""

    __slots__ = (
        "agreed",
        "channel",
        "cname",
        "detour",
        "errors",
        "fast_octets",
        "fast_packets",
        "former",
        "handle",
        "highest",
        "is_muxed",
        "is_rtcp",
        "is_strict",
        "known",
        "last",
        "local",
        "lowest",
        "octets",
        "out",
        "packets",
        "payload_type",
        "rank",
        "rate",
        "remote",
        "reports",
        "rtcp_out",
        "signalled",
        "sock",
        "srtp",
        "ssrc",
        "state",
        "until",
        "veil",
    )

    def __init__(self, sock: socket.socket, local: Endpoint, now: float, *, is_rtcp: bool) -> None:
        self.sock: Final = sock
        self.local: Final = local
        self.is_rtcp: Final = is_rtcp
        self.cname: Final = secrets.token_hex(8).encode()
        """The name under which RTCP shows this peer to the other one (RFC 7022: random, for one session)."""
        self.state = StreamState.BOUND
        self.is_strict = False
        self.is_muxed = False
        """RTCP shares this RTP socket (RFC 5761)."""
        self.lowest, self.highest = Kind.RTP.value
        self.signalled: Endpoint | None = None
        """The address that SDP names."""
        self.remote: Endpoint | None = None
        """Where media for the peer goes."""
        self.agreed: Endpoint | None = None
        """The source agreed upon; None until then, so that the relay's one comparison fails."""
        self.former: Endpoint | None = None
        """What was agreed before signalling named another address: still taken while learning, never learnt."""
        self.known = ""
        """The host that the peer's signalling comes from; empty: not told."""
        self.rank = 0
        self.until = now
        self.out: Stream | None = None
        """The stream facing the other party, through which packets that arrive here leave."""
        self.rtcp_out: Stream | None = None
        """The same for RTCP that arrives on a muxed socket."""
        self.srtp: Srtp | None = None
        """The cryptography toward this peer; None where its media run in clear."""
        self.channel: SideChannel | None = None
        """None where the leg speaks neither ICE nor DTLS."""
        self.veil: Veil | None = None
        """What this peer sees of the other one's stream; None: as it comes."""
        self.detour: Detour | None = None
        """Gates, keys and listeners; None where there are none."""
        self.reports: Quality | None = None
        """Where RTCP of the peer is read; None: nowhere."""
        self.rate = 8000
        """Timestamp units a second of the peer's media."""
        self.ssrc = -1
        """Seen last, looked at now and then; -1: no packet yet."""
        self.payload_type = -1
        self.packets = 0
        self.octets = 0
        self.errors = 0
        """Packets not taken, or not to be sent."""
        self.last = now
        """When the last packet was taken; the time of signalling until then."""
        self.handle = 0
        """The fast path's, while OFFLOADED."""
        self.fast_packets = self.fast_octets = 0
        """What of the counts the fast path has reported under this handle."""

    def expect(
        self, peer: Endpoint | None, now: float, *, kind: Kind, is_strict: bool, is_muxed: bool, known: str = ""
    ) -> None:
        """Signalling names the peer's address, or None: none is known, or it wants no media now (hold by zero address).

        `known` is the host that the signalling came from. An unchanged address keeps what was learnt: a re-INVITE must
        not open a window to strays. On None the source learnt stays too, but nothing is sent.
        """
        self.lowest, self.highest = kind.value
        self.known = known or self.known
        self.is_strict = is_strict
        self.is_muxed = is_muxed
        if peer is None:
            self.remote = None
            return
        if peer == self.signalled and self.state is not StreamState.BOUND:
            self.until = now + WINDOW
            self.remote = self.agreed or self.remote or peer
            return
        self.former = self.agreed
        self.signalled = self.remote = peer
        self.agreed = None
        self.rank = 0
        self.until = now + WINDOW
        self.state = StreamState.LATCHING

    def expect_checks(self, now: float, *, is_strict: bool, is_muxed: bool) -> None:
        """As `expect` where the peer's address is what ICE finds; one that was found stays until another is."""
        self.lowest, self.highest = Kind.RTP.value
        self.is_strict = is_strict
        self.is_muxed = is_muxed
        self.signalled = self.former = None
        self.until = now + WINDOW
        if self.agreed is None or self.channel is None or not self.channel.knows(self.agreed):
            self.agreed = self.remote = None
            self.rank = 0
            self.state = StreamState.LATCHING

    def settle(self, source: Endpoint) -> None:
        """The peer has proved that it is at `source`."""
        self.remote = source
        self._agree(source)

    def is_likely(self, source: Endpoint) -> bool:
        """True for the hosts that signalling has named."""
        return source[0] == self.known or (self.signalled is not None and source[0] == self.signalled[0])

    def forget(self) -> None:
        """Signalling has ended the stream: nothing is taken or sent any more."""
        if self.channel is not None:
            self.channel.close()
        self.channel = None
        self.state = StreamState.BOUND
        self.signalled = self.remote = self.agreed = self.former = None
        self.out = self.rtcp_out = self.srtp = self.detour = self.veil = None

    def admit(self, source: Endpoint, now: float) -> bool:
        """Whether to take a packet from `source`, which is not `agreed`; learns from it where that is allowed.

        The caller has found that the packet's first byte fits the kind and, where there are keys, that it is authentic:
        then it is the peer wherever it comes from.
        """
        state = self.state
        if state is StreamState.BOUND:
            return False
        if self.channel is not None and self.channel.has_checks:
            return self.channel.knows(source)
        is_likely = self.is_likely(source)
        if state is not StreamState.LATCHING:
            if is_likely and self.rank == _ANY_SOURCE and state is StreamState.LATCHED:
                self._agree(source, _SAME_HOST)
                return True
            return not self.is_strict
        if source == self.signalled or self.srtp is not None:
            self._agree(source)
            return True
        if source == self.former:
            if now >= self.until and not self.rank:
                self._agree(source, _SAME_HOST)  # signalling has moved, the peer behind its NAT has not
            return True
        rank = _SAME_HOST if is_likely else _ANY_SOURCE
        if rank == _ANY_SOURCE and self.known and now < self.until - WINDOW + GRACE:
            return False
        if rank > self.rank:
            self.rank = rank
            self.remote = self.remote and source
        elif source != self.remote:
            return not self.is_strict
        if now >= self.until:
            self._agree(source, rank)
        return True

    @property
    def is_sure(self) -> bool:
        """True where the source agreed upon is at a host of the peer, as far as anybody has said."""
        return self.rank > _ANY_SOURCE

    @property
    def is_settled(self) -> bool:
        """True where no source but the one agreed upon can be taken."""
        return self.is_strict and self.state is not StreamState.LATCHING

    def _agree(self, source: Endpoint, rank: int = _AS_SIGNALLED) -> None:
        """`source` it is."""
        if self.remote is not None:
            self.remote = source
        self.agreed = source
        self.former = None
        self.rank = rank
        self.state = StreamState.LATCHED
