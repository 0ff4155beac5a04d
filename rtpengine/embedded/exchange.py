"""One offer or one answer applied to a call: ports opened, kept or freed, peers named to the streams, the SDP
rewritten.

The sender of a description is the party whose address it names; the receiver is shown our ports instead. Both sides of
an m-line get their pair with the offer, so that running out of ports shows before anything rings.
"""

from __future__ import annotations

from typing import Final

from rtpengine.embedded.addresses import ZERO, canonical_address, endpoint, family_of
from rtpengine.embedded.call import Call, Party, PartyMedia, PortPair
from rtpengine.embedded.codecs import CodecWishes, codec_names, event_types
from rtpengine.embedded.description import INCOMPLETE, Description, Fault, MediaSection
from rtpengine.embedded.interfaces import LocalAddress
from rtpengine.embedded.leg import await_checks, equip, hear_ice, show_ice, veil
from rtpengine.embedded.resources import Resources
from rtpengine.embedded.rewrite import LocalMedia, rewrite
from rtpengine.embedded.securing import secure
from rtpengine.embedded.stream import Kind
from rtpengine.embedded.wishes import Wishes


class Exchange:
    """An offer (`is_offer`) or an answer from `sender` on its way to `receiver`."""

    __slots__ = ("call", "codecs", "description", "is_offer", "now", "receiver", "resources", "sender", "wishes")

    def __init__(
        self,
        call: Call,
        parties: tuple[Party, Party],
        description: Description,
        wishes: Wishes,
        codecs: CodecWishes,
        *,
        is_offer: bool,
        now: float,
        resources: Resources,
    ) -> None:
        self.call: Final = call
        self.sender, self.receiver = parties
        self.description: Final = description
        self.wishes: Final = wishes
        self.codecs: Final = codecs
        self.is_offer: Final = is_offer
        self.now: Final = now
        self.resources: Final = resources

    def run(self) -> bytes:
        """Apply it; the description for the receiver. Raises `Fault`."""
        for stream in self.call.streams():
            self.resources.relay.reclaim(stream)
        self._choose_families()
        self.sender.has_spoken = True
        local = [self._section(index, section) for index, section in enumerate(self.description.media)]
        for party in (self.sender, self.receiver):
            for media in party.media[len(local) :]:
                media.close()
            del party.media[len(local) :]
        shown = self.receiver.interface.address(self.receiver.family).advertised
        mark = self.resources.loop_mark if self.wishes.protects_loop else ""
        return rewrite(self.description, local, shown, self.wishes, mark)

    def _choose_families(self) -> None:
        """The sender's leg uses the family of its SDP; the receiver's what is asked for, else its own, else the
        sender's."""
        for section in self.description.media:
            if section.port and section.address and section.address not in ZERO:
                self.sender.family = family_of(section.address)
                break
        if self.is_offer and self.wishes.address_family:
            self.receiver.family = self.wishes.address_family
        elif not self.receiver.family:
            self.receiver.family = self.sender.family

    def _section(self, index: int, section: MediaSection) -> LocalMedia:
        """One m-line. An answer has no more of them than its offer: what is beyond is rejected."""
        is_beyond = not self.is_offer and self.receiver.has_spoken and index >= len(self.receiver.media)
        ours, theirs = self.sender.line(index), self.receiver.line(index)
        ours.kind, ours.protocol, ours.direction = section.kind, section.protocol, section.direction
        ours.ptime = section.ptime or ours.ptime
        if not self.receiver.has_spoken:
            theirs.kind, theirs.protocol = section.kind, self.wishes.protocol or section.protocol
        ours.is_rejected = not section.port
        ours.mid = section.mid or ours.mid
        if self.is_offer:
            theirs.mid = theirs.mid or section.mid or (str(index + 1) if self.wishes.generates_mid else "")
        formats = section.formats
        ours.codecs = codec_names(formats, section.lines)
        ours.events = event_types(ours.codecs)
        ours.can_inject = theirs.can_inject = self.wishes.can_inject or (not self.is_offer and ours.can_inject)
        if not self.is_offer and section.is_rtp:
            formats = [item for item in formats if item in theirs.formats] or formats
        ours.formats = formats
        if self.is_offer and section.is_rtp:
            formats = self.codecs.apply(formats, ours.codecs)
        shown = self.receiver.interface.address(self.receiver.family)
        if not section.port or is_beyond or (not self.is_offer and theirs.is_rejected):
            if not self.is_offer:
                ours.close()
                theirs.close()
            return LocalMedia(shown.advertised, 0, 0, rtcp_mux=False, formats=formats, mid=theirs.mid)
        peer = self._peer_address(section)
        facing_sender = self._open(ours, self.sender, keep=True)
        keep = self.wishes.is_latching or peer is None or theirs.bound_for in (None, peer)
        facing_receiver = self._open(theirs, self.receiver, keep=keep)
        facing_receiver.mark(self.wishes.tos)
        if not facing_sender.is_marked:
            facing_sender.mark(self.wishes.tos)
        if peer is not None:
            theirs.bound_for = peer
        self._settle_mux(section, ours, theirs)
        protocol = section.protocol
        keys: tuple[str, ...] = ()
        if section.is_profile:
            protocol, keys = secure(
                section, ours, theirs, self.wishes, self.receiver.interface.identity, is_offer=self.is_offer
            )
        hear_ice(section, ours, is_offer=self.is_offer)
        show_ice(section, theirs, self.wishes, is_offer=self.is_offer)
        self._expect(section, ours, facing_sender, peer)
        if self.sender.peer is self.receiver or self.sender.peer is None:
            connect(ours, theirs)
        for media, name in zip((ours, theirs), self.wishes.veil_names, strict=True):
            veil(media, self.resources, name, is_wanted=self.wishes.veils and section.is_rtp)
            equip(media, self.resources, self.now)
            if not self.is_offer:
                await_checks(media, self.now, is_strict=self.wishes.is_strict)
        return self._local(section, theirs, facing_receiver, formats, protocol, keys)

    def _peer_address(self, section: MediaSection) -> tuple[str, int] | None:
        """Where the sender takes RTP, or None where it takes none or names an address of this very call."""
        host = section.address
        if self.wishes.received_from:
            host = canonical_address(self.wishes.received_from, "IP6" if ":" in self.wishes.received_from else "IP4")
            if not host:
                raise Fault(INCOMPLETE)
        if section.is_held or host in ZERO or self.call.owns(host, section.port):
            return None
        return host, section.port

    def _open(self, media: PartyMedia, party: Party, *, keep: bool) -> PortPair:
        """The pair facing `party`, opened where there is none, or where it may not be kept."""
        address: LocalAddress = party.interface.address(party.family)
        pair = media.pair
        if pair is not None and keep and pair.address is address:
            return pair
        fresh = PortPair(self.resources.pools[address.host], address, self.resources.relay, self.now)
        if pair is not None:
            _inherit(pair, fresh, self.now)
            pair.close()
        media.pair = fresh
        return fresh

    def _settle_mux(self, section: MediaSection, ours: PartyMedia, theirs: PartyMedia) -> None:
        """RFC 5761 section 5.1.1 for two legs: what is offered on, and what is answered, depend on the wishes of the
        offer."""
        asked = self.wishes.rtcp_mux
        if not self.is_offer:
            ours.is_muxed = ours.offered_mux and section.rtcp_mux
            if theirs.answers_mux is None:
                theirs.is_muxed = section.rtcp_mux and ours.offered_mux
            else:
                theirs.is_muxed = theirs.answers_mux
            return
        theirs.offered_mux = section.rtcp_mux or theirs.is_muxed
        if asked & {"offer", "require"}:
            theirs.offered_mux = True
        elif "demux" in asked:
            theirs.offered_mux = False
        if not section.rtcp_mux or "reject" in asked:
            ours.answers_mux = False
        elif "accept" in asked or not theirs.offered_mux:
            ours.answers_mux = True
        else:
            ours.answers_mux = None

    def _expect(self, section: MediaSection, media: PartyMedia, pair: PortPair, peer: tuple[str, int] | None) -> None:
        """Name the sender's addresses to the streams facing it; where ICE is under way it finds them itself."""
        if media.ice is not None and pair.rtp.channel is not None and pair.rtp.channel.has_checks:
            await_checks(media, self.now, is_strict=self.wishes.is_strict)
            return
        kind = Kind.RTP if section.is_rtp else Kind.RAW
        rtp = rtcp = None
        if peer is not None:
            host, port = peer
            rtp = endpoint(host, port)
            rtcp_host = section.rtcp_address or host
            rtcp_port = section.rtcp_port or port + 1
            fits = rtcp_host not in ZERO and rtcp_port < 65536 and not self.call.owns(rtcp_host, rtcp_port)
            if section.is_rtp and fits and family_of(rtcp_host) == family_of(host):
                rtcp = endpoint(rtcp_host, rtcp_port)
        if rtp is not None and family_of(rtp[0]) != pair.address.family:
            rtp = rtcp = None
        strict = self.wishes.is_strict
        media.signalled = rtp
        known = self.wishes.signalled_from
        pair.rtp.expect(rtp, self.now, kind=kind, is_strict=strict, is_muxed=media.is_muxed, known=known)
        pair.rtcp.expect(rtcp, self.now, kind=kind, is_strict=strict, is_muxed=False, known=known)
        other = self.receiver.line(media.index).pair
        if other is not None:
            for stream in other.streams:
                stream.is_strict = strict
            other.rtp.is_muxed = self.receiver.line(media.index).is_muxed

    def _local(
        self,
        section: MediaSection,
        media: PartyMedia,
        pair: PortPair,
        formats: list[str],
        protocol: str,
        keys: tuple[str, ...],
    ) -> LocalMedia:
        """What the receiver is shown."""
        shows_mux = media.offered_mux if self.is_offer else media.is_muxed
        shares_port = media.is_muxed if not self.is_offer else shows_mux and "require" in self.wishes.rtcp_mux
        rtcp_port = 0
        if section.is_rtp and not self.wishes.hides_rtcp:
            rtcp_port = pair.port if shares_port else pair.port + 1
        ports = (pair.port,) if shares_port or not section.is_rtp else (pair.port, pair.port + 1)
        return LocalMedia(
            pair.address.advertised,
            pair.port,
            rtcp_port,
            rtcp_mux=shows_mux,
            formats=formats,
            ptime=section.ptime or media.ptime,
            protocol=protocol,
            keys=keys,
            ice=media.ice.attributes(pair.address.advertised, ports) if media.ice is not None else (),
            mid=media.mid,
        )


def _inherit(old: PortPair, fresh: PortPair, now: float) -> None:
    """A pair takes another's place: it starts to learn at the address that was signalled for the old one."""
    for before, after in zip(old.streams, fresh.streams, strict=True):
        kind = Kind.RTP if before.lowest == Kind.RTP.value[0] else Kind.RAW
        if before.signalled is not None and len(before.signalled) == len(after.local):
            after.expect(
                before.signalled,
                now,
                kind=kind,
                is_strict=before.is_strict,
                is_muxed=before.is_muxed,
                known=before.known,
            )


def connect(one: PartyMedia, two: PartyMedia) -> None:
    """Let media run between two m-lines, both ways."""
    if one.pair is None or two.pair is None:
        return
    for pair, other, media in ((one.pair, two.pair, two), (two.pair, one.pair, one)):
        rtcp = other.rtp if media.is_muxed else other.rtcp
        pair.rtp.out = other.rtp
        pair.rtp.rtcp_out = rtcp
        pair.rtcp.out = rtcp


def disconnect(party: Party) -> None:
    """Let no media of `party` go anywhere."""
    for stream in party.streams():
        stream.out = stream.rtcp_out = None
