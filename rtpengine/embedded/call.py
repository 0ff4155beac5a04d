"""A call as the engine holds it: parties by tag, their m-lines, and the port pairs that face them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from rtpengine.embedded.addresses import Endpoint, endpoint
from rtpengine.embedded.agreement import Agreement
from rtpengine.embedded.association import DtlsAgreement
from rtpengine.embedded.detour import Heard, Tap
from rtpengine.embedded.ice import IceAgent
from rtpengine.embedded.interfaces import Interface, LocalAddress
from rtpengine.embedded.player import Player
from rtpengine.embedded.ports import PortPool
from rtpengine.embedded.quality import Quality
from rtpengine.embedded.recording import Recording
from rtpengine.embedded.relay import Relay
from rtpengine.embedded.stream import Stream
from rtpengine.embedded.veil import Veil


class Clock:
    """One instant: `monotonic` for what lasts, `wall` for what is reported."""

    __slots__ = ("monotonic", "wall")

    def __init__(self, monotonic: float, wall: float) -> None:
        self.monotonic: Final = monotonic
        self.wall: Final = wall


class Gates:
    """What is closed for a party, or for a whole call."""

    __slots__ = ("blocks_dtmf", "is_blocked", "is_silenced")

    def __init__(self) -> None:
        self.is_blocked = False
        self.is_silenced = False
        self.blocks_dtmf = False


class PortPair:
    """Two sockets facing one party, RTP and RTCP."""

    __slots__ = ("_tos", "address", "pool", "port", "relay", "rtcp", "rtp")

    def __init__(self, pool: PortPool, address: LocalAddress, relay: Relay, now: float) -> None:
        rtp, rtcp, port = pool.open()
        self.pool: Final = pool
        self.address: Final = address
        self.relay: Final = relay
        self.port: Final = port
        self.rtp: Final = Stream(rtp, endpoint(address.host, port), now, is_rtcp=False)
        self.rtcp: Final = Stream(rtcp, endpoint(address.host, port + 1), now, is_rtcp=True)
        self._tos = -1
        relay.add(self.rtp)
        relay.add(self.rtcp)

    @property
    def is_marked(self) -> bool:
        """True once `mark` has said what packets bear."""
        return self._tos >= 0

    def mark(self, tos: int) -> None:
        """Packets toward the party bear this octet: DSCP and ECN (RFC 2474)."""
        if tos == self._tos:
            return
        self._tos = tos
        for stream in self.streams:
            if stream.sock.family == socket.AF_INET6:
                stream.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
            else:
                stream.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)

    @property
    def streams(self) -> tuple[Stream, Stream]:
        """RTP, RTCP."""
        return self.rtp, self.rtcp

    def is_at(self, host: str, port: int) -> bool:
        """True where the address is this pair's own, as bound or as advertised."""
        return port in (self.port, self.port + 1) and host in (self.address.host, self.address.advertised)

    def close(self) -> None:
        """Close the sockets and give the ports back."""
        self.relay.remove(self.rtp)
        self.relay.remove(self.rtcp)
        self.pool.release(self.port)


class PartyMedia:
    """One m-line of one party."""

    __slots__ = (
        "answers_mux",
        "bound_for",
        "can_inject",
        "codecs",
        "copies",
        "direction",
        "dtls",
        "events",
        "formats",
        "heard_ice",
        "ice",
        "index",
        "is_muxed",
        "is_rejected",
        "kind",
        "listens_to",
        "mid",
        "offered_mux",
        "pair",
        "protocol",
        "ptime",
        "security",
        "shown_protocol",
        "signalled",
        "veil",
    )

    def __init__(self, index: int) -> None:
        self.index: Final = index
        self.kind = ""
        self.protocol = ""
        """The profile that the party described last, or that it was offered before it said anything."""
        self.shown_protocol = ""
        """The profile that it was offered last."""
        self.security: Final = Agreement()
        self.dtls: Final = DtlsAgreement()
        self.ice: IceAgent | None = None
        """None where the party is not to be asked for ICE, or has refused it."""
        self.heard_ice = False
        """The party's last description had credentials of ICE."""
        self.mid = ""
        """The party's name for the m-line (RFC 5888), or ours for it where it gave none."""
        self.formats: list[str] = []
        """What the party listed last."""
        self.codecs: dict[str, str] = {}
        """Payload type to codec, as the party listed them last, or was offered them."""
        self.events: frozenset[int] = frozenset()
        """Payload types of RFC 4733 events among them."""
        self.can_inject = False
        """Keys may be pressed for the party."""
        self.copies: tuple[Tap, ...] = ()
        """Subscribers to what it sends."""
        self.listens_to: PartyMedia | None = None
        """Whose copies it gets, where the party is a listener."""
        self.veil: Veil | None = None
        """What the party sees of the other one's audio; None: as it comes."""
        self.ptime = ""
        self.direction = "sendrecv"
        self.is_rejected = False
        """The party's last description had port 0 here."""
        self.pair: PortPair | None = None
        """The sockets facing the party."""
        self.bound_for: tuple[str, int] | None = None
        """The *other* party's address that `pair` was shown for; another address means other ports, unless latching is
        asked."""
        self.signalled: Endpoint | None = None
        """The party's own address."""
        self.offered_mux = False
        """We have offered RTCP multiplexing to the party."""
        self.answers_mux: bool | None = None
        """Whether its own offer of multiplexing will be accepted; None: as the other party answers."""
        self.is_muxed = False

    @property
    def is_sending(self) -> bool:
        """True where media is to be expected from the party: not on hold, not rejected."""
        return self.signalled is not None and self.direction in ("sendrecv", "sendonly")

    def close(self) -> None:
        """Free the ports."""
        if self.pair is not None:
            self.pair.close()
            self.pair = None
        self.security.clear()
        self.dtls.clear()
        self.ice = None
        self.copies = ()
        self.bound_for = self.signalled = None


