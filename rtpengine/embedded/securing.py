"""The keys of two legs: each offer and each answer is turned into what the other leg is to see, by the wishes.

The profile shown to a callee is the wished one, else the caller's; an answer goes back under the profile of the offer
(RFC 3264 section 6). Crypto lines in a plain profile are OSRTP (RFC 8643): offered on only where the caller did, or the
wishes say so. The profiles over DTLS have keys from DTLS alone; SAVP and SAVPF may have either, and are offered both
unless the wishes turn one off. A secure profile without a usable key on either side is refused, never carried in clear.
"""

from __future__ import annotations

from rtpengine.embedded.agreement import NO_SUITE
from rtpengine.embedded.call import PartyMedia
from rtpengine.embedded.description import DTLS_PROFILES, PROFILES, Fault, MediaSection
from rtpengine.embedded.dtls import Identity
from rtpengine.embedded.wishes import Wishes


def secure(
    section: MediaSection,
    ours: PartyMedia,
    theirs: PartyMedia,
    wishes: Wishes,
    identity: Identity,
    *,
    is_offer: bool,
) -> tuple[str, tuple[str, ...]]:
    """Settle the security of one m-line; the profile and the key attributes for the receiver. Raises `Fault`.

    `ours` is the sender's, `theirs` the receiver's.
    """
    if is_offer:
        return _offer(section, ours, theirs, wishes, identity)
    return _answer(section, ours, theirs, wishes, identity)


def _offer(
    section: MediaSection, ours: PartyMedia, theirs: PartyMedia, wishes: Wishes, identity: Identity
) -> tuple[str, tuple[str, ...]]:
    if section.is_secure and not section.crypto and not section.fingerprints:
        raise Fault(NO_SUITE)
    ours.security.hear_offer(tuple(section.crypto))
    ours.dtls.hear_offer(tuple(section.fingerprints) if section.is_secure else (), section.setup, wishes.dtls_reverse)
    protocol = wishes.protocol or section.protocol
    theirs.shown_protocol = protocol
    is_secure = "SAVP" in protocol
    is_tls = protocol in DTLS_PROFILES
    is_opportunistic = "offer" in wishes.osrtp or bool(section.crypto and not wishes.protocol)
    offered = theirs.security.make_offer(
        wishes.suites if (is_secure or is_opportunistic) and not is_tls else (), tuple(section.crypto)
    )
    theirs.dtls.make_offer(wanted=is_tls or (is_secure and wishes.dtls != "off"))
    if is_secure and not offered and not theirs.dtls.is_offered:
        raise Fault(NO_SUITE)
    lines = tuple(f"crypto:{line}" for line in offered)
    return protocol, lines + (theirs.dtls.attributes(identity, is_offer=True) if theirs.dtls.is_offered else ())


def _answer(
    section: MediaSection, ours: PartyMedia, theirs: PartyMedia, wishes: Wishes, identity: Identity
) -> tuple[str, tuple[str, ...]]:
    _take_answer(section, ours)
    protocol = theirs.protocol if theirs.protocol in PROFILES else section.protocol
    security = theirs.security
    is_secure = "SAVP" in protocol
    line = None
    if security.heard and (is_secure or ours.security.srtp is not None or "accept" in wishes.osrtp):
        line = security.make_answer(wishes.suites)
    if line is not None:
        theirs.dtls.clear()
        return protocol, (f"crypto:{line}",)
    security.clear()
    if is_secure and theirs.dtls.was_heard:
        theirs.dtls.make_answer(wishes.dtls)
        return protocol, theirs.dtls.attributes(identity, is_offer=False)
    if is_secure:
        raise Fault(NO_SUITE)
    theirs.dtls.clear()
    return protocol, ()


def _take_answer(section: MediaSection, ours: PartyMedia) -> None:
    """What the answerer made of our offer: keys, or none where they were optional."""
    was_secure = "SAVP" in ours.shown_protocol
    if ours.shown_protocol in PROFILES and was_secure != section.is_secure:
        raise Fault(NO_SUITE)
    if ours.security.offered and section.crypto:
        ours.dtls.clear()
        ours.security.take_answer(tuple(section.crypto))
    elif ours.dtls.is_offered and section.fingerprints:
        ours.security.clear()
        ours.dtls.take_answer(tuple(section.fingerprints), section.setup)
    elif section.is_secure:
        raise Fault(NO_SUITE)
    else:
        ours.security.clear()
        ours.dtls.clear()
