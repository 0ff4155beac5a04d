"""Calls that move between the workers of a node, because a transfer brings together what two of them hold.

A REFER whose Refer-To replaces a dialog of another worker goes there, and its call with it: as a record, like one that
outlives its process. Whoever gave a call away knows by our tags where it went; what still comes for it is passed on.
New Contacts of the new holder bring peers to it directly, as soon as they have seen one.

Not for: what a transfer is (`sbc/call`), or who is worker of what (`sbc/steering`): a slot says enough here.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Final

from sbc.adopter import Adopter
from sbc.adoption import moved_tokens, pack_moved, take
from sbc.call import Call, CallState, Incoming, Leg
from sbc.egress import Egress
from sbc.mint import is_minted, slot_of
from sbc.outputs import SUCCESSOR, HandOver
from sbc.sip import ParseError, Replaces, Request, parse_join, parse_replaces, parse_target_dialog
from sbc.wire import Flow

REMEMBERED: Final = 16_384
"""Tags of calls that were given away, at most: those of the oldest are forgotten first."""
_CALL: Final = "call "
"""Before Call-IDs, which peers choose: none can be taken for a tag."""
_SOON: Final = [("Retry-After", "1")]
PATIENCE: Final = 10.0
"""Seconds that a REFER waits for the exchange of its call: less than half of what its sender waits (Timer F)."""
_LOOK: Final = 0.1
"""Seconds between two looks whether it can go."""
HELD: Final = 256
"""REFERs that may wait at once; further ones are to come again."""


class Coming(Enum):
    """How the message at hand has come."""

    FROM_PEER = "from its peer"
    WITH_CALL = "with its call, from another worker"
    BACK = "back: nobody had room for it"


class Held:
    """A REFER in the dialog of `leg`, whose call is in the middle of an exchange and goes when that is over."""

    __slots__ = ("data", "deadline", "flow", "incoming", "leg", "next_timer")

    def __init__(self, leg: Leg, incoming: Incoming, data: bytes, flow: Flow, deadline: float) -> None:
        self.leg: Final = leg
        self.incoming: Final = incoming
        self.data: Final = data
        self.flow: Final = flow
        self.deadline: Final = deadline
        self.next_timer: float | None = None


class Moves:
    """Gives calls to other workers and takes theirs. `others` are the slots that other workers mint with."""

    def __init__(self, egress: Egress, adopter: Adopter, others: frozenset[int]) -> None:
        self.egress: Final = egress
        self.adopter: Final = adopter
        self._others: Final = others
        self._moved: Final[OrderedDict[str, int]] = OrderedDict()
        """Our tags in dialogs that were given away, and a slot of the worker that got them."""
        self._coming = Coming.FROM_PEER
        self._held: Final[dict[str, Held]] = {}
        """By the id of the call."""
        self.is_leaving = False
        """What is not ours is for the process that comes after us (`sbc/relief.py`)."""

    # What another worker has

    @property
    def has_others(self) -> bool:
        """True on a node of several workers."""
        return bool(self._others)

    @property
    def moved(self) -> dict[str, int]:
        """Tags of ours in dialogs that others have from us, and a slot of each of those."""
        return dict(self._moved)

    def holds(self, call: Call) -> bool:
        """Whether a REFER waits until this call can go to another worker."""
        return call.id in self._held

    def slot_of_tag(self, tag: str) -> int:
        """A slot of the other worker that has the dialog with this tag of ours, -1 where we have it, or nobody."""
        moved = self._moved.get(tag, -1)
        if moved >= 0 or not is_minted(tag):
            return moved
        slot = slot_of(tag)
        return slot if slot in self._others else -1

    def passes_on(self, tag: str, incoming: Incoming | None, data: bytes, flow: Flow) -> bool:
        """Whether a message about the dialog with this tag of ours was passed on to who has its call now.

        `incoming` is the request with its transaction, None for an ACK: copies have to come there too.
        """
        slot = self._moved.get(tag, -1) if self._moved else -1
        if slot < 0 and self.is_leaving:
            slot = SUCCESSOR
        elif slot < 0:
            return False
        if incoming is not None:
            self.let_go(incoming)
        self.egress.outputs.append(HandOver(slot, data, flow))
        return True

    def follows(self, request: Request, incoming: Incoming, data: bytes, flow: Flow) -> bool:
        """The same for a request outside of dialogs that names one of them (RFC 3891, RFC 3911, RFC 4538)."""
        if not self._moved:
            return False
        tag = next((tag for tag in named_tags(request) if tag in self._moved), "")
        slot = self._moved.get(tag, -1)
        if slot >= 0:
            self._note(f"{_CALL}{request.call_id}", slot)
        return self.passes_on(tag, incoming, data, flow)

    def cancels(self, request: Request, incoming: Incoming, data: bytes, flow: Flow) -> bool:
        """The same for the CANCEL of an INVITE that was passed on: it has its To tag, or its Call-ID alone."""
        where = request.to_tag or f"{_CALL}{request.call_id}"
        return self.passes_on(where, incoming, data, flow)

    def takes(self, leg: Leg, incoming: Incoming, data: bytes, flow: Flow) -> bool:
        """Whether a REFER in, or about, the dialog of `leg` was dealt with: taken to who has the dialog it replaces.

        A call in the middle of an exchange goes when that is over, or else stays: the asker is to try again (RFC 3261
        section 14.2 for re-INVITE).
        """
        call, request = leg.call, incoming.request
        if not self._others or request is None or call.referral is not None or not is_up(call):
            return False
        if call.config.refer_of(leg.realm.name, leg.trunk) == "refuse":
            return False
        named = _replaced(request)
        slot = self._slot(named, leg) if named is not None else -1
        if slot < 0:
            return False
        if is_occupied(call) or self._coming is Coming.BACK:
            if not self._hold(leg, incoming, data, flow):
                self.egress.respond(incoming, 500, extra=_SOON)
            return True
        if request.to_tag and leg.dialog is not None:
            leg.dialog.remote_cseq = min(leg.dialog.remote_cseq, request.cseq.number - 1)  # it is judged there
        self.let_go(incoming)
        self._give(call, slot, data, flow)
        return True

    def _hold(self, leg: Leg, incoming: Incoming, data: bytes, flow: Flow) -> bool:
        """Keep it for later; one of each call, and none that there was no room for."""
        request, held = incoming.request, self._held
        if self._coming is Coming.BACK or request is None or not request.to_tag:
            return False
        if leg.call.id in held or len(held) >= HELD:
            return False
        waiting = held[leg.call.id] = Held(leg, incoming, data, flow, self.egress.now.monotonic + PATIENCE)
        self._look_later(waiting)
        return True

    def _look_later(self, held: Held) -> None:
        held.next_timer = self.egress.now.monotonic + _LOOK
        self.egress.wheel.arm(held, held.next_timer)

    def look_again(self, held: Held) -> bool:
        """Whether a REFER that waits was dealt with, or waits on; else it is for the call that has it."""
        call, now = held.leg.call, self.egress.now.monotonic
        is_late = now >= held.deadline
        if is_up(call) and is_occupied(call) and not is_late:
            self._look_later(held)
            return True
        held.next_timer = None
        dialog = held.leg.dialog
        if (
            call.is_over
            and dialog is not None
            and self.passes_on(dialog.local_tag, held.incoming, held.data, held.flow)
        ):
            is_taken = True  # the call went for the sake of another one
        else:
            is_taken = self.takes(held.leg, held.incoming, held.data, held.flow)  # still held: not to be held anew
        del self._held[call.id]
        return is_taken

    def _slot(self, named: Replaces, leg: Leg) -> int:
        """Of who has the dialog, -1 where that is us or nobody."""
        if self.egress.find(named.call_id, named.to_tag, named.from_tag, leg.realm.name) is not None:
            return -1
        if self._coming is Coming.WITH_CALL:
            return self._moved.get(named.to_tag, -1)  # brought here for its sake, it is not sent away by its tag alone
        return self.slot_of_tag(named.to_tag)

    def let_go(self, incoming: Incoming) -> None:
        """Forget the transaction of a request without a word: it is another worker's, or comes again."""
        tx = incoming.tx
        if tx is not None:
            self.egress.run(tx, tx.abandon(self.egress.now.monotonic))
            incoming.tx = None

    def _give(self, call: Call, slot: int, data: bytes, flow: Flow) -> None:
        egress, media = self.egress, call.media
        names = egress.placement.names
        place = media.engine if media is not None else -1
        engine = names[place] if 0 <= place < len(names) else ""
        record = pack_moved(call, take(call, engine, egress.now))
        flows: list[Flow] = []
        for leg in (call.a, call.b):
            if leg is not None and leg.dialog is not None:
                flows += [one for one in (leg.flow, leg.dialog.flow) if one.is_reliable]
                egress.forget(leg.dialog)
                self._note(leg.dialog.local_tag, slot)
        call.state, call.media = CallState.ENDED, None
        egress.ended(call)
        egress.outputs.append(HandOver(slot, data, flow, call.id, record, tuple(flows)))

    # What we have from another worker

    def take_over(self, call: str, record: bytes) -> bool:
        """Another worker's call is ours from now on; False where its record cannot be read."""
        adopted = self.adopter.take_over(call, record)
        if adopted is None:
            for token in moved_tokens(record):
                self._moved.pop(token, None)  # whoever gave it back sends us what comes for it: it ends here
            return False
        for leg in (adopted.a, adopted.b):
            if leg is not None and leg.dialog is not None:
                self._moved.pop(leg.dialog.local_tag, None)
        return True

    def expect_message(self, coming: Coming) -> None:
        """How the next message has come: one that came with its call is not sent after another one."""
        self._coming = coming

    def expect(self, tags: dict[str, int]) -> None:
        """What the process before us had given away, as the records of the others show it: our tags, their slots."""
        for tag, slot in tags.items():
            self._note(tag, slot)

    def _note(self, tag: str, slot: int) -> None:
        self._moved[tag] = slot
        self._moved.move_to_end(tag)
        if len(self._moved) > REMEMBERED:
            self._moved.popitem(last=False)


