"""The commands of the ng protocol that make and end calls, typed.

Keys of an offer shape the SDP for the callee, keys of an answer shape the SDP back to the caller. The values are in the
form that 10.5.3 demands: list keys as lists, `ICE` and `transport protocol` as strings (the other shape is ignored
without a word).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, TypeAlias

from rtpengine.bencode import Value
from rtpengine.press import PlayDtmf


class Flag(Enum):
    """Words of the `flags` list."""

    STRICT_SOURCE = "strict-source"
    """Drop what does not come from the learnt source. Without it 10.5.3 forwards RTP from anyone."""
    PORT_LATCHING = "port-latching"
    """Keep the local ports when the peer's address changes."""
    TRUST_ADDRESS = "trust-address"
    ASYMMETRIC = "asymmetric"
    MEDIA_HANDOVER = "media-handover"
    NO_RTCP_ATTRIBUTE = "no-rtcp-attribute"
    FULL_RTCP_ATTRIBUTE = "full-rtcp-attribute"
    ORIGINAL_SENDRECV = "original-sendrecv"
    LOOP_PROTECT = "loop-protect"
    GENERATE_MID = "generate-mid"
    """Each m-line has a name (RFC 5888), as browsers want it."""
    STRIP_EXTMAP = "strip-extmap"
    INJECT_DTMF = "inject-DTMF"
    """Keys may be pressed for the parties, in offer and answer; the daemon transcodes then."""
    VEIL_STREAMS = "veil-streams"
    """Audio has SSRCs, sequence numbers and timestamps of the engine's. Embedded only; the daemon ignores it."""
    TRICKLE_ICE = "trickle-ICE"
    DIRECTIONAL = "directional"
    """From 12.4 on party selectors count only beside this one."""
    FATAL = "fatal"
    """A delete that matches nothing is an error."""


class Replace(Enum):
    """Words of the `replace` list."""

    ORIGIN = "origin"
    SESSION_NAME = "session-name"
    SDP_VERSION = "sdp-version"
    USERNAME = "username"
    ZERO_ADDRESS = "zero-address"


class RtcpMux(Enum):
    """Words of the `rtcp-mux` list."""

    OFFER = "offer"
    REQUIRE = "require"
    DEMUX = "demux"
    ACCEPT = "accept"
    REJECT = "reject"


class Ice(Enum):
    """Values of the `ICE` key."""

    REMOVE = "remove"
    FORCE = "force"
    DEFAULT = "default"
    OPTIONAL = "optional"
    FORCE_RELAY = "force-relay"


class IceLite(Enum):
    """Toward whom the engine is a lite agent, which answers checks and makes none; counts in offers."""

    FORWARD = "forward"
    """The receiver of the offer."""
    BACKWARD = "backward"
    """Its sender."""
    BOTH = "both"
    OFF = "off"


class EndpointLearning(Enum):
    """How the engine finds where a peer's media really comes from, sent as a list of one."""

    DELAYED = "delayed"
    IMMEDIATE = "immediate"
    HEURISTIC = "heuristic"
    """Prefers the address and port of the SDP where it hears them."""
    OFF = "off"


class Osrtp(Enum):
    """Words of the `OSRTP` list (RFC 8643)."""

    OFFER = "offer"
    """Crypto lines in a plain profile for the callee."""
    ACCEPT = "accept"
    """In an answer: the caller's crypto lines are accepted though the callee is plain."""


NO_WEAK_SUITES: Final[tuple[str, ...]] = tuple(
    f"no-{suite}"
    for suite in (
        "NULL_HMAC_SHA1_80",
        "NULL_HMAC_SHA1_32",
        "F8_128_HMAC_SHA1_80",
        "F8_128_HMAC_SHA1_32",
        "AES_192_CM_HMAC_SHA1_80",
        "AES_192_CM_HMAC_SHA1_32",
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
    )
)
"""For `Options.sdes`: leaves the two mandatory suites and the two AEAD ones. 10.5.3 offers NULL and F8 by default, and
can only be told what not to offer."""


class T38(Enum):
    """Words of the `T.38` list."""

    DECODE = "decode"
    """A fax stream becomes audio for the receiver."""
    FORCE = "force"
    """Audio becomes a fax stream for the receiver."""
    STOP = "stop"
    """The far end has refused the switch."""


