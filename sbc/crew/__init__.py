"""What the worker processes of a node share: a mailbox each, a ring for the journal each, counts of what trunks carry.

In: descriptors that the supervisor made and keeps, so that nothing in them is lost with a worker. Out: messages for the
worker that owns them, records for the one writer. What others read meanwhile is put there whole: `struct.pack_into`
writes zeros first.

Not for: SIP; who owns a message is `sbc.steering`'s word.
"""

from sbc.crew.counts import Counts, counts_memory
from sbc.crew.findings import Findings, findings_memory
from sbc.crew.letters import (
    Letter,
    open_letter,
    pack_answers,
    pack_call,
    pack_listener,
    pack_notes,
    pack_questions,
    seal,
    unpack_answers,
    unpack_call,
    unpack_listener,
    unpack_notes,
    unpack_questions,
)
from sbc.crew.mailbox import Mailbox, open_mailbox
from sbc.crew.marks import Marks, marks_memory
from sbc.crew.phones import Phones, phones_memory
from sbc.crew.ring import Ring, RingStore, ring_memory

__all__ = [
    "Counts",
    "Findings",
    "Letter",
    "Mailbox",
    "Marks",
    "Phones",
    "Ring",
    "RingStore",
    "counts_memory",
    "findings_memory",
    "marks_memory",
    "open_letter",
    "open_mailbox",
    "pack_answers",
    "pack_call",
    "pack_listener",
    "pack_notes",
    "pack_questions",
    "phones_memory",
    "ring_memory",
    "seal",
    "unpack_answers",
    "unpack_call",
    "unpack_listener",
    "unpack_notes",
    "unpack_questions",
]
