"""A transfer that was accepted here, and what its asker is told of it: the implicit subscription of RFC 3515.

| state | input | next | said to the asker |
| --- | --- | --- | --- |
| placing | accepted | trying | NOTIFY 100, active |
| trying | a provisional response of the new callee | trying | NOTIFY with its status, where that is another one |
| trying | refused by policy, failed, or one of the two hung up | over | NOTIFY with the status, terminated |
| trying | the new callee answered, or the named dialog is there | joining | nothing |
| joining | the two are joined | over | NOTIFY 200, terminated |
| joining | they cannot be joined | over | NOTIFY with the status, terminated; its call is as it was |
| any | the asker subscribes again (SUBSCRIBE) | the same | NOTIFY with the last status, active |
| any | it ends its subscription (Expires: 0) | the same | NOTIFY with the last status, terminated; then nothing |
| any | the asker hangs up | the same | the NOTIFYs to come; its call ends unless the two are joined |

One NOTIFY is under way at a time, since they carry no number but their CSeq; what comes meanwhile replaces what waits
(RFC 3515 section 2.4.4 wants the last one only). With `Refer-Sub: false` (RFC 4488) nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sbc.call.exit import Exit
from sbc.call.parts import Incoming, Kind, Leg, Outgoing
from sbc.dialog import Dialog
from sbc.sip import SIPFRAG_CONTENT_TYPE, Fields, Request, status_fragment

if TYPE_CHECKING:
    from sbc.call.call import Call

SUBSCRIBED_SECONDS: Final = 240
"""What the subscription is said to last: longer than the new call may ring."""
_OVER: Final = "terminated;reason=noresource"
_ENDED: Final = "terminated;reason=timeout"


class Referral:
    """One transfer. `leg` is whose peer asked, `voice` and `dialog` are by which it is told, `call` its call.

    `invite` is the INVITE that the transferred peer would send, never seen on a wire; `referred_by` its Referred-By.
    """

    __slots__ = (
        "call",
        "dialog",
        "event",
        "invite",
        "is_adopted",
        "is_silent",
        "leg",
        "notify",
        "pending",
        "placed",
        "referred_by",
        "told",
        "voice",
    )

    def __init__(self, call: Call, leg: Leg, invite: Request, event: str, dialog: Dialog, voice: Leg) -> None:
        self.call: Final = call
        self.leg: Final = leg
        self.invite: Final = invite
        self.event: Final = event
        self.dialog: Final = dialog
        self.voice: Final = voice
        self.referred_by = False
        self.is_silent = False
        self.is_adopted = False
        """The call was the asker's own, which still rang."""
        self.placed: Call | None = None
        self.notify: Outgoing | None = None
        self.pending = 0
        self.told = 0
        """The last status that was said."""

    @property
    def is_over(self) -> bool:
        """True once a final status was said, or is about to be."""
        return self.told >= 200 or self.pending >= 200


def tell(referral: Referral, status: int, exit_: Exit, *, at_once: bool = False) -> None:
    """Say how the transfer is doing; `at_once` for a dialog that is about to end."""
    if referral.is_silent or referral.is_over or status == referral.told:
        return
    if referral.notify is not None and not at_once:
        referral.pending = status
        return
    _notify(referral, status, exit_)


def _notify(referral: Referral, status: int, exit_: Exit, over: str = "") -> None:
    referral.told, referral.pending = status, 0
    out = Outgoing(Kind.NOTIFY, referral.voice, "NOTIFY", referral.dialog)
    state = over or (f"active;expires={SUBSCRIBED_SECONDS}" if status < 200 else _OVER)
    fields: Fields = [("Event", referral.event), ("Subscription-State", state)]
    out.fields = fields
    referral.notify = out
    if not exit_.request(out, None, status_fragment(status), SIPFRAG_CONTENT_TYPE):
        referral.notify = None


def resubscribed(leg: Leg, incoming: Incoming, exit_: Exit) -> None:
    """A SUBSCRIBE in a call's dialog: of the asker for its transfer, to be told again or no more (RFC 3515 2.4.4).

    Others are not taken there: RFC 6665 section 4.5.2 wants a dialog for each subscription, and outside of calls they
    are. 489 says which event there is in a call, 481 that there is no such transfer (any more).
    """
    request, referral = incoming.request, leg.referral
    event = request.event if request is not None else None
    if request is None or event is None or event.package != "refer":
        exit_.respond(incoming, 489, extra=[("Allow-Events", "refer")])
        return
    if referral is None or referral.voice is not leg or referral.is_silent or referral.is_over:
        exit_.respond(incoming, 481)
        return
    if referral.event != (f"refer;id={event.id}" if event.id else "refer"):
        exit_.respond(incoming, 481)
        return
    asked = request.expires
    seconds = SUBSCRIBED_SECONDS if asked is None else min(asked, SUBSCRIBED_SECONDS)
    exit_.respond(incoming, 200, extra=[("Expires", str(seconds))])
    incoming.request = None
    if not seconds:
        _notify(referral, referral.told, exit_, _ENDED)
        referral.is_silent = True
    elif referral.notify is None:
        _notify(referral, referral.told, exit_)
    else:
        referral.pending = referral.told


def notified(out: Outgoing, status: int, exit_: Exit) -> None:
    """A final response to a NOTIFY of ours, or its time-out: a refusal ends the subscription alone (RFC 5057 5.2)."""
    referral = out.leg.referral
    out.done = True
    if referral is None or referral.notify is not out:
        return
    referral.notify = None
    if status >= 300:
        referral.is_silent = True
        referral.pending = 0
    elif referral.pending:
        _notify(referral, referral.pending, exit_)
