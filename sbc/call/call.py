"""A call: two legs, the media between them, and where it stands."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from sbc.call.parts import Fork, Incoming, Leg, Outgoing, Step, Unacknowledged
from sbc.config import Config
from sbc.media import MediaSession
from sbc.mint import Mint
from sbc.routing import NextHop
from sbc.sip import Response
from sbc.wire import Now

if TYPE_CHECKING:
    from sbc.call.joint import Join
    from sbc.call.modify import Modify
    from sbc.call.redirect import Redirection
    from sbc.call.referral import Referral
    from sbc.call.restore import Restoring
    from sbc.call.subscription import Subscription


class CallState(Enum):
    """From the caller's INVITE to the last word."""

    OFFERING = "offering"
    """The media engine is asked about the caller's offer."""
    INVITING = "inviting"
    """The callee has our INVITE."""
    ANSWERING = "answering"
    """The callee said 2xx; the caller does not know yet."""
    ANSWERED = "answered"
    """The caller has the 2xx and owes the ACK."""
    TALKING = "talking"
    ENDED = "ended"
    OUTSIDE = "outside"
    """No call at all: one request outside dialogs that goes through."""


class Alarm:
    """What the engine's wheel holds in a call's place, so that a call that is over can be let go at once."""

    __slots__ = ("call", "deadline")

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call
        self.deadline = 0.0
        """When the wheel will hand it out, 0 before it was armed."""

    @property
    def next_timer(self) -> float | None:
        """The call's, None once it is gone."""
        return self.call.next_timer if self.call is not None else None


