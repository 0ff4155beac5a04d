"""An offer in the place of who made none, for peers that take no INVITE without one (`delayed_offer = insert`).

The caller's INVITE had no offer (RFC 3264, RFC 3725 section 4.1): we make one of the codecs that every gateway has, the
callee answers it, and that answer is the offer that the caller sees in its 2xx. What the caller answers in its ACK goes
to the media engine only: the callee was promised no other address than the engine's. A re-INVITE without an offer goes
the same way, with what its sender said last, holds taken out.

Not for bypassed media, where we have no address to offer, nor for callers whose keys we do not know yet.
"""

from __future__ import annotations

from typing import Final

from sbc.call.body import session_of
from sbc.call.call import Call
from sbc.call.description import resumed
from sbc.call.end import hang_up
from sbc.call.exchange import ask
from sbc.call.exit import Exit
from sbc.call.parts import Leg, Step, StepKind
from sbc.call.security import leg_terms
from sbc.media import Side
from sbc.sip import Request
from sbc.wire import Now

_CODECS: Final = (
    "m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)


def offer_for(call: Call) -> bytes:
    """The offer to make in the caller's place, empty where the callee takes none or we can make none."""
    leg, hop = call.caller_leg, call.hops[call.hop_index]
    profile = call.config.profile_of(call.config.realms[hop.realm], hop.trunk)
    if profile.delayed_offer != "insert" or call.mode == "bypass" or leg_terms(leg).is_secure:
        return b""
    # Until the caller says where its media go, they go to the discard port of the host that it calls from.
    host = leg.flow.host
    family = "IP6" if ":" in host else "IP4"
    head = f"v=0\r\no=- {leg.sdp.session_id} 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    return (head + _CODECS).encode()


def offer_again(call: Call, leg: Leg, other: Leg) -> bytes:
    """The same in the place of the peer of `leg`, whose re-INVITE has none."""
    if other.profile.delayed_offer != "insert" or call.mode == "bypass" or call.media is None:
        return b""
    return b"" if leg_terms(leg).is_secure else resumed(leg.said)


def settle(call: Call, leg: Leg, ack: Request, exit_: Exit, now: Now) -> None:
    """The answer of the peer of `leg`: the engine learns of it as an offer that the other one has answered already."""
    sdp = session_of(ack)
    if not sdp or call.media is None:
        hang_up(call, exit_, now, "no answer in the ACK")
        return
    leg.said = sdp
    kind = StepKind.SETTLE_OFFER if leg.side is Side.A else StepKind.SETTLE_OFFER_B
    ask(call, call.media.offer(leg.side, sdp), Step(kind), exit_)


def advance(call: Call, step: Step, exit_: Exit) -> None:
    """The engine has the answer, and then the other one's once more; nobody need be told."""
    if step.kind is StepKind.SETTLE_ANSWER or call.media is None or call.b is None:
        return
    other = call.b if step.kind is StepKind.SETTLE_OFFER else call.caller_leg
    ask(call, call.media.answer(other.side, other.said), Step(StepKind.SETTLE_ANSWER), exit_)