@dataclass(frozen=True, slots=True)
class Codecs:
    """What becomes of an offer's codecs, by their names in `rtpmap`; `all` stands for all of them.

    Taking away and ordering any engine can; `transcode` and `mask` need one that transcodes.
    """

    strip: tuple[str, ...] = ()
    offer: tuple[str, ...] = ()
    """Kept whatever `strip` says, and put in this order."""
    keep: tuple[str, ...] = ()
    """Kept whatever `strip` says, where they were."""
    transcode: tuple[str, ...] = ()
    """Added for the receiver, and translated."""
    mask: tuple[str, ...] = ()
    """Hidden from the receiver, and translated for the sender."""

    def to_dict(self) -> dict[str, Value]:
        """The value of the key `codec`."""
        return {
            key: [*names]
            for key, names in (
                ("strip", self.strip),
                ("offer", self.offer),
                ("except", self.keep),
                ("transcode", self.transcode),
                ("mask", self.mask),
            )
            if names
        }


class Support(Enum):
    """Words of the `supports` list: what this controller understands in replies."""

    LOAD_LIMIT = "load limit"


@dataclass(frozen=True, slots=True)
class Options:
    """How the engine is to treat one message; an empty field is not sent."""

    flags: tuple[Flag, ...] = ()
    replace: tuple[Replace, ...] = ()
    rtcp_mux: tuple[RtcpMux, ...] = ()
    supports: tuple[Support, ...] = ()
    endpoint_learning: EndpointLearning | None = None
    ice: Ice | None = None
    ice_lite: IceLite | None = None
    transport_protocol: str = ""
    """`RTP/AVP` and so on: the profile shown to the receiver."""
    sdes: tuple[str, ...] = ()
    """`off`, or `no-<suite>` for each suite that is not to be used."""
    osrtp: tuple[Osrtp, ...] = ()
    dtls: str = ""
    """Toward the receiver: `off` (no DTLS-SRTP is offered beside SDES), `passive` or `active`."""
    dtls_reverse: str = ""
    """Toward the sender of an offer: `passive` or `active`. From 26.2 on `DTLS` in an answer comes too late for it."""
    address_family: str = ""
    """`IP4` or `IP6`: the family shown to the receiver."""
    media_address: str = ""
    codecs: Codecs | None = None
    """Counts in offers."""
    ptime: int = 0
    """Milliseconds a packet toward the receiver; 0: as it was. Needs an engine that repacketises."""
    ptime_reverse: int = 0
    """The same toward the sender of the offer."""
    t38: tuple[T38, ...] = ()
    owns_rtcp: bool = False
    """The engine takes the parties' RTCP for itself and reports to each on its own account: names in it do not cross,
    but neither does feedback such as a request for a key frame. An engine that only rewrites names ignores it."""
    veil_names: tuple[str, str] | None = None
    """With `Flag.VEIL_STREAMS`: what the sender's and the receiver's view of the other's audio are called. Under the
    same name it goes on in another session of the engine."""
    label: str = ""
    """The sender's, for `Selector`."""
    direction: tuple[str, str] | None = None
    """Names of the interfaces toward the sender and toward the receiver; counts in offers, remembered afterwards.

    A name the engine does not know silently becomes its first interface: check names against `statistics`
    beforehand."""

    def fill(self, request: dict[str, Value]) -> None:
        """Add the keys to `request`."""
        if self.direction is not None:
            request["direction"] = [*self.direction]
        for key, words in (
            ("flags", self.flags),
            ("replace", self.replace),
            ("rtcp-mux", self.rtcp_mux),
            ("supports", self.supports),
            ("OSRTP", self.osrtp),
        ):
            if words:
                request[key] = [word.value for word in words]
        if self.veil_names is not None:
            request["veil-names"] = [*self.veil_names]
        if self.t38:
            request["T.38"] = [word.value for word in self.t38]
        codecs = self.codecs.to_dict() if self.codecs is not None else {}
        if codecs:
            request["codec"] = codecs
        for key, time in (("ptime", self.ptime), ("ptime-reverse", self.ptime_reverse)):
            if time:
                request[key] = time
        if self.sdes:
            request["SDES"] = [*self.sdes]
        if self.endpoint_learning is not None:
            request["endpoint-learning"] = [self.endpoint_learning.value]
        if self.ice is not None:
            request["ICE"] = self.ice.value
        if self.owns_rtcp:
            request["generate RTCP"] = "on"
        if self.ice_lite is not None:
            request["ICE-lite"] = self.ice_lite.value
        for key, text in (
            ("transport protocol", self.transport_protocol),
            ("DTLS", self.dtls),
            ("DTLS-reverse", self.dtls_reverse),
            ("address family", self.address_family),
            ("media address", self.media_address),
            ("label", self.label),
        ):
            if text:
                request[key] = text


