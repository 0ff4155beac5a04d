"""Dialogs of other workers that a body names: who looks at it has to see them as they are on its own side.

A NOTIFY of dialog-info (RFC 4235) tells of calls whatever worker holds them; it waits a moment while those are asked,
so that the watcher can pick the calls up (RFC 3891). What nobody tells in time stays opaque.
"""

from __future__ import annotations

from typing import Final

from sbc.call import Incoming, Leg
from sbc.contents import dialog_for, rules_of
from sbc.egress import Egress
from sbc.moving import Moves
from sbc.outputs import Inquiry
from sbc.sip import Request
from sbc.topology import BodyRefused, DialogIds, View, rewrite_body
from sbc.wire import Flow

PATIENCE: Final = 0.25
"""Seconds that others have to answer: far less than the notifier's T1."""
WAITING: Final = 256
"""Messages that may wait at once; more go on as they are."""
QUESTIONS: Final = 64
"""Dialogs asked for, for one message."""


class Waiting:
    """A message that waits, and what it was told so far."""

    __slots__ = ("data", "flow", "next_timer", "number", "request", "told", "unanswered")

    def __init__(
        self, number: int, request: Request, data: bytes, flow: Flow, unanswered: int, deadline: float
    ) -> None:
        self.number: Final = number
        self.request: Final = request
        self.data: Final = data
        self.flow: Final = flow
        self.unanswered = unanswered
        self.told: dict[DialogIds, DialogIds] = {}
        self.next_timer: float | None = deadline


class Inquiries:
    """Asks other workers, and answers them."""

    def __init__(self, egress: Egress, moves: Moves) -> None:
        self._egress: Final = egress
        self._moves: Final = moves
        self._waiting: Final[dict[int, Waiting]] = {}
        self._number = 0

    def holds_back(self, leg: Leg, incoming: Incoming, data: bytes, flow: Flow) -> bool:
        """Whether a NOTIFY of the peer of `leg` waits for what others know; then it comes again by itself."""
        request, viewer = incoming.request, leg.other
        if not self._moves.has_others or request is None or viewer is None or self._egress.is_told:
            return False
        if b"dialog-info" not in request.body or len(self._waiting) >= WAITING:
            return False
        sought = self._sought(leg, viewer, request.body, request.get("Content-Type") or "")
        if not sought:
            return False
        egress = self._egress
        self._number += 1
        deadline = egress.now.monotonic + PATIENCE
        waiting = self._waiting[self._number] = Waiting(self._number, request, data, flow, len(sought), deadline)
        egress.wheel.arm(waiting, deadline)
        for slot, questions in sought.items():
            egress.outputs.append(
                Inquiry(slot, self._number, leg.realm.name, viewer.realm.name, tuple([tuple(ids) for ids in questions]))
            )
        self._moves.let_go(incoming)
        return True

    def _sought(self, leg: Leg, viewer: Leg, body: bytes, kind: str) -> dict[int, list[DialogIds]]:
        """The dialogs in a body that others have, by a slot of each."""
        sought: dict[int, list[DialogIds]] = {}
        known: set[DialogIds] = set()

        def find(ids: DialogIds) -> DialogIds | None:
            slot = self._moves.slot_of_tag(ids.remote_tag)
            if slot < 0 or ids in known or len(known) >= QUESTIONS:
                return None
            if self._egress.find(ids.call_id, ids.remote_tag, ids.local_tag, leg.realm.name) is None:
                known.add(ids)
                sought.setdefault(slot, []).append(ids)
            return None

        try:
            rewrite_body(body, kind, View(viewer.realm.domain, self._egress.mint, find), rules_of(viewer))
        except BodyRefused:
            return {}  # told when it is dealt with
        return sought

    def answer(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks: which dialogs of ours stand on the viewer's side for those of the sender's."""
        found = [(ids, dialog_for(ids, sender, viewer, self._egress.dialogs)) for ids in questions]
        return [(ids, other) for ids, other in found if other is not None]

    def take(self, number: int, told: list[tuple[DialogIds, DialogIds]]) -> Waiting | None:
        """An answer has come: the message that waited for it alone, None where others are to come, or it went on."""
        waiting = self._waiting.get(number)
        if waiting is None:
            return None
        waiting.told.update(told)
        waiting.unanswered -= 1
        return self.go_on(waiting) if waiting.unanswered <= 0 else None

    def go_on(self, waiting: Waiting) -> Waiting | None:
        """It waits no more; None where it does not anyway."""
        waiting.next_timer = None
        return self._waiting.pop(waiting.number, None)
