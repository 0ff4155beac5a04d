"""The ng control protocol: commands in, bytes out; bytes in, replies out.

`bencode`, `commands`, `party`, `features`, `readings` and `replies` are pure: standard library, no I/O, no clock. They
are what the rest of the tree imports. `rtpengine.client` speaks UDP to an engine, `rtpengine.http` HTTP;
`rtpengine.embedded` is an engine: `python -m rtpengine` runs it.

Commands are typed in the portable form: list keys are lists, single keys are strings, as release 10.5.3 demands and
later ones accept.

Not for: deciding what a call needs (that is `sbc/media`), and nothing here imports `sbc`.
"""

from rtpengine.bencode import BencodeError, Value, decode, encode
from rtpengine.commands import (
    NO_WEAK_SUITES,
    T38,
    Answer,
    Codecs,
    Command,
    Delete,
    EndpointLearning,
    Flag,
    Ice,
    IceLite,
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
)
from rtpengine.errors import GarbledReply, Refused, Unreachable
from rtpengine.features import PROBED, Capabilities, Feature, Probe, find_capabilities
from rtpengine.measures import Measure, read_measures
from rtpengine.party import (
    WHOLE_CALL,
    Gate,
    PlayMedia,
    Publish,
    Record,
    Recording,
    StopMedia,
    SubscribeAnswer,
    SubscribeRequest,
    Switch,
    Unsubscribe,
)
from rtpengine.press import PlayDtmf, Selector
from rtpengine.readings import (
    Counts,
    EngineReading,
    MediaReading,
    PartyReading,
    Quality,
    SessionReading,
    StreamReading,
    read_calls,
    read_session,
    read_statistics,
)
from rtpengine.replies import Reply, Result, decode_reply
from rtpengine.wire import Request, encode_request

__all__ = [
    "Answer",
    "BencodeError",
    "Capabilities",
    "Codecs",
    "Command",
    "Counts",
    "Delete",
    "EndpointLearning",
    "EngineReading",
    "Feature",
    "Flag",
    "GarbledReply",
    "Gate",
    "Ice",
    "IceLite",
    "List",
    "Measure",
    "MediaReading",
    "NO_WEAK_SUITES",
    "Offer",
    "Options",
    "Osrtp",
    "PROBED",
    "PartyReading",
    "Ping",
    "PlayDtmf",
    "PlayMedia",
    "Probe",
    "Publish",
    "Quality",
    "Query",
    "Record",
    "Recording",
    "Refused",
    "Replace",
    "Reply",
    "Request",
    "Result",
    "RtcpMux",
    "Selector",
    "SessionReading",
    "Statistics",
    "StopMedia",
    "StreamReading",
    "T38",
    "SubscribeAnswer",
    "SubscribeRequest",
    "Support",
    "Switch",
    "Unreachable",
    "Unsubscribe",
    "Value",
    "WHOLE_CALL",
    "decode",
    "decode_reply",
    "encode",
    "encode_request",
    "find_capabilities",
    "read_calls",
    "read_measures",
    "read_session",
    "read_statistics",
]
