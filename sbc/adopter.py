"""Takes over the calls of a process that is gone: from the journal into the tables of this engine."""

from __future__ import annotations

from typing import Final

from sbc.adoption import RecordError, Unadoptable, adopt, unpack_moved
from sbc.call import Call, Kind, Leg, Outgoing
from sbc.egress import Egress
from sbc.outputs import ACKED, CallAdopted, CallEnded, CallMoved, Journal
from sbc.sip import Response
from sbc.wire import Flow


class Adopter:
    """Makes adopted calls findable, gives them their places in trunks, and says what the dead process owed their peers.

    A call whose media engine is gone is adopted too; it goes on with another one once `Engine.media_lost` has been told
    of nobody. An un-ACKed 2xx is repeated by the call's own timer. The first record of the call here goes out with its
    adoption.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress: Final = egress

    def adopt(self, kept: Journal) -> None:
        """Go on with this call; one that cannot be gone on with is reported as ended, which drops its record."""
        egress = self._egress
        now = egress.now
        if kept.call in egress.calls:
            return
        try:
            call = adopt(
                kept.record,
                egress.snapshot,
                egress.mint,
                egress.placement.names,
                now,
                is_acked=kept.kind == ACKED,
            )
        except (RecordError, Unadoptable) as error:
            self._fail(kept.call, kept.wall, error)
            return
        self._enter(call)
        egress.report(CallAdopted(call.id, now.wall))
        egress.arm(call)

    def take_over(self, id_: str, record: bytes, *, keeps_contacts: bool = False) -> Call | None:
        """Go on with a call that another worker gives us, under Contacts of our own: peers come straight to us then.

        Where they do already, since it was the same worker's, it `keeps_contacts`.
        """
        egress = self._egress
        try:
            call = unpack_moved(record, egress.snapshot, egress.mint, egress.placement.names, egress.now)
        except (RecordError, Unadoptable) as error:
            self._fail(id_, egress.now.wall, error)
            return None
        for leg in (call.a, call.b):
            if leg is not None and not keeps_contacts:
                leg.contact = egress.mint.token()
                leg.learned.learn_own(leg.contact)
        self._enter(call)
        adopted = CallAdopted if keeps_contacts else CallMoved
        egress.report(adopted(call.id, egress.now.wall))
        egress.arm(call)
        return call

    def _fail(self, call: str, since: float, error: Exception) -> None:
        cause = f"not adopted: {error}"
        self._egress.report(
            CallEnded(call, since, since, self._egress.now.wall, "", "", "", "", "", 200, "sbc", cause, "")
        )

    def _enter(self, call: Call) -> None:
        egress = self._egress
        time = egress.now.monotonic
        egress.calls[call.id] = call
        egress.trunks.enter(call, call.config.trunks.get(call.caller_leg.trunk), time)
        if call.hops:
            egress.trunks.attempt(call, call.hops[0], True, time)
        for leg in (call.a, call.b):
            if leg is not None and leg.dialog is not None:
                egress.track(leg.dialog, leg)

    def acknowledge(self, response: Response, flow: Flow) -> bool:
        """A 2xx to an INVITE of the dead process in a call that was adopted: it gets its ACK. False: it is no such."""
        if not 200 <= response.status < 300 or response.cseq.method != "INVITE":
            return False
        egress = self._egress
        found = egress.dialogs.find(response.call_id, response.from_tag, response.to_tag)
        if found is None:
            return False
        dialog, leg = found
        assert isinstance(leg, Leg)
        if not leg.call.adopted_at or leg.call.is_over or egress.realm_of(flow).name != leg.realm.name:
            return False
        out = Outgoing(Kind.RESTORE, leg, "INVITE", dialog)
        out.cseq = response.cseq.number
        egress.acknowledge(out, dialog)
        return True
