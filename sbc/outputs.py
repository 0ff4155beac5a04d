"""What the engine asks for and reports: outputs are imperative, events past tense; matched, never subclassed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Final

import rtpengine
from sbc.records import Sought
from sbc.wire import Flow


class Transmit:
    """Send these bytes to this peer, now."""

    __slots__ = ("data", "flow")

    def __init__(self, data: bytes, flow: Flow) -> None:
        self.data: Final = data
        self.flow: Final = flow

    def __repr__(self) -> str:
        return f"<Transmit {self.data[:40]!r} to {self.flow!r}>"


@dataclass(frozen=True, slots=True)
class MediaCommand:
    """Ask the media engine; the answer comes back as `Engine.media_reply(id, …)`, or never."""

    id: int
    command: rtpengine.Command
    engine: int
    """Index of the engine in `Config.media.engines`; 0 for the embedded one."""


SUCCESSOR: Final = -2
"""In the place of a slot: the process that comes after this one, as the same worker."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give a message to the worker that mints with `slot`; where there is a record, the call that it is about as well.

    What cannot be given comes back to `Engine.take_over`, or to `Engine.inherit` where `slot` is SUCCESSOR.
    """

    slot: int
    data: bytes
    flow: Flow
    call: str = ""
    record: bytes = b""
    streams: tuple[Flow, ...] = ()
    """Where the call's peers are seen, as far as they have connections."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Ask the worker that mints with `slot` for dialogs: Call-ID, the sender's tag and ours, as `sender` (a realm) has
    them. How `viewer` has them comes back as `Engine.told(number, …)`, or never.
    """

    slot: int
    number: int
    sender: str
    viewer: str
    questions: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Locate the servers of a name; the answer comes back as `Engine.lookup_answer(id, …)`, or never."""

    id: int
    sought: Sought


class DropReason(Enum):
    """Why a message was discarded without an answer; the value names the counter and the log field."""

    KEEPALIVE = "keepalive"
    MALFORMED = "malformed"
    MALFORMED_RESPONSE = "malformed-response"
    STRAY_RESPONSE = "stray-response"
    STRAY_ACK = "stray-ack"
    LATE_REPLY = "late-media-reply"
    LATE_ANSWER = "late-lookup-answer"
    NO_VIA = "no-via-to-answer"
    WRONG_SOURCE = "wrong-source"
    DRAINING = "draining"
    OVERLOAD = "overload"
    POLICY = "policy"
    SEND_FAILED = "send-failed"
    INTERNAL = "internal-error"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message was discarded. `detail` is safe to log (one line, bounded)."""

    reason: DropReason
    flow: Flow
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was answered with a failure before it became a call or outside any call."""

    status: int
    method: str
    flow: Flow
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Leaked:
    """The egress audit found a token of another realm in a finished message."""

    realm: str
    token: str
    place: str
    """Header name, `start-line` or `body`."""
    action: str
    """`stripped`, `blocked` or `reported`."""
    call: str = ""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call was admitted."""

    call: str
    wall: float
    caller: str
    callee: str
    ingress: str
    egress: str
    rule: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The callee's 2xx was passed to the caller."""

    call: str
    wall: float


@dataclass(frozen=True, slots=True)
class CallAdopted:
    """A call that another process had set up goes on here."""

    call: str
    wall: float


@dataclass(frozen=True, slots=True)
class CallMoved:
    """A call that another worker has held goes on here: a transfer needs it beside one of ours."""

    call: str
    wall: float


@dataclass(frozen=True, slots=True)
class CallReanchored:
    """The media engine of a call was lost, and another one has its media now: both peers know."""

    call: str
    wall: float
    engine: str
    """The name of the engine that has it now."""
    silence: float
    """Seconds without audio: from the last sign of life of the engine that was lost until the second peer knew."""


@dataclass(frozen=True, slots=True)
class MediaEngineLost:
    """A media engine is gone, and with it all its sessions."""

    engine: str
    wall: float
    calls: int
    """Those that had their media there."""


@dataclass(frozen=True, slots=True)
class LegMeasure:
    """One leg's media: what came from its peer, and what that peer's RTCP says of what it received; -1: not known."""

    packets: int = 0
    octets: int = 0
    errors: int = 0
    """Packets that were not taken: from a stranger's address, or not authentic."""
    lost: int = -1
    loss: float = -1.0
    """Percent, on average."""
    jitter: float = -1.0
    """Milliseconds."""
    round_trip: float = -1.0
    """Milliseconds."""
    mos: float = -1.0
    """Mean opinion score, 1 to 5."""


def known(leg: LegMeasure) -> dict[str, object]:
    """What is known of a leg's media, by name."""
    return {name: value for name, value in asdict(leg).items() if value != -1}


@dataclass(frozen=True, slots=True)
class CallMeasured:
    """What the media engine told of a call's media at its end. Comes after `CallEnded`."""

    call: str
    wall: float
    audio: str
    """`two-way`, `one-way`, `none`, or `unknown`: too short, or on hold."""
    unheard: str
    """Who was not heard in a one-way call: `caller` or `callee`."""
    caller: LegMeasure
    callee: LegMeasure


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over and nothing of it is left but transactions that linger. One call record."""

    call: str
    start: float
    answer: float
    """Wall time of the answer, 0 where there was none."""
    end: float
    ingress: str
    egress: str
    trunk: str
    caller: str
    callee: str
    status: int
    """Final status shown to the caller: 200 for an answered call."""
    released_by: str
    """`caller`, `callee` or `sbc`."""
    cause: str
    rule: str


@dataclass(frozen=True, slots=True)
class TargetChanged:
    """A target of a trunk gets calls no more, or again."""

    trunk: str
    target: str
    state: str
    """`up`, `down`, `disabled` or `enabled`."""
    reason: str
    wall: float


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """What became of our own registration at a trunk."""

    trunk: str
    state: str
    """`registered`, `failed` or `gone`."""
    reason: str
    wall: float


@dataclass(frozen=True, slots=True)
class LoadChanged:
    """Messages wait too long and new calls are refused in part from now on; or no more."""

    is_overloaded: bool
    delay: float
    """Seconds, as last measured."""
    wall: float


KEPT: Final = "kept"
"""The kind of a `Journal` record that holds the whole call."""
ACKED: Final = "acked"
"""The kind of one that says only: the caller's ACK has come, nothing else has changed."""


class Journal:
    """Keep this record of a call, in the place of the one before, before the outputs behind it are acted on.

    `kind` is KEPT or ACKED; the latter has no `record` as an output, and the call's former one when it is read back.
    """

    __slots__ = ("call", "kind", "record", "wall")

    def __init__(self, call: str, kind: str, wall: float, record: bytes) -> None:
        self.call: Final = call
        self.kind: Final = kind
        self.wall: Final = wall
        self.record: Final = record


Record = Journal | CallEnded | CallMeasured
"""What a store keeps."""

Event = (
    Dropped
    | Refused
    | Leaked
    | TargetChanged
    | RegistrationChanged
    | LoadChanged
    | CallStarted
    | CallAnswered
    | CallAdopted
    | CallMoved
    | CallReanchored
    | MediaEngineLost
    | CallMeasured
    | CallEnded
)
Output = Transmit | MediaCommand | Lookup | HandOver | Inquiry | Journal | Event
