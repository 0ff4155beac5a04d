"""RFC 3261 section 12: who a peer is to us between two transactions, and our 2xx until its ACK (section 13.3.1.4).

In: the messages that make, confirm and refresh a dialog, and the calls of the dialog's user. Out: what a request
inside the dialog needs (Request-URI, Route values, CSeq, next hop), and from `Answer` the outputs `Transmit` and
`AnswerUnacknowledged`.

Not for: building messages, deciding whether a request may come now (offer/answer, glare), ending a call.
"""

from sbc.dialog.answer import Answer, AnswerOutput, AnswerUnacknowledged
from sbc.dialog.dialog import Dialog, DialogState
from sbc.dialog.routes import record_routes, without_tag
from sbc.dialog.table import DialogStatistics, DialogTable

__all__ = [
    "Answer",
    "AnswerOutput",
    "AnswerUnacknowledged",
    "Dialog",
    "DialogState",
    "DialogStatistics",
    "DialogTable",
    "record_routes",
    "without_tag",
]
