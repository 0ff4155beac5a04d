"""The B2BUA (RFC 7092): a `Call` owns two legs and turns what happens on one into what is said on the other.

In: requests and responses that the engine has matched, media replies, timers. Out: everything leaves by the `Exit`
that the engine hands in, which builds, audits and sends; it never calls back before it returns.

Not for: transactions, bytes, header tables or addresses on the wire. A file per verb (setup, modify, relay, refer,
end); `dispatch` is the way in.
"""

from sbc.call.abilities import allow_of, supported_of
from sbc.call.bindings import Binding, Bindings
from sbc.call.body import is_unsupported
from sbc.call.call import Alarm, Call, CallState
from sbc.call.correlate import note_session_id, session_id_of
from sbc.call.dispatch import (
    begin,
    begin_replacement,
    begin_transfer,
    displace,
    give_up,
    handle_timer,
    receive_ack,
    receive_cancel,
    receive_media,
    receive_refer,
    receive_request,
    receive_response,
    receive_timeout,
    refuse_transfer,
    resume,
)
from sbc.call.dtmf import needs_pressing, say
from sbc.call.end import ENGINE_LOST, hang_up
from sbc.call.etags import EntityTag, EntityTags
from sbc.call.exit import Exit
from sbc.call.forks import spend
from sbc.call.outside import RELAYED_OUTSIDE, TO_REGISTERED, contacts_inward, published
from sbc.call.outside import begin as begin_outside
from sbc.call.parts import Incoming, Kind, Leg, Outgoing, SessionTimer, Step
from sbc.call.refer import find_target
from sbc.call.referral import Referral
from sbc.call.replace import Refusal, find_place
from sbc.call.security import leg_codecs
from sbc.call.sending import Sending
from sbc.call.session import readdress
from sbc.call.subscribe import ALLOW_EVENTS, notifier
from sbc.call.subscribe import begin as subscribe
from sbc.call.subscription import Subscriptions

__all__ = [
    "ALLOW_EVENTS",
    "ENGINE_LOST",
    "displace",
    "EntityTag",
    "EntityTags",
    "Subscriptions",
    "TO_REGISTERED",
    "notifier",
    "published",
    "subscribe",
    "RELAYED_OUTSIDE",
    "Alarm",
    "Binding",
    "Bindings",
    "Call",
    "CallState",
    "Exit",
    "Incoming",
    "Kind",
    "Leg",
    "Outgoing",
    "Sending",
    "Referral",
    "Refusal",
    "begin_replacement",
    "find_place",
    "SessionTimer",
    "Step",
    "allow_of",
    "begin",
    "begin_outside",
    "begin_transfer",
    "contacts_inward",
    "give_up",
    "handle_timer",
    "hang_up",
    "is_unsupported",
    "leg_codecs",
    "needs_pressing",
    "note_session_id",
    "readdress",
    "receive_ack",
    "receive_cancel",
    "find_target",
    "receive_media",
    "receive_refer",
    "receive_request",
    "receive_response",
    "receive_timeout",
    "resume",
    "refuse_transfer",
    "session_id_of",
    "say",
    "spend",
    "supported_of",
]