NO_OPTIONS: Final = Options()


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    name: ClassVar[str] = "ping"

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.name}


@dataclass(slots=True)
class Offer:
    """An SDP offer on its way to the other party; the reply holds the one to send on.

    `from_tag` is the offerer's, whoever began the call: a re-offer by the callee has the roles, and so the tags,
    reversed.
    """

    name: ClassVar[str] = "offer"

    call_id: str
    from_tag: str
    sdp: bytes
    to_tag: str = ""
    """The other party's tag, once it is known: in re-offers."""
    via_branch: str = ""
    options: Options = NO_OPTIONS
    received_from: str = ""
    """The address that signalling came from; sent beside the SDP's, which it replaces only under the flag
    `SIP-source-address`. May be set until the command is sent."""
    tos: int = -1
    """The octet that IP packets of the media bear, DSCP in its upper six bits; below zero: the engine's default. Real
    daemons have one for a whole call, the last one told; the embedded engine one for the receiver of this message."""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return _session(self)


@dataclass(slots=True)
class Answer:
    """The answer to the last offer: with the *same* assignment of tags, so `from_tag` is still the offerer's."""

    name: ClassVar[str] = "answer"

    call_id: str
    from_tag: str
    to_tag: str
    sdp: bytes
    via_branch: str = ""
    options: Options = NO_OPTIONS
    received_from: str = ""
    """As in an offer: where the answerer's signalling came from."""
    tos: int = -1
    """As in an offer, here for the offerer. An answer without it would take the call back to the default."""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return _session(self)


def _session(command: Offer | Answer) -> dict[str, Value]:
    """What offer and answer have in common."""
    request: dict[str, Value] = {"command": command.name, "call-id": command.call_id, "from-tag": command.from_tag}
    if command.to_tag:
        request["to-tag"] = command.to_tag
    if command.via_branch:
        request["via-branch"] = command.via_branch
    request["sdp"] = command.sdp
    source = command.received_from
    if source:
        request["received-from"] = ["IP6" if ":" in source else "IP4", source]
    if command.tos >= 0:
        request["TOS"] = command.tos
    command.options.fill(request)
    return request


@dataclass(frozen=True, slots=True)
class Delete:
    """End a call, or one party or branch of it.

    With `from_tag` the reply carries the statistics that `Query` gives; by call-id alone it carries none.
    """

    name: ClassVar[str] = "delete"

    call_id: str
    from_tag: str = ""
    to_tag: str = ""
    via_branch: str = ""
    delay: int | None = 0
    """Seconds the ports stay; `None` leaves it to the engine (30 s by default, which eats ports and session slots)."""
    flags: tuple[Flag, ...] = ()

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request: dict[str, Value] = {"command": self.name, "call-id": self.call_id}
        for key, text in (("from-tag", self.from_tag), ("to-tag", self.to_tag), ("via-branch", self.via_branch)):
            if text:
                request[key] = text
        if self.delay is not None:
            request["delete-delay"] = self.delay
        if self.flags:
            request["flags"] = [flag.value for flag in self.flags]
        return request


@dataclass(frozen=True, slots=True)
class Query:
    """What a call's streams look like and have carried."""

    name: ClassVar[str] = "query"

    call_id: str
    from_tag: str = ""
    to_tag: str = ""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request: dict[str, Value] = {"command": self.name, "call-id": self.call_id}
        for key, text in (("from-tag", self.from_tag), ("to-tag", self.to_tag)):
            if text:
                request[key] = text
        return request


@dataclass(frozen=True, slots=True)
class List:
    """Call-ids that the engine holds, at most `limit`, in no order. A reply beyond 64 kB is lost on UDP."""

    name: ClassVar[str] = "list"

    limit: int = 32

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.name, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counters of the whole engine, its interfaces and their free ports."""

    name: ClassVar[str] = "statistics"

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.name}


Command: TypeAlias = Ping | Offer | Answer | Delete | Query | List | Statistics | PlayDtmf
