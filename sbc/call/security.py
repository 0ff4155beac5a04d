"""How a call's media are protected on each leg: what its realm says, on the transport that carries the keys."""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.dtmf import needs_pressing
from sbc.call.parts import Leg
from sbc.config import ANY, Codecs, Realm
from sbc.media import CLEAR, MediaSession, Terms, terms_of

NO_INTERFACES: Final = ("", "")


def media_session(call: Call, interfaces: tuple[str, str] = NO_INTERFACES) -> MediaSession:
    """The media of the call's next attempt: toward the callee that there is, or the target whose turn it is."""
    a, b = call.caller_leg, call.b
    mark = -1
    if b is not None:
        callee, codecs, mark = leg_terms(b), leg_codecs(b), b.realm.dscp_rtp
        keys = b.profile.dtmf
    elif call.hop_index < len(call.hops):
        hop = call.hops[call.hop_index]
        realm = call.config.realms[hop.realm]
        callee, codecs = _terms(realm, hop.transport), call.config.codecs_of(realm, hop.trunk)
        keys = call.config.profile_of(realm, hop.trunk).dtmf
        mark = realm.dscp_rtp
    else:
        callee, codecs, keys = CLEAR, ANY, ""
    tags = (call.mint.tag(), call.mint.tag())
    media = MediaSession(call.mode, call.mint.session(), tags, interfaces, (leg_terms(a), callee))
    media.codecs = (leg_codecs(a), codecs)
    media.presses = needs_pressing((a.profile.dtmf, keys))
    media.marks = (a.realm.dscp_rtp, mark)
    media.heed(call.config.media)
    return media


def leg_terms(leg: Leg) -> Terms:
    """On which terms this leg's media run."""
    return _terms(leg.realm, leg.listener.transport)


def leg_codecs(leg: Leg) -> Codecs:
    """Which codecs are spoken on this leg."""
    return leg.call.config.codecs_of(leg.realm, leg.trunk)


def takes_offer(call: Call, leg: Leg) -> bool:
    """Whether the offer that was made for another target fits this one too: its keys, and its codecs."""
    media, side = call.media, leg.side.value
    if media is None:
        return True
    return media.codecs[side] == leg_codecs(leg) and (not media.is_anchored or media.terms[side] is leg_terms(leg))


def _terms(realm: Realm, transport: str) -> Terms:
    return terms_of(
        realm.srtp,
        transport,
        keys=realm.srtp_keys,
        sdes_without_tls=realm.sdes_without_tls,
        ice=realm.ice,
        rtcp_mux=realm.rtcp_mux,
    )
