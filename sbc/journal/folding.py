"""Many records of one moment as what is left to do: a call that begins and ends within it needs nothing but its end."""

from __future__ import annotations

from collections.abc import Sequence

from sbc.outputs import ACKED, CallEnded, CallMeasured, Journal, Record


def folded(records: Sequence[Record]) -> tuple[list[Journal], list[str], list[CallEnded]]:
    """The last whole record of each call that goes on (ACKED, where an ACK came after it), who had an ACK beside
    those, what ended. What is told of media is nobody's business here.
    """
    whole: dict[str, Journal] = {}
    acked: dict[str, None] = {}
    ended: list[CallEnded] = []
    for record in records:
        if isinstance(record, CallEnded):
            whole.pop(record.call, None)
            acked.pop(record.call, None)
            ended.append(record)
        elif isinstance(record, CallMeasured):
            continue
        elif record.kind == ACKED:
            acked[record.call] = None
        else:
            whole[record.call] = record
            acked.pop(record.call, None)
    kept = [Journal(one.call, ACKED, one.wall, one.record) if one.call in acked else one for one in whole.values()]
    return kept, [call for call in acked if call not in whole], ended
