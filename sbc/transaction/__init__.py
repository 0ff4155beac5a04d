"""RFC 3261 section 17 with RFC 6026 and RFC 4320: four machines in four files, and the table that finds them.

In: parsed messages, the transaction user's finished bytes, and `handle_timer(now)` once `next_timer` has come. Out:
lists of `Transmit` and of events for the transaction user. Each machine is laid out to be read beside its figure;
an input for which its state has no arrow changes nothing and returns an empty list. Nothing here raises, whatever
the peer sends.

Not for: building or changing a message (ACK and CANCEL are asked for by value and kept as bytes), repeating a 2xx (the
dialog's duty, RFC 3261 section 13.3.1.4), Timer C, choosing a destination.
"""

from sbc.transaction.client import ClientTransaction
from sbc.transaction.invite_client import InviteClientTransaction
from sbc.transaction.invite_server import InviteServerTransaction
from sbc.transaction.keys import server_key
from sbc.transaction.outputs import (
    AckNeeded,
    AckReceived,
    ResponseReceived,
    Terminated,
    TimedOut,
    TransactionOutput,
)
from sbc.transaction.server import ServerTransaction
from sbc.transaction.states import Timer, TimerValues, TransactionState
from sbc.transaction.table import ClientSide, ServerSide, Transaction, TransactionStatistics, TransactionTable

__all__ = [
    "AckNeeded",
    "AckReceived",
    "ClientSide",
    "ClientTransaction",
    "InviteClientTransaction",
    "InviteServerTransaction",
    "ResponseReceived",
    "ServerSide",
    "ServerTransaction",
    "Terminated",
    "TimedOut",
    "Timer",
    "TimerValues",
    "Transaction",
    "TransactionOutput",
    "TransactionState",
    "TransactionStatistics",
    "TransactionTable",
    "server_key",
]
