"""What is kept of an INVITE of ours whose call is over: its transaction stays for 32 s, the call need not.

RFC 6026 section 7.2 has an accepted INVITE wait for 64*T1, since copies of its 2xx and those of other forks may still
come. Copies get the ACK they had; another fork's 2xx gets an ACK and a BYE (RFC 3261 section 13.2.2.4).
"""

from __future__ import annotations

from typing import Final

from sbc.call import Call, CallState, Kind, Leg, Outgoing, spend
from sbc.config import Config
from sbc.media import Side
from sbc.mint import Mint
from sbc.outputs import Transmit
from sbc.topology import Learned
from sbc.transaction import ClientTransaction, TransactionState
from sbc.wire import Now


class Remains:
    """Stands in the place of an accepted INVITE: its ACKs by the callee's tag, and what one more is made of.

    Each ACK is kept with the flow it went by.
    """

    __slots__ = (
        "_listener",
        "_local_tag",
        "_local_uri",
        "_passage",
        "_realm",
        "_remote_uri",
        "acks",
        "call",
        "call_id",
        "cseq",
        "invited",
        "spent",
    )

    def __init__(self, out: Outgoing) -> None:
        leg = out.leg
        self.call: Final = leg.call.id
        self.acks: Final = out.acks
        self.cseq: Final = out.cseq
        self.spent: Final = out.spent
        self.invited: Final = out.flow
        self.call_id: Final = leg.call_id
        self._local_tag: Final = leg.local_tag
        self._local_uri: Final = leg.local_uri
        self._remote_uri: Final = leg.remote_uri
        self._realm: Final = leg.realm
        self._listener: Final = leg.listener
        self._passage: Final = leg.passage

    def repeated(self, tag: str) -> Transmit | None:
        """The ACK that this fork's 2xx had, None where it had none."""
        return self.acks.get(tag)

    def revived(self, config: Config, mint: Mint, learned: Learned, now: Now) -> Outgoing | None:
        """The INVITE of an ended call once more, for a fork that answers late; the caller's side is forgotten."""
        if self.invited is None:
            return None
        call = Call(self.call, config, mint, now)
        call.state = CallState.ENDED
        leg = Leg(call, Side.B, self._realm, self._listener, self.invited, self._passage, learned)
        leg.call_id, leg.local_tag = self.call_id, self._local_tag
        leg.local_uri, leg.remote_uri = self._local_uri, self._remote_uri
        learned.learn_own(leg.call_id, leg.local_tag)
        call.b = leg
        out = Outgoing(Kind.INVITE, leg, "INVITE")
        out.spent = self.spent
        out.cseq, out.flow, out.acks, out.done = self.cseq, self.invited, self.acks, True
        return out


def release(out: Outgoing) -> None:
    """Let a finished transaction go on without its call, which would stay in memory as long as it lingers."""
    tx = out.tx
    if tx is None or tx.user is not out:
        return
    if tx.state is TransactionState.COMPLETED:
        tx.user = None  # it absorbs copies by itself
    elif tx.state is TransactionState.ACCEPTED and out.leg.call.is_over and not isinstance(tx, ClientTransaction):
        spend(out)
        tx.user = Remains(out)