class Party:
    """One end of the call, known by a tag; without one until its first answer."""

    __slots__ = (
        "created",
        "family",
        "gates",
        "has_spoken",
        "interface",
        "label",
        "media",
        "peer",
        "player",
        "sources",
        "tag",
        "via_branch",
    )

    def __init__(self, tag: str, via_branch: str, interface: Interface, created: float) -> None:
        self.tag = tag
        self.via_branch = via_branch
        self.interface = interface
        self.created: Final = created
        self.label = ""
        self.gates: Final = Gates()
        self.player: Player | None = None
        """What was played to it last."""
        self.media: Final[list[PartyMedia]] = []
        self.peer: Party | None = None
        """The party that media goes to."""
        self.family = ""
        """Of the addresses it has been seen to use; empty until it has spoken."""
        self.sources: tuple[str, ...] = ()
        """Tags of those it listens to; a party of the call itself has none."""
        self.has_spoken = False
        """It has sent a description of its own."""

    def line(self, index: int) -> PartyMedia:
        """The m-line at `index`, made where missing."""
        while len(self.media) <= index:
            self.media.append(PartyMedia(len(self.media)))
        return self.media[index]

    def streams(self) -> list[Stream]:
        """All open streams."""
        return [stream for media in self.media if media.pair is not None for stream in media.pair.streams]

    def close(self) -> None:
        """Free all ports."""
        for media in self.media:
            media.close()
        self.peer = None


class Call:
    """Everything under one call-id."""

    __slots__ = (
        "begun",
        "call_id",
        "created",
        "delete_at",
        "gates",
        "heard",
        "is_answered",
        "parties",
        "quality",
        "recording",
        "signalled",
        "signalled_wall",
        "tags",
    )

    def __init__(self, call_id: str, clock: Clock) -> None:
        self.call_id: Final = call_id
        self.created: Final = clock.wall
        self.begun: Final = clock.monotonic
        self.signalled = clock.monotonic
        """When the last offer or answer came."""
        self.signalled_wall = clock.wall
        self.parties: Final[list[Party]] = []
        self.tags: Final[dict[str, Party]] = {}
        """By tag; a party that answered under several has several entries."""
        self.is_answered = False
        self.gates: Final = Gates()
        self.quality: Final = Quality()
        self.recording: Recording | None = None
        self.heard: Callable[[str], Heard] | None = None
        """Makes, for a party's tag, what is told of the keys it presses; None: nobody wants to know."""
        self.delete_at = 0.0
        """When a delayed delete is due; 0: none is."""

    def streams(self) -> list[Stream]:
        """All open streams of all parties."""
        return [stream for party in self.parties for stream in party.streams()]

    def owns(self, host: str, port: int) -> bool:
        """True where an address is one of this call's own sockets: media for it would run in a circle."""
        return any(
            media.pair is not None and media.pair.is_at(host, port) for party in self.parties for media in party.media
        )

    def remove(self, party: Party) -> None:
        """Free a party's ports and cut it off; its record stays, as with the real daemon."""
        if party.peer is not None and party.peer.peer is party:
            party.peer.peer = None
        for other in self.parties:
            for stream in other.streams():
                if stream.out in party.streams():
                    stream.out = stream.rtcp_out = None
        party.close()

    def close(self) -> None:
        """Free everything."""
        if self.recording is not None:
            self.recording.close()
        for party in self.parties:
            party.close()
        self.parties.clear()
        self.tags.clear()
