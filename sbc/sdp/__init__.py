"""Session descriptions as values: parsed whole and written back exactly (RFC 8866).

In: the bytes of an `application/sdp` body. Out: a `Session` with everything that stood in it, unknown lines and
attributes included, or an `SdpError`. `format_sdp` is the way back.

Not for: deciding what may be sent. What crosses is built from the egress allow-list by `topology`.
"""

from sbc.sdp.addresses import addresses, is_ip_literal
from sbc.sdp.attributes import Candidate, Crypto, Fmtp, RtcpAddress, RtpMap
from sbc.sdp.errors import SdpError
from sbc.sdp.format import format_sdp
from sbc.sdp.model import Attributes, Connection, Direction, MediaDescription, Origin, Session, Timing
from sbc.sdp.parse import DEFAULT_LIMITS, Limits, parse_sdp

__all__ = [
    "DEFAULT_LIMITS",
    "Attributes",
    "Candidate",
    "Connection",
    "Crypto",
    "Direction",
    "Fmtp",
    "Limits",
    "MediaDescription",
    "Origin",
    "RtcpAddress",
    "RtpMap",
    "SdpError",
    "Session",
    "Timing",
    "addresses",
    "format_sdp",
    "is_ip_literal",
    "parse_sdp",
]
