"""A call's offer/answer as a machine: SDP of one side in, a command for the media engine out; its reply in, SDP for the
other side out.

One `MediaSession` for each call attempt (each B branch). It knows which side's tag and interface go where, that a
re-offer by the callee reverses the roles, how to repeat an early answer, and how to put the former state back after a
failed re-INVITE; and for each side on which terms its media run (`Terms`). `MediaPool` says which engine a new
session is made on.

Not for: sending commands (the engine does, `rtpengine.client` repeats them), and not for what a peer may see of an SDP:
`topology` builds that from the bytes given back here, which the engine made of a peer's SDP and nobody has checked.
"""

from sbc.media.codecs import NONE_LEFT
from sbc.media.lines import HOST_NAME, MULTICAST
from sbc.media.pool import NOBODY, MediaPool
from sbc.media.quality import audio_of, legs_of
from sbc.media.session import MachineMisuse, MediaSession, Objection, Phase, Side
from sbc.media.terms import CLEAR, Security, Terms, terms_named, terms_of
from sbc.media.told import codecs_told

__all__ = [
    "CLEAR",
    "HOST_NAME",
    "MULTICAST",
    "NOBODY",
    "NONE_LEFT",
    "MachineMisuse",
    "MediaPool",
    "MediaSession",
    "Objection",
    "Phase",
    "Security",
    "Side",
    "Terms",
    "audio_of",
    "codecs_told",
    "legs_of",
    "terms_named",
    "terms_of",
]
