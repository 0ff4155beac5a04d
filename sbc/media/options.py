"""The options that go with an offer or an answer: what the engine is to do with it, from the terms of the two legs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rtpengine import (
    NO_WEAK_SUITES,
    Codecs,
    EndpointLearning,
    Flag,
    Ice,
    IceLite,
    Options,
    Osrtp,
    Replace,
    RtcpMux,
    Support,
)
from sbc.media.codecs import Choice
from sbc.media.security import Profile
from sbc.media.terms import Terms
from sbc.octets import holds

_FLAGS: Final = (Flag.STRICT_SOURCE, Flag.PORT_LATCHING)
"""Strict source: RTP from a third address is neither forwarded nor learnt. Port latching: a peer that moves, and a
second early answer, leave the ports that the other side was shown as they were, so nobody has to be told."""

_ICE_FLAGS: Final = (*_FLAGS, Flag.ORIGINAL_SENDRECV)
_ICE_REPLACES: Final = (Replace.ORIGIN, Replace.ZERO_ADDRESS)
"""Of a peer that gathers candidates yet: its zero address is no hold (RFC 8840 section 4.1.3)."""

_MUX: Final[dict[str, tuple[RtcpMux, ...]]] = {
    "never": (RtcpMux.DEMUX,),
    "offer": (RtcpMux.OFFER, RtcpMux.ACCEPT),
    "require": (RtcpMux.OFFER, RtcpMux.REQUIRE, RtcpMux.ACCEPT),
}
"""Toward the receiver; the sender's own wish is granted whatever the receiver says. `require` alone says nothing to
10.5.3."""

_KEPT: Final = 256
_OFFERS: Final[dict[tuple[str, str, str, str, str, bool, bool, bool, bool], Options]] = {}
_ANSWERS: Final[dict[tuple[bool, bool, bool, bool, bool], Options]] = {}


def has_ice(sdp: bytes) -> bool:
    """Whether a description is of a peer that has ICE."""
    return holds(sdp, b"a=ice-ufrag:")


def has_feedback(sdp: bytes) -> bool:
    """Whether the parties' own RTCP must cross: who shows pictures is asked for key frames in it (RFC 4585, 5104).

    Else the engine keeps it and reports itself, for it bears names (`user@host`, RFC 3550 section 6.5.1) that 10.5.3
    would pass on.
    """
    return holds(sdp, b"\nm=video")


def offer_options(interfaces: tuple[str, str], terms: tuple[Terms, Terms], profile: Profile, sdp: bytes) -> Options:
    """For an offer; pairs are sender and receiver. Few differ: they are kept."""
    sender, receiver = terms
    gathers, crosses = has_ice(sdp), has_feedback(sdp)
    form = (profile.name, profile.has_optional_keys, profile.is_dtls)
    key = (*interfaces, sender.name, receiver.name, *form, gathers, crosses)
    options = _OFFERS.get(key)
    if options is None:
        if len(_OFFERS) >= _KEPT:
            _OFFERS.clear()
        options = _OFFERS[key] = _offer_options(interfaces, terms, profile, gathers=gathers, owns_rtcp=not crosses)
    return options


def _offer_options(
    interfaces: tuple[str, str], terms: tuple[Terms, Terms], profile: Profile, *, gathers: bool, owns_rtcp: bool
) -> Options:
    sender, receiver = terms
    shows_ice = receiver.has_ice and profile.is_dtls
    sdes: tuple[str, ...] = ()
    if profile.is_dtls:
        sdes = ("off",)
    elif sender.is_secure or receiver.is_secure:
        sdes = NO_WEAK_SUITES
    flags = _ICE_FLAGS if gathers else _FLAGS
    return Options(
        flags=(*flags, Flag.GENERATE_MID) if profile.is_dtls else flags,
        replace=_ICE_REPLACES if gathers else (Replace.ORIGIN,),
        rtcp_mux=_MUX[receiver.rtcp_mux],
        supports=(Support.LOAD_LIMIT,),
        endpoint_learning=EndpointLearning.HEURISTIC,
        ice=Ice.FORCE if shows_ice else Ice.REMOVE,
        ice_lite=_ICE_LITE[gathers, shows_ice],
        direction=interfaces if interfaces[0] or interfaces[1] else None,
        transport_protocol=profile.name,
        sdes=sdes,
        osrtp=(Osrtp.OFFER,) if profile.has_optional_keys else (),
        dtls="passive" if profile.is_dtls else "off" if sender.is_secure or receiver.is_secure else "",
        dtls_reverse="passive" if sender.has_dtls else "",
        owns_rtcp=owns_rtcp,
    )


def translating(options: Options, choice: Choice, reverse: int, ptime: int) -> Options:
    """The same for an offer in which the engine adds codecs and hides some, or joins and splits packets."""
    if not (choice.added or choice.hidden or reverse or ptime):
        return options
    codecs = Codecs(transcode=tuple(choice.added), mask=tuple(choice.hidden))
    return replace(options, codecs=codecs, ptime=ptime, ptime_reverse=reverse)


def pressing(options: Options) -> Options:
    """The same for a call in which the engine presses keys."""
    return replace(options, flags=(*options.flags, Flag.INJECT_DTMF))


def reporting(options: Options) -> Options:
    """The same for a call with pictures whose RTCP ends at the engine all the same."""
    return replace(options, owns_rtcp=True)


def veiling(options: Options, names: tuple[str, str]) -> Options:
    """The same for a call whose audio is not to be known again on the other side; `names` are those of the sender's and
    the receiver's view of it."""
    return replace(options, flags=(*options.flags, Flag.VEIL_STREAMS), veil_names=names)


_ICE_LITE: Final[dict[tuple[bool, bool], IceLite | None]] = {
    (False, False): None,
    (True, False): IceLite.BACKWARD,
    (False, True): IceLite.FORWARD,
    (True, True): IceLite.BOTH,
}
"""By whether the sender and the receiver have ICE. No checks are made: whom a peer names as a candidate gets nothing
of us."""


def answer_options(offerer: Terms, offer: bytes, answer: bytes) -> Options:
    """For an answer to the offer of a leg on these terms.

    `direction` and `rtcp-mux` are the offer's. `ICE: remove` is repeated: an answerer may answer with ICE that nobody
    offered.
    """
    key = (offerer.is_secure, offerer.has_dtls, has_ice(offer), has_ice(answer), not has_feedback(offer))
    options = _ANSWERS.get(key)
    if options is None:
        options = _ANSWERS[key] = _answer_options(*key)
    return options


def _answer_options(is_secure: bool, has_dtls: bool, shows_ice: bool, gathers: bool, owns_rtcp: bool) -> Options:
    """The offerer's own keys are accepted though the answerer has none: legs are ended each for itself."""
    return Options(
        flags=_ICE_FLAGS if gathers else _FLAGS,
        replace=_ICE_REPLACES if gathers else (Replace.ORIGIN,),
        supports=(Support.LOAD_LIMIT,),
        endpoint_learning=EndpointLearning.HEURISTIC,
        ice=Ice.FORCE if shows_ice else Ice.REMOVE,
        sdes=NO_WEAK_SUITES if is_secure else (),
        osrtp=(Osrtp.ACCEPT,) if is_secure else (),
        dtls="off" if is_secure and not has_dtls else "",
        owns_rtcp=owns_rtcp,
    )
