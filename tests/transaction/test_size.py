"""What lingers is small: 32 s of finished transactions are the first memory wall of a busy node."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from sbc.transaction import (
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ServerTransaction,
    TransactionTable,
    server_key,
)
from tests.transaction.script import UDP, T, request, response

COUNT = 250
RESPONSE = 400


def finished_server(number: int, table: TransactionTable) -> None:
    bye = request("BYE", branch=f";branch=z9hG4bK{number:022x}", to_tag="t1")
    tx = ServerTransaction(server_key(bye, UDP), bye, UDP, T, 0.0 + number)
    table.add(tx)
    tx.respond(200, bytes(bytearray(RESPONSE)), 1.0 + number)


def accepted_server(number: int, table: TransactionTable) -> None:
    invite = request("INVITE", branch=f";branch=z9hG4bK{number:022x}", call_id=f"{number:022x}")
    tx = InviteServerTransaction(server_key(invite, UDP), invite, UDP, T, 0.0 + number)
    table.add(tx)
    tx.respond(200, bytes(bytearray(RESPONSE)), 1.0 + number)


def finished_client(number: int, table: TransactionTable) -> None:
    tx = ClientTransaction((f"z9hG4bK{number:022x}", "BYE"), bytes(bytearray(RESPONSE)), UDP, T, 0.0 + number)
    table.add(tx)
    tx.receive(response(200, "BYE"), 1.0 + number)


def accepted_client(number: int, table: TransactionTable) -> None:
    key = (f"z9hG4bK{number:022x}", "INVITE")
    tx = InviteClientTransaction(key, bytes(bytearray(RESPONSE)), UDP, T, 0.0 + number)
    table.add(tx)
    tx.receive(response(200), 1.0 + number)


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (finished_server, 400 + RESPONSE),
        (accepted_server, 500),
        (finished_client, 420),
        (accepted_client, 420),
    ],
)
def test_a_lingering_transaction_with_its_place_in_the_table_fits(
    make: Callable[[int, TransactionTable], None], limit: int
) -> None:
    """Machine, key and table entries: the request is gone, and so is the response where nobody can ask for it."""
    table = TransactionTable()
    make(0, table)  # what is made once is not counted
    gc.freeze()  # nor looked at: the heap of a whole test run is large
    tracemalloc.start()
    try:
        for number in range(1, COUNT + 1):
            make(number, table)
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.unfreeze()

    assert len(table) == COUNT + 1
    assert used / COUNT < limit
