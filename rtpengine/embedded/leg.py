"""The streams of one party's m-line made to match what was agreed for it: keys, handshakes, checks."""

from __future__ import annotations

from rtpengine.embedded.call import PartyMedia
from rtpengine.embedded.channel import Channel
from rtpengine.embedded.description import MediaSection
from rtpengine.embedded.ice import IceAgent
from rtpengine.embedded.resources import Resources
from rtpengine.embedded.wishes import Wishes


def equip(media: PartyMedia, resources: Resources, now: float) -> None:
    """Give each stream of `media` its cryptography and its side channel."""
    if media.pair is None:
        return
    for component, stream in enumerate(media.pair.streams):
        is_idle = bool(component) and media.is_muxed
        dtls = None if is_idle else media.dtls.association(component, now)
        ice = None if is_idle else media.ice
        stream.srtp = dtls.srtp if dtls is not None else media.dtls.pending or media.security.srtp
        channel = stream.channel
        if dtls is None and ice is None:
            if channel is not None:
                channel.close()
                stream.channel = None
            continue
        if not isinstance(channel, Channel):
            channel = stream.channel = Channel(stream, resources.handshakes, now)
        channel.ice, channel.dtls, channel.since = ice, dtls, now
        channel.begin(now)


def veil(media: PartyMedia, resources: Resources, name: str, *, is_wanted: bool) -> None:
    """Whether the party sees numbers of ours, and the same ones as before, on ports that may be others, or in another
    session where the controller has the same `name` for the party."""
    if not is_wanted or media.kind != "audio":
        media.veil = None
    elif media.veil is None:
        media.veil = resources.veil(name, media.index)
    if media.pair is not None:
        for stream in media.pair.streams:
            stream.veil = media.veil


def hear_ice(section: MediaSection, media: PartyMedia, *, is_offer: bool) -> None:
    """What the party says of ICE. An answer without ends it; what an offer asks for is settled with our answer."""
    has_ice = bool(section.ice_ufrag and section.ice_pwd)
    media.heard_ice = has_ice
    if is_offer:
        if not has_ice:
            return
        media.ice = media.ice or IceAgent()
        media.ice.is_trickling = media.ice.is_trickling or section.is_trickling
    elif media.ice is None or not has_ice:
        media.ice = None
        return
    if media.ice.hear(section.ice_ufrag, section.ice_pwd, is_offer=is_offer) and media.pair is not None:
        for stream in media.pair.streams:
            if isinstance(stream.channel, Channel):
                stream.channel.restart()


def show_ice(section: MediaSection, media: PartyMedia, wishes: Wishes, *, is_offer: bool) -> None:
    """Whether the party is shown our candidates: `media.ice` stays, comes or goes."""
    if is_offer:
        regenerates = wishes.ice in ("", "default") and bool(section.ice_ufrag)
        if not regenerates and wishes.ice in ("", "default", "remove"):
            media.ice = None
            return
        media.ice = media.ice or IceAgent()
        media.ice.is_trickling = media.ice.is_trickling or wishes.is_trickling
    elif wishes.ice == "remove" or not media.heard_ice:
        media.ice = None


def await_checks(media: PartyMedia, now: float, *, is_strict: bool) -> None:
    """ICE is agreed: from now on its checks alone say where the party is."""
    if media.pair is None or media.ice is None:
        return
    for stream in media.pair.streams:
        stream.expect_checks(now, is_strict=is_strict, is_muxed=media.is_muxed and not stream.is_rtcp)
