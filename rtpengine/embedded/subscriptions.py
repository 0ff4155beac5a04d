"""Parties beside the two of a call: listeners, who get a copy of what others send, and publishers, who only send.

A listener is offered one m-line for each stream it is to hear, in clear and from ports of its own; its answer says
where to. What it sends is taken by nobody. Session descriptions are ours altogether: they name no party of the call.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.addresses import ZERO, endpoint, family_of
from rtpengine.embedded.call import Call, Clock, Party, PartyMedia, PortPair
from rtpengine.embedded.codecs import codec_names
from rtpengine.embedded.description import MAX_MEDIA, Fault, MediaSection, parse_description
from rtpengine.embedded.interfaces import Interfaces
from rtpengine.embedded.operations import UNKNOWN_CALL, refit
from rtpengine.embedded.resources import Resources
from rtpengine.embedded.rtcp import rename
from rtpengine.embedded.srtp import PacketBuffer
from rtpengine.embedded.stream import Kind
from rtpengine.embedded.wishes import Request, Wishes, required, text, words

MAX_LISTENERS: Final = 16
"""Of one call."""
_DATAGRAM: Final = 2048
"""Octets of a packet that is copied; what is longer is no voice."""


class Copy:
    """What a listener hears of one m-line."""

    __slots__ = ("_buffer", "_pair")

    def __init__(self, pair: PortPair) -> None:
        self._pair: Final = pair
        self._buffer: Final = PacketBuffer(_DATAGRAM)

    def take(self, data: memoryview, is_rtcp: bool, now: float) -> None:
        """A packet of the party that is listened to."""
        stream = self._pair.rtcp if is_rtcp else self._pair.rtp
        size = len(data)
        if stream.remote is None or size > _DATAGRAM:
            return
        buffer = self._buffer.data
        buffer[:size] = data
        if is_rtcp:
            size = rename(buffer, size, stream.cname)
        if size > 0:
            with contextlib.suppress(OSError):  # as lost on the way
                stream.sock.sendto(buffer[:size], stream.remote)


def subscribe(
    call: Call | None, request: Request, resources: Resources, interfaces: Interfaces, clock: Clock
) -> dict[str, Value]:
    """`subscribe request`: an offer for the listener."""
    required(request, "call-id")
    if call is None:
        raise Fault(UNKNOWN_CALL)
    sources = _sources(call, request)
    if sum(bool(party.sources) for party in call.parties) >= MAX_LISTENERS:
        raise Fault("Failed to request subscription")
    wishes = Wishes(request)
    tag = text(request, "to-tag") or secrets.token_hex(32)
    former = call.tags.get(tag)
    if former is not None:
        if not former.sources:
            raise Fault("Failed to request subscription")
        _leave(call, former)
    name = text(request, "interface") or (wishes.direction[-1] if wishes.direction else "")
    listener = Party(tag, "", interfaces.find(name) if name else sources[0].interface, clock.wall)
    listener.sources = tuple(party.tag for party in sources)
    listener.family = wishes.address_family or sources[0].family
    listener.label = text(request, "set-label")
    is_siprec = "SIPREC" in words(request, "flags")
    lines: list[str] = []
    labels: dict[str, Value] = {}
    medias: list[Value] = []
    try:
        for party in sources:
            medias.append(_listen(call, party, listener, resources, clock, lines, labels, is_siprec))
    except Fault:
        listener.close()
        raise
    call.parties.append(listener)
    call.tags[tag] = listener
    refit(call, resources)
    reply: dict[str, Value] = {"sdp": _description(listener, lines)}
    if is_siprec:
        reply |= {"tag-medias": medias, "media-labels": labels}
    if len(sources) == 1:
        reply["from-tag"] = sources[0].tag
    return reply | {"from-tags": [party.tag for party in sources], "to-tag": tag}


def take_answer(call: Call | None, request: Request, resources: Resources, clock: Clock) -> dict[str, Value]:
    """`subscribe answer`: where the listener hears."""
    sdp = request.get("sdp")
    if not isinstance(sdp, bytes):
        raise Fault("No SDP body in message")
    required(request, "call-id")
    if call is None:
        raise Fault(UNKNOWN_CALL)
    listener = call.tags.get(required(request, "to-tag"))
    if listener is None or not listener.sources:
        raise Fault("To-tag not found")
    description = parse_description(sdp)
    if len(description.media) > len(listener.media):
        raise Fault("Failed to process subscription answer")
    for media, section in zip(listener.media, description.media, strict=False):
        if not section.port:
            media.close()
        elif not set(section.formats) & set(media.formats) or section.is_secure:
            raise Fault("Failed to process subscription answer")
        else:
            media.formats = [item for item in section.formats if item in media.formats]
            _expect(media, section, clock.monotonic)
    listener.has_spoken = True
    refit(call, resources)
    return {}


def unsubscribe(call: Call | None, request: Request, resources: Resources) -> dict[str, Value]:
    """`unsubscribe`: who is not there need not go."""
    required(request, "call-id")
    if call is None:
        raise Fault(UNKNOWN_CALL)
    listener = call.tags.get(required(request, "to-tag"))
    if listener is not None and listener.sources:
        _leave(call, listener)
        refit(call, resources)
    return {}


def publish(call: Call, party: Party, request: Request, resources: Resources, clock: Clock) -> dict[str, Value]:
    """`publish`: the answer to somebody who only sends, with one codec for each m-line."""
    sdp = request.get("sdp")
    description = parse_description(sdp if isinstance(sdp, bytes) else b"")
    codec = request.get("codec")
    accepted = [name.lower() for name in words(codec if isinstance(codec, dict) else {}, "accept")]
    wishes = Wishes(request)
    lines: list[str] = []
    party.has_spoken = True
    for index, section in enumerate(description.media):
        media = party.line(index)
        media.kind, media.protocol, media.direction = section.kind, section.protocol, "sendonly"
        if not section.port or section.is_secure or not section.is_rtp:
            lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}"]
            continue
        names = codec_names(section.formats, section.lines)
        wanted = [item for item in section.formats if names.get(item, "").lower().partition("/")[0] in accepted]
        media.formats = (wanted or section.formats)[:1]
        media.codecs = {item: name for item, name in names.items() if item in media.formats}
        party.family = wishes.address_family or family_of(section.address)
        _open(media, party, resources, clock.monotonic)
        _expect(media, section, clock.monotonic, is_strict=wishes.is_strict)
        lines += _lines(media, party, "recvonly", "")
    refit(call, resources)
    return {"sdp": _description(party, lines)}


def _sources(call: Call, request: Request) -> list[Party]:
    """Who is to be heard."""
    speaking = [party for party in call.parties if party.has_spoken and not party.sources]
    tags = [*words(request, "from-tags"), text(request, "from-tag")]
    label = text(request, "label")
    if "all" not in words(request, "flags"):
        speaking = [party for party in speaking if party.tag in tags or (label and party.label == label)]
    if not speaking:
        raise Fault("No monologues matched")
    return speaking


def _listen(
    call: Call,
    party: Party,
    listener: Party,
    resources: Resources,
    clock: Clock,
    lines: list[str],
    labels: dict[str, Value],
    is_siprec: bool,
) -> Value:
    """An m-line of the listener for each of the party's; what a recording server is told of them."""
    medias: list[Value] = []
    for source in party.media:
        if source.pair is None or len(listener.media) >= MAX_MEDIA:
            continue
        media = listener.line(len(listener.media))
        peer = party.peer.media[source.index] if party.peer and source.index < len(party.peer.media) else None
        common = [item for item in source.formats if peer is None or not peer.formats or item in peer.formats]
        media.kind, media.protocol, media.direction = source.kind, "RTP/AVP", "recvonly"
        media.formats, media.codecs, media.ptime = common or source.formats, source.codecs, source.ptime
        _open(media, listener, resources, clock.monotonic)
        if media.pair is not None:
            source.copies = (*source.copies, Copy(media.pair))
            media.listens_to = source
        name = str(media.index)
        lines += _lines(media, listener, "sendonly", name if is_siprec else "")
        about: dict[str, Value] = {"type": source.kind, "mode": source.direction}
        labels[name] = {"tag": party.tag, "index": source.index + 1, "label": party.label, **about}
        medias.append({"index": source.index + 1, "label": name, **about})
    return {"tag": party.tag, "label": party.label, "medias": medias}


