"""The ng control protocol: commands in, bytes out; bytes in, replies out.

`bencode`, `commands` and `replies` are pure: standard library, no I/O, no clock. They are what the rest of the tree
imports. `rtpengine.client` speaks UDP to an engine; `rtpengine.embedded` is an engine: `python -m rtpengine` runs it.

Commands are typed in the portable form: list keys are lists, single keys are strings, as release 10.5.3 demands and
later ones accept.

Not for: deciding what a call needs (that is `sbc/media`), and nothing here imports `sbc`.
"""

from rtpengine.bencode import BencodeError, Value, decode, encode
from rtpengine.commands import (
    NO_WEAK_SUITES,
    Answer,
    Command,
    Delete,
    EndpointLearning,
    Flag,
    Ice,
    List,
    Offer,
    Options,
    Osrtp,
    Ping,
    Query,
    Replace,
    RtcpMux,
    Statistics,
    Support,
    encode_request,
)
from rtpengine.errors import GarbledReply, Refused, Unreachable
from rtpengine.replies import Reply, Result, decode_reply

__all__ = [
    "Answer",
    "BencodeError",
    "Command",
    "Delete",
    "EndpointLearning",
    "Flag",
    "GarbledReply",
    "Ice",
    "List",
    "Offer",
    "NO_WEAK_SUITES",
    "Options",
    "Osrtp",
    "Ping",
    "Query",
    "Refused",
    "Replace",
    "Reply",
    "Result",
    "RtcpMux",
    "Statistics",
    "Support",
    "Unreachable",
    "Value",
    "decode",
    "decode_reply",
    "encode",
    "encode_request",
]
