"""The way out of a call, as it asks for it: the engine stands behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import rtpengine
from sbc.call.etags import EntityTag
from sbc.call.parts import NO_FIELDS, Incoming, Leg, Outgoing
from sbc.dialog import Dialog
from sbc.media import MediaSession
from sbc.outputs import Event, Transmit
from sbc.routing import NextHop
from sbc.sip import Address, Fields, Message, Response
from sbc.wire import Flow

if TYPE_CHECKING:
    from sbc.call.call import Call
    from sbc.call.referral import Referral


class Exit(Protocol):
    """The one way out of a call, given by the engine. It never calls back into the call before it returns."""

    def request(
        self,
        out: Outgoing,
        crossing: Message | None = None,
        body: bytes = b"",
        content_type: str = "",
        max_forwards: int = 70,
    ) -> bool:
        """Build, audit and send a request; False where the audit withheld it."""

    def respond(
        self,
        incoming: Incoming,
        status: int,
        crossing: Message | None = None,
        body: bytes = b"",
        content_type: str = "",
        extra: Fields = NO_FIELDS,
    ) -> bytes:
        """Build, audit and send a response; the bytes that were sent, empty where the audit withheld them."""

    def acknowledge(self, out: Outgoing, dialog: Dialog, body: bytes = b"") -> None:
        """Send the ACK to a 2xx and keep it for copies of that 2xx (RFC 3261 section 13.2.2.4)."""

    def repeat_ack(self, out: Outgoing, remote_tag: str) -> None:
        """Send the kept ACK once more."""

    def cancel(self, out: Outgoing) -> None:
        """Send CANCEL for an INVITE that has had a provisional response (section 9.1)."""

    def media(self, call: Call, command: rtpengine.Command) -> None:
        """Ask the media engine; where `call.step` is set its reply comes back to `receive_media`."""

    def places(self, call: Call, hop: NextHop) -> list[NextHop] | None:
        """Where the name of a target leads, best first; None: the call is to go on (`resume`) once that is known."""

    def answers_challenge(self, out: Outgoing, response: Response) -> bool:
        """Whether a 401 or 407 is for us to answer: the request is to be sent again then, and bears credentials."""

    @property
    def lag(self) -> float:
        """Seconds that messages wait for their turn here."""

    def patience(self, hop: NextHop, other: NextHop) -> float:
        """Seconds to wait for any word of a next hop while there is another one; 0: as long as its transaction does."""

    def callee_leg(self, call: Call, hop: NextHop) -> Leg | None:
        """A fresh B leg toward a target; None where no listener of its realm speaks its transport and family."""

    def named(self, call_id: str, local_tag: str, remote_tag: str, trunk: str, flow: Flow) -> Leg | None:
        """The leg of a dialog of ours that `trunk`, speaking by `flow`, may name from elsewhere; None: no such one."""

    def place(self, referral: Referral) -> None:
        """Place the call that a transfer asks for, through policy and routing, once this input is dealt with."""

    def stand_in(self, call: Call, leg: Leg) -> Leg:
        """A leg in the place of one that will come to this call: same realm, listener and peer, no dialog."""

    def joined(self, new: Leg, place: Leg) -> None:
        """Two legs have exchanged their places: what may cross to them, and whose trunk they count for."""

    def displaced(self, call: Call) -> bool:
        """The call's media engine is silent: it is taken to another one once it is up. False: there is none."""

    def reanchored(self, call: Call, former: MediaSession) -> None:
        """Both peers talk to the media engine that the call has now, and no more to that of its former session."""

    def arm(self, call: Call) -> None:
        """The call's next timer may have changed; needed for calls other than the one whose input this is."""

    def transmit(self, output: Transmit) -> None:
        """Send finished, audited bytes once more."""

    def returned(self, out: Outgoing, response: Response | None) -> Fields:
        """What else the asker of a relayed request must be told: challenges, the Contacts of a REGISTER."""

    def redirected(self, call: Call, out: Outgoing, contacts: list[Address]) -> list[NextHop]:
        """The hops behind the Contacts of a 3xx that policy lets this call go to."""

    def body(self, leg: Leg, message: Message) -> tuple[bytes, str] | None:
        """The body of a message of the other leg, and its type, as this leg may see it; None where it must not."""

    def entity_tag(self, token: str, realm: str) -> EntityTag | None:
        """The entity tag behind one that we have shown to this realm; None where there is none."""

    def track(self, dialog: Dialog, leg: Leg) -> None:
        """Let requests in this dialog find the leg."""

    def forget(self, dialog: Dialog) -> None:
        """The dialog is over."""

    def health(self, hop: NextHop, alive: bool) -> None:
        """A target answered, or failed to."""

    def report(self, event: Event) -> None:
        """Tell the operator."""

    def ended(self, call: Call) -> None:
        """Nothing more will come of this call but late answers to what it sent."""