def _leave(call: Call, listener: Party) -> None:
    """The listener's ports go, and its copies with them."""
    pairs = [media.pair for media in listener.media if media.pair is not None]
    for media in listener.media:
        source = media.listens_to
        if source is not None:
            source.copies = tuple(
                copy for copy in source.copies if not isinstance(copy, Copy) or copy._pair not in pairs
            )
    listener.close()
    call.parties.remove(listener)
    del call.tags[listener.tag]


def _open(media: PartyMedia, party: Party, resources: Resources, now: float) -> None:
    address = party.interface.address(party.family)
    if media.pair is None:
        media.pair = PortPair(resources.pools[address.host], address, resources.relay, now)


def _expect(media: PartyMedia, section: MediaSection, now: float, *, is_strict: bool = True) -> None:
    """The party's own addresses."""
    if media.pair is None or section.address in ZERO or family_of(section.address) != media.pair.address.family:
        return
    rtp = endpoint(section.address, section.port)
    rtcp = endpoint(section.address, section.rtcp_port or min(section.port + 1, 65535))
    media.signalled = rtp
    media.pair.rtp.expect(rtp, now, kind=Kind.RTP, is_strict=is_strict, is_muxed=False)
    media.pair.rtcp.expect(rtcp, now, kind=Kind.RTP, is_strict=is_strict, is_muxed=False)


def _lines(media: PartyMedia, party: Party, direction: str, label: str) -> list[str]:
    """One m-line with its attributes, as we offer or answer it."""
    if media.pair is None:
        return []
    address, port = media.pair.address.advertised, media.pair.port
    lines = [f"m={media.kind} {port} RTP/AVP {' '.join(media.formats)}", f"c=IN {family_of(address)} {address}"]
    if label:
        lines.append(f"a=label:{label}")
    lines += [f"a=rtpmap:{item} {media.codecs[item]}" for item in media.formats if item in media.codecs]
    lines += [f"a={direction}", f"a=rtcp:{port + 1}"]
    if media.ptime:
        lines.append(f"a=ptime:{media.ptime}")
    return lines


def _description(party: Party, lines: list[str]) -> bytes:
    """A whole session description of ours."""
    host = party.interface.address(party.family).advertised
    number = secrets.randbits(62)
    head = ["v=0", f"o=- {number} {number} IN {family_of(host)} {host}", "s=-", "t=0 0"]
    return ("\r\n".join(head + lines) + "\r\n").encode()