class Call:
    """Data of one call; the verbs are in the files beside this one.

    `deadline` is when the call must have left its present phase (monotonic seconds): the longest ringing, then the
    longest call.

    Transfers: `referral` is the one of this call that is under way, `behalf` the one that this call was placed for,
    `join` two legs on their way to each other (both their calls know it), `transfers` how many made this call what it
    is. With `is_parted` one side was joined to somebody else: what is left waits for its BYE.

    Ringing: `rung` is 1 once the caller has had a provisional response, 2 once one with a session description; `rseq`
    is the number of our last reliable one to a caller to whom all forks are one.
    """

    __slots__ = (
        "a",
        "adopted_at",
        "alarm",
        "answer_wall",
        "attempt",
        "b",
        "backlog",
        "behalf",
        "called",
        "caller",
        "cause",
        "config",
        "contact",
        "deadline",
        "delete_wanted",
        "early_fork",
        "hop_index",
        "hops",
        "id",
        "inserted",
        "invite_in",
        "is_parted",
        "join",
        "kept",
        "late_fork",
        "late_offer",
        "longest",
        "media",
        "mint",
        "mode",
        "modify",
        "objection",
        "offer",
        "patience",
        "ready",
        "redirection",
        "referral",
        "refresh",
        "relays",
        "released_by",
        "restoring",
        "rseq",
        "rule",
        "rung",
        "serial",
        "start",
        "state",
        "status",
        "step",
        "step_deadline",
        "subscription",
        "transfers",
        "unacknowledged",
    )

    referral: Referral | None
    behalf: Referral | None
    join: Join | None

    def __init__(self, id_: str, config: Config, mint: Mint, now: Now) -> None:
        self.id: Final = id_
        self.config: Final = config
        self.mint: Final = mint
        self.start: Final = now
        self.state = CallState.OFFERING
        self.a: Leg | None = None
        self.b: Leg | None = None
        self.invite_in: Incoming | None = None
        self.attempt: Outgoing | None = None
        self.hops: list[NextHop] = []
        self.hop_index = 0
        self.patience = 0.0
        """When the next hop is tried if this one has said nothing at all; 0 where none is left."""
        self.mode = config.media.mode
        self.media: MediaSession | None = None
        self.offer = b""
        self.inserted = b""  # the offer that was made in the caller's place, until the caller has answered
        self.late_offer = False
        self.late_fork: Fork | None = None
        """The early dialog whose offer the caller is asked about before the call is answered."""
        self.early_fork: Fork | None = None  # where offers have followed the first one: the media engine has theirs
        self.unacknowledged: Unacknowledged | None = None
        self.step: Step | None = None
        self.step_deadline = 0.0
        self.serial = 0
        """Id of the media command behind `step`."""
        self.ready = b""
        self.objection = ""
        """Why the description behind `step` is refused; empty where it is not."""
        self.delete_wanted = False
        self.backlog: list[tuple[Outgoing, Response]] = []
        self.modify: Modify | None = None
        self.redirection: Redirection | None = None
        """Where redirects have led."""
        self.subscription: Subscription | None = None
        """No call at all, but a subscription."""
        self.refresh: Outgoing | None = None
        """A re-INVITE of ours that refreshes a session and waits for its answer."""
        self.restoring: list[Restoring] = []  # offers of ours that take an exchange back
        self.relays: list[Outgoing] = []
        self.referral = self.behalf = self.join = None
        self.transfers, self.is_parted = 0, False
        self.caller = ""
        self.called = ""
        """User part of the Request-URI toward the callee."""
        self.contact = ""
        """The registered Contact that is called, empty for a call to a trunk."""
        self.alarm: Final = Alarm(self)
        self.kept: tuple[object, ...] = ()
        """What the journal knows of the call, as far as it would have to be told of a change; empty: nothing."""
        self.adopted_at = 0.0
        """When another process's call became ours (monotonic seconds); 0 for a call of our own."""
        self.rung = self.rseq = 0
        self.answer_wall = 0.0
        self.status = 0
        self.rule = self.released_by = self.cause = ""
        self.longest = config.timers.call
        """Seconds from the answer after which it is ended."""
        self.deadline = now.monotonic + config.timers.ringing

    @property
    def is_over(self) -> bool:
        """True once the call has ended; late messages of its transactions may still come."""
        return self.state is CallState.ENDED or self.state is CallState.OUTSIDE

    @property
    def is_waiting(self) -> bool:
        """True while what the callee says next must wait in `backlog`: for media, a PRACK, or an UPDATE's answer."""
        return self.step is not None or self.unacknowledged is not None or self.modify is not None

    @property
    def is_busy(self) -> bool:
        """True while offers and answers are on their way on either leg: no other INVITE may begin (RFC 3261 14.1)."""
        if self.modify is not None or self.step is not None or self.refresh is not None or self.join is not None:
            return True
        if self.restoring:
            return True
        return any(leg is not None and leg.answer is not None for leg in (self.a, self.b))

    def part(self) -> None:
        """Let a call that is over forget its legs: what is still awaited has its own hold on them.

        So nothing of it is left for the collector, whose walk through all calls that are up is a pause for each.
        """
        is_in_transfer = self.referral is not None or self.behalf is not None or self.join is not None
        if self.step is None and not is_in_transfer and not self.relays:
            self.a = self.b = self.attempt = self.invite_in = None

    @property
    def caller_leg(self) -> Leg:
        """The A leg, which every call has from its first moment."""
        assert self.a is not None
        return self.a

    @property
    def next_timer(self) -> float | None:
        """The earliest moment at which `handle_timer` has something to do (monotonic seconds)."""
        due = 0.0 if self.is_over else self.deadline
        if self.patience:
            due = _earlier(due, self.patience)
        for leg in (self.a, self.b):
            if leg is None:
                continue
            if leg.answer is not None and leg.answer.next_timer is not None:
                due = _earlier(due, leg.answer.next_timer)
            if self.state is CallState.TALKING:
                if self.config.timers.liveness:
                    due = _earlier(due, leg.heard + self.config.timers.liveness)
                if leg.timer is not None:
                    due = _earlier(due, leg.timer.next_timer)
        if self.step is not None:
            due = _earlier(due, self.step_deadline)
        if self.unacknowledged is not None:
            due = _earlier(due, self.unacknowledged.next_timer)
        join = self.join
        if join is not None and join.call is self and join.next_timer:
            due = _earlier(due, join.next_timer)
        if self.modify is not None and self.modify.deadline:
            due = _earlier(due, self.modify.deadline)
        for restoring in self.restoring:
            if restoring.next_timer:
                due = _earlier(due, restoring.next_timer)
        if self.subscription is not None and self.subscription.next_timer:
            due = _earlier(due, self.subscription.next_timer)
        for relay in self.relays:
            due = _earlier(due, relay.deadline)
        return due or None


def _earlier(one: float, other: float) -> float:
    return other if not one or other < one else one
