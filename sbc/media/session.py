"""One call attempt's media: offers and answers through the engine, or straight through where media is bypassed."""

from __future__ import annotations

from enum import Enum
from typing import Final

import rtpengine
from sbc.config import ANY, Codecs, Media
from sbc.media.codecs import NONE_LEFT, Choice, choose, shown_to
from sbc.media.errors import MachineMisuse as MachineMisuse
from sbc.media.events import with_events
from sbc.media.lines import objection_to_places, orderly, placed, shares_place
from sbc.media.options import answer_options, offer_options, pressing, reporting, translating, veiling
from sbc.media.security import (
    BARRED,
    lacks_keys,
    objection_to_answer,
    objection_to_offer,
    profile_toward,
    with_one_key,
    without_foreign_keys,
    without_weak_keys,
)
from sbc.media.terms import CLEAR, Security, Terms


class Objection:
    """A description that is refused before the engine sees it, and why: 488, or the end of the attempt."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason: Final = reason


class Side(Enum):
    """The two sides of a call: A has called, B is called."""

    A = 0
    B = 1

    @property
    def other(self) -> Side:
        """The side facing this one."""
        return Side.B if self is Side.A else Side.A


class Phase(Enum):
    """Where the current offer/answer exchange stands (RFC 3264)."""

    IDLE = "idle"
    """Nothing offered yet."""
    OFFERING = "offering"
    """The engine has the offer; its reply is awaited."""
    REFUSED = "refused"
    """The engine said no to the offer, or its reply was unfit."""
    OFFERED = "offered"
    """The offer is on its way to the other side; its answer is awaited."""
    ANSWERING = "answering"
    """The engine has the answer; its reply is awaited."""
    ANSWERED = "answered"
    """Answered. The same offer may be answered again: 183 and 200, or another fork."""
    DELETED = "deleted"


class _Exchange:
    """An offer with its answer as they went to the engine, and what the engine made of the answer."""

    __slots__ = ("answer", "offer", "result")

    def __init__(self, offer: rtpengine.Offer, answer: rtpengine.Answer, result: bytes) -> None:
        self.offer: Final = offer
        self.answer: Final = answer
        self.result: Final = result


class MediaSession:
    """The media of one call attempt.

    `mode` is `anchor` or `bypass`. `tags` and `interfaces` belong to sides A and B in this order; the tags are ours,
    one for each leg, so that what a peer chooses for a tag never reaches the engine, and a fork's further answers land
    on the same party. An empty pair of interface names leaves the choice to the engine. `terms` say what each side's
    media are.

    In bypass mode nothing is kept and every call returns the SDP it was given, but for codecs that may not be used.

    One command is under way at a time. While it is, only `reply`, `rollback` and `delete` may be called; the engine
    discards the reply to a command that was overtaken by one of the latter two.
    """

    __slots__ = (
        "_answer",
        "_before",
        "_exchange",
        "_offer",
        "_presumed",
        "_shown",
        "_was_answered",
        "_was_sent",
        "call_id",
        "codecs",
        "ends_feedback",
        "engine",
        "has_own_streams",
        "interfaces",
        "is_gone",
        "lost_at",
        "marks",
        "mode",
        "phase",
        "placed_at",
        "presses",
        "tags",
        "terms",
        "tried",
        "unfit",
        "views",
    )

    def __init__(
        self,
        mode: str,
        call_id: str,
        tags: tuple[str, str],
        interfaces: tuple[str, str],
        terms: tuple[Terms, Terms] = (CLEAR, CLEAR),
    ) -> None:
        if mode not in ("anchor", "bypass"):
            raise MachineMisuse(f"media mode {mode!r}")
        if tags[0] == tags[1]:
            raise MachineMisuse("both sides have the same tag")
        self.mode: Final = mode
        self.call_id: Final = call_id
        self.tags: Final = tags
        self.interfaces: Final = interfaces
        self.terms: Final = terms
        self.codecs: tuple[Codecs, Codecs] = (ANY, ANY)
        """What audio codecs each side may use."""
        self.presses = False
        """Keys will be pressed for a side (`PlayDtmf`): the engine must be told beforehand, and translates then."""
        self.ends_feedback = False
        """Of pictures too RTCP ends at the engine."""
        self.views = tags
        """The names under which the engine keeps what each side sees of the other's audio, where that is its own: a
        session that takes this one's place has them too."""
        self.has_own_streams = False
        """Audio crosses under numbers of the engine's."""
        self.marks = (-1, -1)
        """DSCP of the media toward each side; below zero: the engine's default."""
        self.engine = -1
        """The pool's number of the engine that has the session; below zero: none was chosen yet."""
        self.tried: tuple[int, ...] = ()
        """Engines that were silent or full."""
        self.unfit: tuple[int, ...] = ()
        """Engines that lack what it needs, when one was chosen."""
        self.placed_at = 0.0
        """When an engine was chosen for it (monotonic seconds); 0: by another process."""
        self.is_gone = False
        """The engine that had it is lost, and the session with it."""
        self.lost_at = 0.0
        """Since when peers talk to an engine that is lost (monotonic seconds); 0: they do not."""
        self.phase = Phase.IDLE
        self._offer: rtpengine.Offer | None = None
        self._answer: rtpengine.Answer | None = None
        self._exchange: _Exchange | None = None
        self._before: _Exchange | None = None
        self._presumed = (b"", b"")
        self._shown = b""
        """The offer as the engine wrote it."""
        self._was_sent = False
        self._was_answered = False

    @property
    def is_anchored(self) -> bool:
        """True where media runs through the engine."""
        return self.mode == "anchor"

    @property
    def is_waiting(self) -> bool:
        """True while the engine owes a reply."""
        return self.phase is Phase.OFFERING or self.phase is Phase.ANSWERING

    @property
    def is_agreed(self) -> bool:
        """True once an offer was answered: the engine must have the session, unless it was lost there."""
        return self._was_answered and self.phase is not Phase.DELETED

    @property
    def movable(self) -> rtpengine.Offer | None:
        """The offer under way, where nothing was ever shown to a peer: another engine may be asked in its place."""
        return self._offer if self.phase is Phase.OFFERING and not self._shown else None

    def heed(self, settings: Media) -> None:
        """What the configuration says of all media."""
        self.has_own_streams, self.ends_feedback = settings.has_own_streams, settings.ends_feedback

    def succeed(self, former: MediaSession | None, said: tuple[bytes, bytes]) -> None:
        """Take the place of a former session: the sides have `said` this of themselves, and are offered the like."""
        self._presumed = said
        if former is not None:
            self.codecs, self.marks = former.codecs, former.marks
            self.views = former.views
            self.has_own_streams, self.ends_feedback = former.has_own_streams, former.ends_feedback

    def offer(self, side: Side, sdp: bytes) -> rtpengine.Command | bytes | Objection:
        """`side` offers `sdp`, in whatever message: INVITE, a 2xx to an INVITE without offer, re-INVITE, UPDATE, PRACK.

        A new offer replaces one that was never answered.
        """
        objection = objection_to_places(sdp)
        if objection:
            return Objection(objection)
        if not self.is_anchored:
            return self._bypassed(side, sdp)
        if self.is_waiting or self.phase is Phase.DELETED:
            raise MachineMisuse(f"offer while {self.phase.value}")
        is_barred = self.terms[side.other.value].level is Security.BARRED
        objection = BARRED if is_barred else objection_to_offer(self.terms[side.value], sdp)
        if objection:
            return Objection(objection)
        choice = self._choice(side, sdp)
        if choice is not None and choice.is_empty:
            return Objection(NONE_LEFT)
        command = self._offer_command(side, sdp if choice is None else choice.sdp, self._said(side.other))
        if choice is not None:
            here, there = side.value, side.other.value
            command.options = translating(command.options, choice, self.codecs[here].ptime, self.codecs[there].ptime)
        self._before = self._exchange
        self._offer = command
        self._answer = None
        self._was_sent = True
        self.phase = Phase.OFFERING
        return command

    def answer(self, side: Side, sdp: bytes) -> rtpengine.Command | bytes | Objection:
        """`side` answers the offer of the other side with `sdp`.

        May be called again for the same offer, as provisional and final responses repeat or change the answer; a mere
        copy does not bother the engine. The tags go as they went in the offer, so `from_tag` is the offerer's.
        """
        objection = objection_to_places(sdp)
        if objection:
            return Objection(objection)
        if not self.is_anchored:
            return sdp
        offer = self._offer
        if offer is None or self.phase not in (Phase.OFFERED, Phase.ANSWERED):
            raise MachineMisuse(f"answer while {self.phase.value}")
        if offer.from_tag == self.tags[side.value]:
            raise MachineMisuse("a side answers its own offer")
        objection = objection_to_answer(self._shown, sdp)
        if objection:
            return Objection(objection)
        sdp = orderly(placed(without_weak_keys(self.terms[side.value], sdp)))
        if self.presses:
            sdp = with_events(sdp, self._shown)
        exchange = self._exchange
        if self.phase is Phase.ANSWERED and exchange is not None and exchange.answer.sdp == sdp:
            return exchange.result
        command = self._answer_command(side, sdp)
        self._answer = command
        self.phase = Phase.ANSWERING
        return command

    def reply(self, reply: rtpengine.Reply) -> bytes:
        """The engine's reply to the last command: the SDP for the other side of the one that gave it.

        Raises `rtpengine.Refused` where the engine said no, or returned an SDP whose number of m-lines is not the
        offer's (RFC 3264 section 6: an answer has as many, in the same order). What follows then is `rollback`,
        `delete` or, in place of a refused answer, another one.
        """
        offer, answer = self._offer, self._answer
        if offer is None or not self.is_waiting:
            raise MachineMisuse(f"a reply while {self.phase.value}")
        self.lose_reply()
        reply.check()
        if _media_count(reply.sdp) != _media_count(offer.sdp):
            raise rtpengine.Refused("the media engine returned another number of m-lines than were offered")
        if shares_place(offer.sdp if answer is None else answer.sdp, reply.sdp):
            raise rtpengine.Refused("the media engine returned the peer's own address")
        sdp = self._without_foreign_keys(reply.sdp, offer, answer)
        if answer is None:
            self._shown = sdp = self._without_codecs(sdp, offer)
            self.phase = Phase.OFFERED
        else:
            self._exchange = _Exchange(offer, answer, sdp)
            self._was_answered = True
            self.phase = Phase.ANSWERED
        return sdp

    def lose_reply(self) -> None:
        """No reply will come: as after a refusal, another answer may be given in the place of this one."""
        if self.phase is Phase.OFFERING:
            self.phase = Phase.REFUSED
        elif self.phase is Phase.ANSWERING:
            self.phase = Phase.OFFERED if self._exchange is self._before else Phase.ANSWERED

    def _without_foreign_keys(self, sdp: bytes, offer: rtpengine.Offer, answer: rtpengine.Answer | None) -> bytes:
        """An engine's description, as far as its receiver may have it. Raises `Refused` where no key is left."""
        offerer = self.tags.index(offer.from_tag)
        receiver = self.terms[1 - offerer if answer is None else offerer]
        sdp = without_foreign_keys(receiver, sdp, offer.sdp if answer is None else answer.sdp)
        if receiver.is_secure and lacks_keys(sdp):
            raise rtpengine.Refused("the media engine returned a secure stream without a key")
        return sdp

    def _choice(self, side: Side, sdp: bytes) -> Choice | None:
        """An offer of `side` with the codecs that both may use; None where neither cares."""
        here, there = self.codecs[side.value], self.codecs[side.other.value]
        return None if here is ANY and there is ANY else choose(sdp, here, there)

    def _bypassed(self, side: Side, sdp: bytes) -> bytes | Objection:
        """An offer that no engine sees: nothing in it can be translated."""
        choice = self._choice(side, sdp)
        if choice is not None and choice.hidden:
            choice = shown_to(self.codecs[side.other.value], choice.sdp)
        if choice is None:
            return sdp
        return Objection(NONE_LEFT) if choice.is_empty else choice.sdp

    def _without_codecs(self, sdp: bytes, offer: rtpengine.Offer) -> bytes:
        """An offer that the engine wrote, without what its receiver may not use: not every engine translates."""
        receiver = self.codecs[1 - self.tags.index(offer.from_tag)]
        if receiver is ANY:
            return sdp
        choice = shown_to(receiver, sdp)
        if choice.is_empty:
            raise rtpengine.Refused(NONE_LEFT)
        return choice.sdp

    def rollback(self) -> list[rtpengine.Command]:
        """Undo the last offer, and answers given to it: what the engine must be told so that media runs as it did
        before.

        RFC 3261 section 14.1: a failed re-INVITE leaves the session as it was. The former offer and answer go again;
        with port latching the ports shown to both sides stay. The commands are sent in this order and their replies
        need not come back here. Empty where there was no former exchange (then `delete`), or where media is bypassed.
        """
        before = self._before
        if before is None or self.phase is Phase.DELETED or self._offer is None:
            return []
        self._offer = before.offer
        self._answer = before.answer
        self._exchange = before
        self.phase = Phase.ANSWERED
        offer = rtpengine.Offer(
            call_id=self.call_id,
            from_tag=before.offer.from_tag,
            to_tag=before.answer.to_tag,
            sdp=before.offer.sdp,
            options=before.offer.options,
            received_from=before.offer.received_from,
            tos=before.offer.tos,
        )
        return [offer, before.answer]

    def delete(self, *, is_measured: bool = False) -> rtpengine.Command | None:
        """The end: a delete at once and by call-id alone, which leaves nothing; None where the engine was never asked.

        It goes after a failed first offer as well: 10.5.3 leaves an empty call behind. With `is_measured`, that of an
        agreed session names a party, so that the reply tells of its media; where it does not, one by call-id follows.
        """
        if not self._was_sent or self.phase is Phase.DELETED:
            return None
        offer = self._offer
        self.phase = Phase.DELETED
        self._offer = self._answer = self._exchange = self._before = None
        named = offer.from_tag if is_measured and self._was_answered and offer is not None else ""
        return rtpengine.Delete(call_id=self.call_id, from_tag=named, delay=0)

    @property
    def agreed(self) -> tuple[Side, bytes, bytes] | None:
        """Who offered last, its offer and the answer to it, as far as both sides agreed; None before they did."""
        exchange = self._exchange if self.phase is Phase.ANSWERED else self._before or self._exchange
        if exchange is None:
            return None
        offerer = Side.A if exchange.offer.from_tag == self.tags[0] else Side.B
        return offerer, exchange.offer.sdp, exchange.answer.sdp

    def bring_back(self, engine: int, offerer: Side, offer: bytes, answer: bytes) -> None:
        """The session as another process had `agreed` it, and as the media engine still has it."""
        self.engine = engine
        self._was_sent = self._was_answered = True
        self._offer = self._offer_command(offerer, offer, answer)
        self._answer = self._answer_command(offerer.other, answer)
        self._shown = offer
        self._exchange = _Exchange(self._offer, self._answer, b"")
        self.phase = Phase.ANSWERED

    def _offer_command(self, side: Side, sdp: bytes, said: bytes) -> rtpengine.Offer:
        """`said`: what the other side last agreed to."""
        here, there = side.value, side.other.value
        terms, interfaces = self.terms, self.interfaces
        told = orderly(placed(without_weak_keys(terms[here], sdp)))
        profile = profile_toward(terms[there], sdp, said)
        if self.presses:
            told = with_events(told)
        if terms[there].has_sdes and not profile.is_dtls and b"a=crypto:" in told:
            told = with_one_key(told, self._said(side))
        return rtpengine.Offer(
            call_id=self.call_id,
            from_tag=self.tags[here],
            sdp=told,
            to_tag=self.tags[there] if self._was_answered else "",
            options=self._finished(
                offer_options((interfaces[here], interfaces[there]), (terms[here], terms[there]), profile, told), side
            ),
            tos=_octet(self.marks[there]),
        )

    def _answer_command(self, side: Side, sdp: bytes) -> rtpengine.Answer:
        """`sdp` is without weak keys."""
        offerer = side.other.value
        offer = self._offer.sdp if self._offer is not None else b""
        return rtpengine.Answer(
            call_id=self.call_id,
            from_tag=self.tags[offerer],
            to_tag=self.tags[side.value],
            sdp=sdp,
            options=self._finished(answer_options(self.terms[offerer], offer, sdp), side),
            tos=_octet(self.marks[offerer]),
        )

    def _finished(self, options: rtpengine.Options, sender: Side) -> rtpengine.Options:
        """With what is wanted of this session beside its terms."""
        if self.has_own_streams:
            options = veiling(options, (self.views[sender.value], self.views[sender.other.value]))
        if self.ends_feedback and not options.owns_rtcp:
            options = reporting(options)
        return pressing(options) if self.presses else options

    def _said(self, side: Side) -> bytes:
        """What a side said of itself in the last exchange that both agreed on, or in a former session."""
        exchange = self._exchange
        if exchange is None:
            return self._presumed[side.value]
        return exchange.offer.sdp if exchange.offer.from_tag == self.tags[side.value] else exchange.answer.sdp


def _media_count(sdp: bytes) -> int:
    """How many m-lines there are, without parsing."""
    return sdp.count(b"\nm=")


def _octet(mark: int) -> int:
    """A DSCP as the octet that it stands in (RFC 2474 section 3); the two low bits are those of ECN."""
    return mark << 2 if mark >= 0 else -1
