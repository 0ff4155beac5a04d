"""The pieces of a call: legs, requests that wait for our answer, requests of ours that wait for theirs."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from sbc.call.bindings import Binding
from sbc.config import Listener, Profile, Realm
from sbc.dialog import Answer, Dialog
from sbc.media import Side
from sbc.outputs import Transmit
from sbc.routing import NextHop
from sbc.sip import Fields, Message, Request, Response
from sbc.topology import Learned, Passage, SdpIdentity
from sbc.transaction import ClientTransaction, InviteClientTransaction, InviteServerTransaction, ServerTransaction
from sbc.wire import Flow

if TYPE_CHECKING:
    from sbc.call.call import Call
    from sbc.call.referral import Referral
    from sbc.call.sending import Sending

NO_FIELDS: Final[Fields] = []


class Reliability(Enum):
    """Whether a caller takes provisional responses reliably (RFC 3262)."""

    NONE = "none"
    SUPPORTED = "supported"
    REQUIRED = "required"


class Leg:
    """One side of a call: who the peer is to us, who we are to the peer, and the dialog we share.

    `local_uri` and `remote_uri` are From/To values without tags. `contact` is the user part of our Contact. `passage`
    says what may cross from the other leg to this one. `shown` is the last SDP body we sent on this leg, `said` the
    last one of the peer that counts, `target` the Request-URI outside a dialog. `allows_update` and `min_se` are what
    the peer last let us know of itself; `timer` runs where it supports session timers. `partner` is the leg that this
    one is being joined to, and `referral` the last transfer that its peer asked for.

    A leg may change its call and its side: `join` has two of them exchange places.
    """

    __slots__ = (
        "_profile",
        "allows_refer",
        "allows_update",
        "answer",
        "bridged",
        "bye_wanted",
        "call",
        "call_id",
        "contact",
        "cseq",
        "dialog",
        "flow",
        "heard",
        "is_moved",
        "learned",
        "listener",
        "local_tag",
        "local_uri",
        "min_se",
        "partner",
        "passage",
        "realm",
        "referral",
        "referred",
        "reliability",
        "remote_uri",
        "said",
        "sdp",
        "session_id",
        "shown",
        "side",
        "target",
        "timer",
        "trunk",
    )

    def __init__(
        self,
        call: Call,
        side: Side,
        realm: Realm,
        listener: Listener,
        flow: Flow,
        passage: Passage,
        learned: Learned,
    ) -> None:
        mint = call.mint
        self.call = call
        self.side = side
        self.realm: Final = realm
        self.listener = listener
        self.is_moved = False  # its listener has another address, of which the peer does not know yet
        self.passage = passage
        self.flow = flow
        self.target = ""
        self.trunk = ""
        self.call_id = ""
        self.local_tag = mint.tag()
        self.contact = mint.token()
        self.local_uri = ""
        self.remote_uri = ""
        self.cseq = mint.number(16)
        self.dialog: Dialog | None = None
        self.answer: Answer | None = None
        self.bye_wanted = False
        self.heard = 0.0
        self.learned: Final = learned
        self.sdp = SdpIdentity(mint.number(62), listener.host)
        self.shown = b""
        self.said = b""
        self._profile: Profile | None = None
        self.session_id = ""
        """The UUID by which the peer knows the session (RFC 7989), empty where it has none."""
        self.allows_update = False
        self.allows_refer = False
        self.partner: Leg | None = None
        self.referral: Referral | None = None
        self.referred = 0  # CSeq number of the last REFER of this peer that was taken; 0: none
        self.bridged: tuple[tuple[int, str, str], ...] = ()
        """REFERs that were passed on to this peer: our CSeq number, the Event value that their asker knows, and our tag
        toward the asker."""
        self.reliability = Reliability.NONE
        self.min_se = int(call.config.timers.min_se)
        self.timer: SessionTimer | None = None

    def note(self, message: Message) -> None:
        """Remember what the peer says of itself in an INVITE, an UPDATE or a response to one (RFC 3261 20.5)."""
        if self.profile.update == "never":
            return
        if message.get("Allow") is not None:
            allowed = message.tokens("Allow")
            self.allows_update = "UPDATE" in allowed
            self.allows_refer = "REFER" in allowed
        elif isinstance(message, Request) and message.method == "UPDATE":
            self.allows_update = True

    @property
    def profile(self) -> Profile:
        """How the peer wants to be spoken to; looked up once, when `trunk` is known."""
        found = self._profile
        if found is None:
            found = self._profile = self.call.config.profile_of(self.realm, self.trunk)
        return found

    @property
    def other(self) -> Leg | None:
        """The leg on the call's other side, or the one that it is being joined to; None while there is none."""
        if self.partner is not None:
            return self.partner
        return self.call.b if self.side is Side.A else self.call.a