def is_up(call: Call) -> bool:
    """Whether both legs of a call have their dialogs, and nobody has parted them."""
    legs = (call.a, call.b)
    if call.is_parted or call.state not in (CallState.TALKING, CallState.ANSWERED):
        return False
    return all(leg is not None and leg.dialog is not None for leg in legs)


def is_occupied(call: Call) -> bool:
    """True in the middle of an exchange, which would end in nobody's hands."""
    return call.is_busy or bool(call.relays) or is_telling(call)


def is_telling(call: Call) -> bool:
    """True while the asker of an earlier transfer has not heard all of it."""
    legs = (call.a, call.b)
    return any(leg is not None and leg.referral is not None and leg.referral.notify is not None for leg in legs)


def named_tags(request: Request) -> list[str]:
    """Tags of the dialog that a request outside of dialogs names, ours among them; none where it names none."""
    try:
        if (value := request.get("Replaces")) is not None:
            replaces = parse_replaces(value)
            return [replaces.to_tag, replaces.from_tag]
        if (value := request.get("Join")) is not None:
            join = parse_join(value)
            return [join.to_tag, join.from_tag]
        if (value := request.get("Target-Dialog")) is not None:
            named = parse_target_dialog(value)
            return [named.remote_tag, named.local_tag]
    except ParseError:
        pass
    return []


def _replaced(request: Request) -> Replaces | None:
    """What the Refer-To replaces; None where it names nothing, or nothing that can be read: `refer` tells of that."""
    target = request.refer_to.uri if request.refer_to is not None else None
    value = target.header("Replaces") if target is not None else None
    if value is None or len(request.get_all("Refer-To")) > 1:
        return None
    try:
        return parse_replaces(value)
    except ParseError:
        return None
