"""Bytes to SIP messages and back.

In: datagrams, or what `StreamFramer` cut out of a stream. Out: `Request` and `Response` values whose headers are found
once and typed on demand, or a `ParseError` with a `Fault` and the status it deserves. `format_message` is the way back.

Not for: deciding anything about a message. Names: RFC 3261 section 25.
"""

from sbc.sip.address import Address, address_end, parse_address, parse_addresses, tag_of
from sbc.sip.auth import Authentication, parse_authentication
from sbc.sip.cseq import CSeq, parse_cseq, parse_number
from sbc.sip.dialog_reference import Join, Replaces, TargetDialog, parse_join, parse_replaces, parse_target_dialog
from sbc.sip.diversion import Diversion, parse_diversion
from sbc.sip.errors import Fault, ParseError
from sbc.sip.escape import escape, plain_user, unescape
from sbc.sip.event import Event, SubscriptionState, parse_event, parse_subscription_state
from sbc.sip.format import format_message
from sbc.sip.history_info import HistoryEntry, parse_history_entry
from sbc.sip.identity import Identity, parse_identity
from sbc.sip.limits import DEFAULT_LIMITS, Limits
from sbc.sip.media_type import ContentDisposition, MediaType, parse_content_disposition, parse_media_type
from sbc.sip.message import Fields, Message, Request, Response
from sbc.sip.names import canonical
from sbc.sip.params import (
    Params,
    format_params,
    get_param,
    is_token,
    parse_params,
    quote,
    split_list,
    split_outside,
    unquote,
)
from sbc.sip.parse import parse_head, parse_message
from sbc.sip.privacy import format_privacy, parse_privacy
from sbc.sip.rack import RAck, parse_rack, parse_rseq
from sbc.sip.reason import reason_phrase
from sbc.sip.reason_value import Reason, parse_reason
from sbc.sip.retry_after import RetryAfter, parse_retry_after
from sbc.sip.session_id import SessionId, parse_session_id
from sbc.sip.session_timer import SessionExpires, parse_min_se, parse_session_expires
from sbc.sip.sipfrag import SIPFRAG_CONTENT_TYPE, SIPFRAG_TYPE, fragment_status, status_fragment
from sbc.sip.stream import PING, PONG, StreamFramer
from sbc.sip.uri import Uri, parse_host_port, parse_uri
from sbc.sip.user_to_user import UserToUser, parse_user_to_user
from sbc.sip.via import MAGIC_COOKIE, Via, parse_via
from sbc.sip.warning import Warning, parse_warning

__all__ = [
    "Address",
    "Authentication",
    "CSeq",
    "ContentDisposition",
    "DEFAULT_LIMITS",
    "Diversion",
    "Event",
    "Fault",
    "Fields",
    "HistoryEntry",
    "Identity",
    "Join",
    "Limits",
    "MAGIC_COOKIE",
    "MediaType",
    "Message",
    "PING",
    "PONG",
    "Params",
    "ParseError",
    "RAck",
    "Reason",
    "Replaces",
    "Request",
    "Response",
    "RetryAfter",
    "SIPFRAG_CONTENT_TYPE",
    "SIPFRAG_TYPE",
    "SessionExpires",
    "SessionId",
    "StreamFramer",
    "SubscriptionState",
    "TargetDialog",
    "Uri",
    "UserToUser",
    "Via",
    "Warning",
    "address_end",
    "canonical",
    "escape",
    "format_message",
    "format_params",
    "format_privacy",
    "fragment_status",
    "get_param",
    "is_token",
    "parse_address",
    "parse_addresses",
    "parse_authentication",
    "parse_content_disposition",
    "parse_cseq",
    "parse_diversion",
    "parse_event",
    "parse_head",
    "parse_history_entry",
    "parse_host_port",
    "parse_identity",
    "parse_join",
    "parse_media_type",
    "parse_message",
    "parse_min_se",
    "parse_number",
    "parse_params",
    "parse_privacy",
    "parse_rack",
    "parse_reason",
    "parse_replaces",
    "parse_retry_after",
    "parse_rseq",
    "parse_session_expires",
    "parse_session_id",
    "parse_subscription_state",
    "parse_target_dialog",
    "parse_uri",
    "parse_user_to_user",
    "parse_via",
    "parse_warning",
    "plain_user",
    "quote",
    "reason_phrase",
    "split_list",
    "split_outside",
    "status_fragment",
    "tag_of",
    "unescape",
    "unquote",
]
