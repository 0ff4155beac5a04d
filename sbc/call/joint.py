"""Two legs of two calls on their way to each other: what `join` does with them, and how it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sbc.call.exchange import abort_attempt
from sbc.call.exit import Exit
from sbc.call.parts import Incoming, Leg, Outgoing
from sbc.call.restore import restore
from sbc.media import MediaSession, Side

if TYPE_CHECKING:
    from sbc.call.call import Call
    from sbc.call.referral import Referral


class Join:
    """`new` comes to `call` in the place of the leg `place`, and meets `kept` there; `join` has the states.

    `media` is the session of the two, `former` the one that `call` had. `offerer` is whose description is on its way
    and `asked` whom it is offered to. `incoming` is the INVITE of `new` where that still waits for its answer.
    """

    __slots__ = (
        "asked",
        "awaits_ack",
        "call",
        "changed",
        "end_at",
        "former",
        "former_kept",
        "former_new",
        "has_begun",
        "incoming",
        "is_broken",
        "kept",
        "media",
        "new",
        "next_timer",
        "offerer",
        "out",
        "place",
        "referral",
        "rounds",
        "tries",
    )

    def __init__(self, call: Call, place: Leg, new: Leg, media: MediaSession) -> None:
        kept = call.b if place is call.a else call.a
        assert kept is not None
        self.call: Final = call
        self.place: Final = place
        self.kept: Final[Leg] = kept
        self.new: Final = new
        self.media: Final = media
        self.former: MediaSession | None = None
        self.former_new = self.former_kept = (b"", b"")
        self.has_begun = False
        """Both legs were free: from then on they face each other."""
        self.awaits_ack = False
        """The caller has our offer in its 200."""
        self.changed: list[Leg] = []
        """Who has accepted something new."""
        self.offerer: Leg = kept
        self.asked = new
        self.referral: Referral | None = None
        self.incoming: Incoming | None = None
        self.out: Outgoing | None = None
        self.rounds = 0
        self.tries = 0
        self.next_timer = 0.0
        """When to go on, 0 while something else is waited for."""
        self.end_at = 0.0
        """When whoever has an exchange of its own is waited for no more."""
        self.is_broken = False
        """Undone, but for what is still on its way."""

    def begin(self) -> None:
        """The two legs are free: what they have now is what they have again if this comes to nothing."""
        call, new, kept = self.call, self.new, self.kept
        self.has_begun = True
        self.former = None if call.media is self.media else call.media
        self.former_new, self.former_kept = (new.shown, new.said), (kept.shown, kept.said)
        new.partner, kept.partner = kept, new
        call.media = self.media

    @property
    def is_move(self) -> bool:
        """True where nobody comes or leaves: the two peers of a call get another media session (`reanchor`)."""
        return self.place is self.new

    def side_of(self, leg: Leg) -> Side:
        """Where a leg stands in the media session of the two."""
        return self.place.side if leg is self.new else self.kept.side


def undo(join: Join, exit_: Exit) -> None:
    """Both legs and the media engine are as they were; a re-INVITE under way is taken back first.

    For calls that go on; of one that has ended nothing is restored.
    """
    call, other = join.call, join.new.call
    join.is_broken = True
    join.next_timer = 0.0
    join.new.partner = join.kept.partner = None
    out = join.out
    if out is not None and not out.done:
        abort_attempt(out, exit_)
    for leg, former in ((join.new, join.former_new), (join.kept, join.former_kept)):
        if join.has_begun and (out is None or out.done or out.leg is not leg):
            _restore(leg, former, leg in join.changed, exit_)
    if call.step is None or call.is_over:
        drop_media(join, exit_)
    for one in (call, other):
        if not join.has_begun or (one.step is None and (out is None or out.done or out.leg.call is not one)):
            one.join = None


def settle(join: Join, leg: Leg, accepted: bool, exit_: Exit) -> None:
    """What was under way when the join was undone is answered now."""
    leg.call.join = None
    former = join.former_new if leg is join.new else join.former_kept
    _restore(leg, former, accepted or leg in join.changed, exit_)


def drop_media(join: Join, exit_: Exit) -> None:
    """The call has its former media session again, of the other one nothing is left; all go with a call that ended."""
    call = join.call
    if join.former is None or call.media is not join.media:
        return
    if call.is_over:
        discard(call, join.former, exit_)
    else:
        discard(call, join.media, exit_)
        call.media = join.former


def discard(call: Call, media: MediaSession, exit_: Exit) -> None:
    """Delete a session that is not, or no more, the call's own; a reply that is awaited for that one still comes."""
    command = media.delete()
    if command is None:
        return
    step, own = call.step, call.media
    call.step, call.media = None, media
    exit_.media(call, command)
    call.step, call.media = step, own


def _restore(leg: Leg, former: tuple[bytes, bytes], has_changed: bool, exit_: Exit) -> None:
    shown, leg.said = former
    if has_changed and leg.shown != shown and not leg.call.is_over:
        restore(leg, shown, exit_)
    else:
        leg.shown = shown
