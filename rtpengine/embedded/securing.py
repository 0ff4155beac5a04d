"""SDES between two legs: each offer and each answer is turned into what the other leg is to see, by the wishes.

The profile shown to a callee is the wished one, else the caller's; an answer goes back under the profile of the offer
(RFC 3264 section 6). Crypto lines in a plain profile are OSRTP (RFC 8643): offered on only where the caller did, or the
wishes say so. A secure profile without a usable key on either side is refused, never carried in clear.
"""

from __future__ import annotations

from rtpengine.embedded.agreement import NO_SUITE
from rtpengine.embedded.call import PartyMedia
from rtpengine.embedded.description import PROFILES, Fault, MediaSection
from rtpengine.embedded.sdes import CryptoLine
from rtpengine.embedded.wishes import Wishes


def secure(
    section: MediaSection, ours: PartyMedia, theirs: PartyMedia, wishes: Wishes, *, is_offer: bool
) -> tuple[str, tuple[CryptoLine, ...]]:
    """Settle the security of one m-line; the profile and the crypto lines for the receiver. Raises `Fault`.

    `ours` is the sender's, `theirs` the receiver's.
    """
    if section.is_secure and not section.crypto and section.has_fingerprint:
        return section.protocol, ()
    if is_offer:
        return _offer(section, ours, theirs, wishes)
    return _answer(section, ours, theirs, wishes)


def _offer(
    section: MediaSection, ours: PartyMedia, theirs: PartyMedia, wishes: Wishes
) -> tuple[str, tuple[CryptoLine, ...]]:
    if section.is_secure and not section.crypto:
        raise Fault(NO_SUITE)
    ours.security.hear_offer(tuple(section.crypto))
    protocol = wishes.protocol or section.protocol
    theirs.shown_protocol = protocol
    is_secure = "SAVP" in protocol
    is_opportunistic = "offer" in wishes.osrtp or bool(section.crypto and not wishes.protocol)
    offered = theirs.security.make_offer(wishes.suites if is_secure or is_opportunistic else ())
    if is_secure and not offered:
        raise Fault(NO_SUITE)
    return protocol, offered


def _answer(
    section: MediaSection, ours: PartyMedia, theirs: PartyMedia, wishes: Wishes
) -> tuple[str, tuple[CryptoLine, ...]]:
    _take_answer(section, ours)
    protocol = theirs.protocol if theirs.protocol in PROFILES else section.protocol
    security = theirs.security
    is_secure = "SAVP" in protocol
    line = None
    if security.heard and (is_secure or ours.security.srtp is not None or "accept" in wishes.osrtp):
        line = security.make_answer(wishes.suites)
    if line is not None:
        return protocol, (line,)
    if is_secure:
        raise Fault(NO_SUITE)
    security.clear()
    return protocol, ()


def _take_answer(section: MediaSection, ours: PartyMedia) -> None:
    """What the answerer made of our offer: keys, or none where they were optional."""
    was_secure = "SAVP" in ours.shown_protocol
    if ours.shown_protocol in PROFILES and was_secure != section.is_secure:
        raise Fault(NO_SUITE)
    if ours.security.offered and section.crypto:
        ours.security.take_answer(tuple(section.crypto))
    elif section.is_secure:
        raise Fault(NO_SUITE)
    else:
        ours.security.clear()
