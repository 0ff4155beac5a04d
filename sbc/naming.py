"""Requests to names: what has to be asked of DNS first, and the next place after one that failed (RFC 3263)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from sbc.call import Call, Outgoing, Sending
from sbc.config import Listener
from sbc.locating import LateAck, Locations, listener_to
from sbc.mint import Mint
from sbc.outputs import Lookup
from sbc.reach import fit_places
from sbc.records import Located, Sought
from sbc.replies import Replies
from sbc.routing import NextHop, Place
from sbc.sip import Message, Uri
from sbc.snapshot import Snapshot
from sbc.wire import Flow, Now


class Naming(Replies):
    """The part of the one exit that knows where names lead; `Egress` sends there."""

    def __init__(self, snapshot: Snapshot, mint: Mint, now: Now, recorded: int) -> None:
        super().__init__(snapshot, mint, now, recorded)
        self.locations: Final = Locations()
        self.resumed: list[Call] = []
        """Calls that go on: what they waited for is known; as `failed`."""
        self.places_changed = False
        """Names of targets lead elsewhere than before: the prober wants to know."""
        self.failed: list[Outgoing] = []
        """Requests that could not be sent at all; the engine tells their calls once the input is dealt with."""
        self._lookups = 0

    @abstractmethod
    def _launch(
        self,
        out: Outgoing,
        crossing: Message | None,
        body: bytes,
        content_type: str,
        max_forwards: int,
        uri: Uri,
        listener: Listener,
        host: str,
        port: int,
        bound: Flow | None = None,
    ) -> bool:
        """Build the message for this place, or for a flow, and send it; False where the audit withheld it."""

    def places(self, call: Call, hop: NextHop) -> list[NextHop] | None:
        """Where the name of a target leads; None: the call waits, and goes on by `resumed`."""
        places = self.located_places(hop)
        if places is None:
            self.locations.wait(self.snapshot.router.sought(hop), call)
        return places

    def located_places(self, hop: NextHop) -> list[NextHop] | None:
        """The same where nobody waits; None: it is asked for."""
        router = self.snapshot.router
        located = self._located(router.sought(hop))
        return router.places(hop, located, self.draw, self.now.monotonic) if located is not None else None

    def draw(self, bound: int) -> int:
        """An even random number in [0, bound)."""
        return self.mint.number(62) % bound

    def another(self, out: Outgoing) -> bool:
        """The next place of a request in a dialog, after one that failed (RFC 3263 section 4.3); False without one."""
        sending, flow = out.sending, out.flow
        if sending is None or not sending.places or flow is None or out.cancel_wanted:
            return False
        self.locations.shun(Place(flow.transport, flow.host, flow.port), self.now.monotonic)
        if out.tx is not None:
            out.tx.user = None
        return self._to_place(sending)

    def _set_out(self, sending: Sending, located: Located) -> bool:
        out, dialog = sending.out, sending.out.dialog
        sending.places = self.locations.places(out.leg, located, dialog, self.draw, self.now.monotonic)
        if dialog is not None:
            sending.places = fit_places(self.snapshot, out.leg, dialog, sending.places)
            if not sending.places:
                return self._to_seen(sending, dialog.flow)
        if not sending.places:
            self.failed.append(out)
            return True
        if len(sending.places) > 1:
            out.sending = sending
        return self._to_place(sending)

    def _to_seen(self, sending: Sending, seen: Flow) -> bool:
        """The peer of a dialog is there, wherever the name in its Contact leads."""
        return self._launch(
            sending.out,
            sending.crossing,
            sending.body,
            sending.content_type,
            sending.max_forwards,
            sending.uri,
            self.snapshot.config.listeners[seen.listener],
            seen.host,
            seen.port,
            seen,
        )

    def _to_place(self, sending: Sending) -> bool:
        out, place = sending.out, sending.places.pop(0)
        listener = listener_to(out.leg, place)
        return self._launch(
            out,
            sending.crossing,
            sending.body,
            sending.content_type,
            sending.max_forwards,
            sending.uri,
            listener,
            place.host,
            place.port,
        )

    def _located(self, sought: Sought) -> Located | None:
        located = self.locations.find(sought, self.now.monotonic)
        if located is None:
            self.ask(sought)
            located = self.locations.find(sought, self.now.monotonic)  # an old answer serves meanwhile
        return located

    def follow_names(self) -> None:
        """Locate the targets that are written as names, now and whenever the answer has run out: calls need not wait,
        and who calls from there is recognised."""
        soughts = self.snapshot.router.soughts
        self.locations.follow(soughts)
        for sought in soughts:
            self.ask(sought)

    def ask(self, sought: Sought) -> None:
        """Have a name located, unless that is under way."""
        if self.locations.is_asked(sought):
            return
        self._lookups += 1
        self.outputs.append(Lookup(self._lookups, sought))
        deadline = self.locations.ask(self._lookups, sought, self.now.monotonic)
        self.wheel.arm(deadline, deadline.deadline)

    def located(self, lookup: int, located: Located) -> bool:
        """Send what waited for a name, or note it as failed; False where nobody waits for that look-up."""
        now = self.now.monotonic
        answered = self.locations.take(lookup, located, now)
        if answered is None:
            return False
        if answered.watch is not None and answered.watch.next_timer is not None:
            self.wheel.arm(answered.watch, answered.watch.next_timer)
        self.places_changed |= self.snapshot.router.note_located(answered.sought, answered.located, now)
        for waiting in answered.waiting:
            if isinstance(waiting, Call):
                self.resumed.append(waiting)
            elif isinstance(waiting, LateAck):
                self.acknowledge(waiting.out, waiting.dialog, waiting.body)
            elif not waiting.out.cancel_wanted and not self._set_out(waiting, answered.located):
                self.failed.append(waiting.out)
        return True
