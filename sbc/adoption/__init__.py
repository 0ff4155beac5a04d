"""Calls that outlive their process: a confirmed call as a compact record, and a record as a call again.

In: calls, whenever an input has touched them. Out: `Journal` outputs, put before everything that the input sends, and
from `adopt` a call that another engine goes on with as if it had set it up itself.

Not for: keeping records (`sbc/journal`), and calls that nobody has answered yet: those die with their process.
"""

from sbc.adoption.adopt import CSEQ_GAP, Unadoptable, adopt
from sbc.adoption.codec import RecordError
from sbc.adoption.keeper import keep
from sbc.adoption.moved import divide, moved_tokens, pack_moved, unpack_moved
from sbc.adoption.needs import Needs, needs, without_engine
from sbc.adoption.take import take

__all__ = [
    "CSEQ_GAP",
    "Needs",
    "RecordError",
    "Unadoptable",
    "adopt",
    "divide",
    "keep",
    "moved_tokens",
    "needs",
    "pack_moved",
    "take",
    "unpack_moved",
    "without_engine",
]
