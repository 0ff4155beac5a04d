"""Bytes to SIP messages and back.

In: datagrams, or heads and bodies that the stream framer cut. Out: `Request` and `Response` values whose headers are found
once and typed on demand, or a `ParseError` with a `Fault` and the status it deserves. `format_message` is the way back.

Not for: deciding anything about a message. Names: RFC 3261 section 25.
"""

from sbc.sip.address import Address, parse_address, parse_addresses, tag_of
from sbc.sip.cseq import CSeq, parse_cseq, parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.format import format_message
from sbc.sip.message import Fields, Message, Request, Response
from sbc.sip.names import canonical
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params, quote, split_list, split_outside, unquote
from sbc.sip.parse import DEFAULT_LIMITS, Limits, parse_head, parse_message
from sbc.sip.reason import reason_phrase
from sbc.sip.uri import Uri, parse_host_port, parse_uri
from sbc.sip.via import MAGIC_COOKIE, Via, parse_via

__all__ = [
    "DEFAULT_LIMITS",
    "MAGIC_COOKIE",
    "Address",
    "CSeq",
    "Fault",
    "Fields",
    "Limits",
    "Message",
    "Params",
    "ParseError",
    "Request",
    "Response",
    "Uri",
    "Via",
    "canonical",
    "format_message",
    "format_params",
    "get_param",
    "is_token",
    "parse_address",
    "parse_addresses",
    "parse_cseq",
    "parse_head",
    "parse_host_port",
    "parse_message",
    "parse_number",
    "parse_params",
    "parse_uri",
    "parse_via",
    "quote",
    "reason_phrase",
    "split_list",
    "split_outside",
    "tag_of",
    "unquote",
]