class SessionTimer:
    """How long a leg's session lasts without a refresh (RFC 4028 section 10), and who sends that (`is_ours`).

    `refresh_at` is 0 where the peer refreshes, or while a refresh of ours waits for its answer.
    """

    __slots__ = ("end_at", "interval", "is_ours", "refresh_at")

    def __init__(self, interval: int, is_ours: bool, now: float) -> None:
        self.interval: Final = interval
        self.is_ours: Final = is_ours
        self.refresh_at = now + interval / 2 if is_ours else 0.0
        self.end_at = now + interval - min(32.0, interval / 3)

    @property
    def next_timer(self) -> float:
        """When there is something to do."""
        return self.refresh_at or self.end_at


class Incoming:
    """A peer's request that waits for our answer: just what every response must repeat (RFC 3261 section 8.2.6.2).

    `vias` holds the Via values with `received` and `rport` filled in; `reply_flow` is where responses go (section
    18.2.2, RFC 3581). `request` is dropped with the final response.
    """

    __slots__ = (
        "call_id",
        "cseq",
        "from_",
        "leg",
        "local_tag",
        "method",
        "record_routes",
        "reply_flow",
        "request",
        "status",
        "to",
        "tx",
        "vias",
    )

    def __init__(self, request: Request, vias: list[str], reply_flow: Flow, local_tag: str = "") -> None:
        self.request: Request | None = request
        self.method: Final = request.method
        self.vias: Final = vias
        self.reply_flow: Final = reply_flow
        self.from_: Final = request.get("From") or ""
        self.to: Final = request.get("To") or ""
        self.call_id: Final = request.get("Call-ID") or ""
        self.cseq: Final = request.get("CSeq") or ""
        self.record_routes: Final = request.get_all("Record-Route")
        self.local_tag = local_tag
        """Our tag, empty until a call or the first response needs one."""
        self.leg: Leg | None = None
        self.tx: InviteServerTransaction | ServerTransaction | None = None
        self.status = 0

    @property
    def is_open(self) -> bool:
        """True until a final response was given."""
        return self.status < 200


class Kind(Enum):
    """What a request of ours is for; decides who is told of its responses."""

    INVITE = "invite"
    MODIFY = "modify"
    RESTORE = "restore"
    REFRESH = "refresh"
    PRACK = "prack"
    BYE = "bye"
    RELAY = "relay"
    LIVENESS = "liveness"
    EVENT = "event"
    JOIN = "join"
    NOTIFY = "notify"
    REGISTER = "register"
    """One of our own, for a trunk that we register at."""


class Fork:
    """One early or confirmed dialog that an INVITE of ours made, and the dialog it is shown as on the A leg.

    `sdp` is what the callee last said here and `raw` what the media engine made of it. `answer` is what it said in a
    reliable response: from then on that counts, whatever other responses say (RFC 3262 section 5). `is_shown`: the
    caller has confirmed that it got that. `rseq` is the callee's last number in order, `rseq_shown` our last one.
    """

    __slots__ = ("a_dialog", "answer", "dialog", "is_shown", "prack", "raw", "rseq", "rseq_shown", "sdp")

    def __init__(self, dialog: Dialog, a_dialog: Dialog) -> None:
        self.dialog: Final = dialog
        self.a_dialog: Final = a_dialog
        self.sdp = b""
        self.raw = b""
        self.answer = b""
        self.is_shown = False
        self.rseq = 0
        self.rseq_shown = 0
        self.prack: Outgoing | None = None
        """Our last PRACK."""


class Unacknowledged:
    """A reliable provisional response of ours that waits for its PRACK (RFC 3262 section 3)."""

    __slots__ = ("cseq", "end_at", "flow", "fork", "has_sdp", "interval", "is_offer", "next_timer", "wire")

    def __init__(
        self, fork: Fork, cseq: int, wire: bytes, flow: Flow, has_sdp: bool, is_offer: bool, t1: float, now: float
    ) -> None:
        self.fork: Final = fork
        self.wire: Final = wire
        self.flow: Final = flow
        self.has_sdp: Final = has_sdp
        self.is_offer: Final = is_offer
        self.cseq: Final = cseq
        self.interval = t1
        self.next_timer = now + t1
        self.end_at: Final = now + 64 * t1


