"""Words of SIP and SDP themselves: a peer that uses one as its tag or Call-ID does not make it a secret."""

from __future__ import annotations

from typing import Final

from sbc.topology.audit.units import units
from sbc.topology.rows import TABLE
from sbc.topology.sdp_table import KNOWN_ATTRIBUTES
from sbc.topology.services import SERVICES

SHORTEST: Final = 8
"""Peer-chosen strings of fewer bytes are ignored: too many honest messages would hold them by chance."""

_WORDS: Final = """
    sip sips tel udp tcp tls sctp ws wss invite ack bye cancel register options subscribe notify publish message refer
    update prack info early-only from-tag to-tag transport received branch rport maddr method expires refresher
    handling required optional session application multipart telephone-event sendrecv sendonly recvonly inactive
    rtpmap comfort-noise opus speex ilbc g722 g7221 amr amr-wb silk h263-1998 h263-2000 profile-level-id
    packetization-mode level-asymmetry-allowed useinbandfec minptime maxaveragebitrate stereo usedtx annexb mode-set
    octet-align 100rel timer replaces norefersub outbound precondition histinfo from-change eventlist tdialog
    answermode anonymous anonymous.invalid invalid localhost unknown unavailable restricted asserted-identity
    voicemail dtmf-relay media_control xml sdp isup qsig plain text audio video image udptl avp avpf savp savpf aes cm
    hmac sha1 sha-1 sha-256 aes-256 active passive actpass holdconn endpoint candidate typ host srflx prflx relay
    raddr inline unencrypted unauthenticated bundle semantics user-busy no-answer unconditional deflection follow-me
    time-of-day do-not-disturb away methods extensions automata mobility duplex language schemes isfocus description
    events priority actor phone phone-context sip.instance reg-id pub-gruu temp-gruu network none critical header
    history cause text reason protocol privacy screen party calling called counter limit broadsoft digest realm nonce
    opaque algorithm response username md5 auth auth-int
"""


def _vocabulary() -> frozenset[bytes]:
    services = [f"sos.{label}" for label in SERVICES]
    text = " ".join([_WORDS, *TABLE, *KNOWN_ATTRIBUTES, *services])
    return frozenset(units(text.encode()))


VOCABULARY: Final = _vocabulary()
