"""Calls that change their worker: a record with what only its first process had to know, and whose a record is."""

from __future__ import annotations

from typing import Final

from sbc.adoption.adopt import adopt
from sbc.adoption.codec import Reader, RecordError, pack
from sbc.call import Call
from sbc.mint import Mint, is_minted, slot_of
from sbc.outputs import Journal
from sbc.snapshot import Snapshot
from sbc.steering import Table
from sbc.wire import Now

_CONTACT: Final = 16
"""Where in a record the Contact of the A leg stands: made anew by whoever takes a call over."""


def pack_moved(call: Call, record: bytes) -> bytes:
    """The record of a call, and the transfers that it and its peers have seen."""
    a, b = call.caller_leg, call.b
    assert b is not None
    marks = [call.transfers, a.referred, a.allows_refer, b.referred, b.allows_refer]
    return pack([" ".join([str(int(mark)) for mark in marks]), str(len(record))], [record])


def unpack_moved(moved: bytes, snapshot: Snapshot, mint: Mint, engines: list[str], now: Now) -> Call:
    """The call again; `engines` and what it raises are those of `adopt`."""
    reader = Reader(moved)
    transfers, to_a, a_allows, to_b, b_allows = reader.numbers(5)
    record = reader.blob(reader.number())
    reader.finish()
    call = adopt(record, snapshot, mint, engines, now, is_acked=False)
    a, b = call.caller_leg, call.b
    assert b is not None
    call.transfers, a.referred, b.referred = transfers, to_a, to_b
    a.allows_refer, b.allows_refer = bool(a_allows), bool(b_allows)
    return call


def moved_tokens(moved: bytes) -> list[str]:
    """What names the call of a record that may be of no use otherwise."""
    try:
        reader = Reader(moved)
        reader.numbers(5)
        return _tokens(reader.blob(reader.number()))
    except RecordError:
        return []


def divide(live: list[Journal], table: Table, worker: int) -> tuple[list[Journal], dict[str, int]]:
    """Of all live calls of a node those that a worker is to adopt, and what names calls it has given away.

    A call is its holder's. Some that began here went to another worker for a transfer, and peers may still send what is
    theirs to us: by token of ours, a slot of who has the call.
    """
    own: list[Journal] = []
    gone: dict[str, int] = {}
    for one in live:
        slot = max(0, slot_of(_holder(one.record) or one.call))
        if table.owner(slot) == worker:
            own.append(one)
            continue
        for token in _tokens(one.record):
            if table.owner(slot_of(token)) == worker:
                gone[token] = slot
    return own, gone


def _holder(record: bytes) -> str:
    """A token of whoever holds the call of this record; empty where it cannot be read."""
    try:
        return Reader(record).texts(_CONTACT + 1)[_CONTACT]
    except RecordError:
        return ""


def _tokens(record: bytes) -> list[str]:
    """What was minted for the call of this record: tags, Contacts, Call-IDs; by whom each was says its slot."""
    try:
        lines = Reader(record).rest()
    except RecordError:
        return []
    return [line for line in lines if is_minted(line)]