class Outgoing:
    """A request of ours: its purpose, and what its ACK and CANCEL repeat by value (RFC 3261 9.1 and 17.1.1.3)."""

    __slots__ = (
        "acks",
        "bindings",
        "cancel_wanted",
        "cancelled",
        "challenged",
        "credentials",
        "cseq",
        "deadline",
        "detour",
        "dialog",
        "done",
        "ended",
        "fields",
        "flow",
        "forks",
        "from_",
        "hop",
        "incoming",
        "is_retry",
        "kind",
        "leg",
        "method",
        "provisional",
        "request_uri",
        "routes",
        "sending",
        "spent",
        "to",
        "tx",
        "via",
    )

    def __init__(self, kind: Kind, leg: Leg, method: str, dialog: Dialog | None = None) -> None:
        self.kind: Final = kind
        self.leg: Final = leg
        self.method: Final = method
        self.dialog: Final = dialog
        self.incoming: Incoming | None = None
        self.hop: NextHop | None = None
        self.tx: ClientTransaction | InviteClientTransaction | None = None
        self.request_uri = ""
        self.via = ""
        self.from_ = ""
        self.to = ""
        self.routes: tuple[str, ...] = ()
        self.cseq = 0
        self.fields: Fields = NO_FIELDS
        self.credentials: Fields = NO_FIELDS
        """The asker's answer to a challenge of this trunk; the ACK to a 2xx repeats it."""
        self.flow: Flow | None = None
        self.detour: Flow | None = None
        """Where it goes next if it cannot be delivered."""
        self.deadline = 0.0
        self.provisional = False
        self.cancel_wanted = False
        self.cancelled = False
        self.done = False
        self.is_retry = False
        self.challenged = 0
        """How often its like was sent before and challenged; more than a few times: never to be answered."""
        self.sending: Sending | None = None
        """Where else it can be sent to, if its next hop is a name with several places."""
        self.acks: dict[str, Transmit] = {}
        self.bindings: tuple[Binding, ...] = ()
        """What a REGISTER asks to be kept once the registrar agrees."""
        self.forks: dict[str, Fork] = {}
        self.ended: frozenset[str] = frozenset()
        """The callee's tags of early dialogs that are over: copies of what it said there make none again."""
        self.spent = 0
        """The highest CSeq number that was used in an early dialog of it which is forgotten."""


class StepKind(Enum):
    """What a media reply is awaited for."""

    OFFER = "offer"
    """The caller's offer, to be shown to the callee."""
    PROVISIONAL = "provisional"
    """A 18x with an answer, to be shown to the caller."""
    EARLY_OFFER = "early-offer"
    """A reliable 18x with an offer, to be shown to the caller."""
    EARLY_UPDATE = "early-update"
    """A better answer that the callee gave in an UPDATE, to be shown to the caller."""
    REOFFER = "reoffer"
    """The caller's offer once more: another fork has answered than the one that changed the session since."""
    PRACK = "prack"
    """The caller's answer in its PRACK, to be shown to the callee."""
    ANSWER = "answer"
    """A 2xx with an answer (or, late, an offer), to be shown to the caller."""
    ACK = "ack"
    """The caller's answer in its ACK, to be shown to the callee."""
    SETTLE_OFFER = "settle-offer"
    """The caller's answer to an offer made in its place (`insert`), for the engine alone; and the callee's."""
    SETTLE_OFFER_B = "settle-offer-b"
    SETTLE_ANSWER = "settle-answer"
    MODIFY_OFFER = "modify-offer"
    MODIFY_ANSWER = "modify-answer"
    MODIFY_ACK = "modify-ack"
    JOIN_OFFER = "join-offer"
    """What one of two legs that are being joined said, to be shown to the other."""
    JOIN_ANSWER = "join-answer"
    NOTHING = "nothing"
    """Whatever it was for is not wanted any more."""
    REPEATED_OFFER = "repeated-offer"
    """The caller's offer once more, to another media engine while the callee rings; for the engine alone."""


class Step:
    """One media command on its way; a call has at most one, so that offers and answers never overtake each other."""

    __slots__ = ("fork", "kind", "response")

    def __init__(self, kind: StepKind, response: Response | None = None, fork: Fork | None = None) -> None:
        self.kind: Final = kind
        self.response: Final = response
        self.fork: Final = fork
