"""What a transaction tells its user: events in the past tense, beside `Transmit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sbc.outputs import Transmit
from sbc.sip import Request, Response

if TYPE_CHECKING:
    from sbc.transaction.client import ClientTransaction
    from sbc.transaction.invite_client import InviteClientTransaction
    from sbc.transaction.invite_server import InviteServerTransaction
    from sbc.transaction.server import ServerTransaction
    from sbc.transaction.states import Timer


class ResponseReceived:
    """A response for the transaction user: every provisional, the first final, and each copy of a 2xx to an INVITE."""

    __slots__ = ("response", "tx")

    def __init__(self, tx: InviteClientTransaction | ClientTransaction, response: Response) -> None:
        self.tx: Final = tx
        self.response: Final = response


class AckNeeded:
    """A 3xx to 6xx to an INVITE came: build the ACK (RFC 3261 section 17.1.1.3) and hand its bytes to `tx.acknowledge`.

    Always directly before the `ResponseReceived` of the same response, never for its copies.
    """

    __slots__ = ("response", "tx")

    def __init__(self, tx: InviteClientTransaction, response: Response) -> None:
        self.tx: Final = tx
        self.response: Final = response


class TimedOut:
    """No final response within 64*T1 (Timer B or F): act as if a 408 had come. `Terminated` follows at once."""

    __slots__ = ("tx",)

    def __init__(self, tx: InviteClientTransaction | ClientTransaction) -> None:
        self.tx: Final = tx


class AckReceived:
    """An ACK matched this transaction. `tx.state` Accepted: it is the dialog's to handle; otherwise it ends here.

    RFC 6026 section 7.1: an ACK to our 2xx matches only when the peer follows RFC 2543 or wrongly kept the branch.
    """

    __slots__ = ("ack", "tx")

    def __init__(self, tx: InviteServerTransaction, ack: Request) -> None:
        self.tx: Final = tx
        self.ack: Final = ack


class Terminated:
    """The transaction is over: take it out of the table. Always the last output of a machine.

    `timer` is what ended it, None for an ACK or a final response on a reliable transport and for `abandon`. Timer H
    says that our failure response was never acknowledged; Timer F on the server side, that the peer has given up
    waiting.
    """

    __slots__ = ("timer", "tx")

    def __init__(
        self,
        tx: InviteClientTransaction | ClientTransaction | InviteServerTransaction | ServerTransaction,
        timer: Timer | None = None,
    ) -> None:
        self.tx: Final = tx
        self.timer: Final = timer


TransactionOutput = Transmit | ResponseReceived | AckNeeded | TimedOut | AckReceived | Terminated
