"""Finding transactions: copies, ACK, CANCEL, merged requests, and peers of RFC 2543."""

from __future__ import annotations

from sbc.sip import Request
from sbc.transaction import (
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ServerTransaction,
    TransactionState,
    TransactionTable,
    server_key,
)
from sbc.wire import Flow
from tests.transaction.script import INSIDE, UDP, T, request, response, said

BUSY = b"SIP/2.0 486 Busy Here\r\nTo: <sip:bob@example.com>;tag=t1\r\n\r\n"
OLD = ";branch=1"


def invite_server(invite: Request, table: TransactionTable, flow: Flow = UDP) -> InviteServerTransaction:
    tx = InviteServerTransaction(server_key(invite, flow), invite, flow, T, 0.0)
    table.add(tx)
    return tx


def server(incoming: Request, table: TransactionTable) -> ServerTransaction:
    tx = ServerTransaction(server_key(incoming, UDP), incoming, UDP, T, 0.0)
    table.add(tx)
    return tx


# Ours


def test_response_finds_the_transaction_of_its_branch_and_method() -> None:
    """RFC 3261 section 17.1.3: a CANCEL shares the branch of its INVITE."""
    table = TransactionTable()
    invite = InviteClientTransaction(("z9hG4bKours", "INVITE"), b"INVITE", UDP, T, 0.0)
    cancel = ClientTransaction(("z9hG4bKours", "CANCEL"), b"CANCEL", UDP, T, 0.0)
    table.add(invite)
    table.add(cancel)

    assert table.match_response(response(200)) is invite
    assert table.match_response(response(200, "CANCEL")) is cancel
    assert table.match_response(response(200, "BYE")) is None
    assert table.match_response(response(200, branch="z9hG4bKother")) is None


def test_removed_is_not_found_and_removing_twice_is_harmless() -> None:
    """A Terminated may be handled after the call has cleaned up."""
    table = TransactionTable()
    tx = ClientTransaction(("z9hG4bKours", "BYE"), b"BYE", UDP, T, 0.0)
    table.add(tx)
    table.remove(tx)
    table.remove(tx)

    assert table.match_response(response(200, "BYE")) is None
    assert len(table) == 0


def test_removing_a_replaced_transaction_leaves_its_successor() -> None:
    """Keys are unique while they are minted well; the table does not depend on it."""
    table = TransactionTable()
    old = ClientTransaction(("z9hG4bKours", "BYE"), b"BYE", UDP, T, 0.0)
    new = ClientTransaction(("z9hG4bKours", "BYE"), b"BYE", UDP, T, 0.0)
    table.add(old)
    table.add(new)
    table.remove(old)

    assert table.match_response(response(200, "BYE")) is new

    first = invite_server(request("INVITE"), table)
    second = invite_server(request("INVITE"), table)
    table.remove(first)

    assert table.match_request(request("INVITE"), UDP) is second


# The peers'


def test_copy_and_ack_find_the_invite() -> None:
    """RFC 3261 section 17.2.3."""
    table = TransactionTable()
    tx = invite_server(request("INVITE"), table)

    assert table.match_request(request("INVITE"), UDP) is tx
    assert table.match_request(request("ACK", to_tag="t1"), UDP) is tx
    assert table.match_request(request("ACK", to_tag="t1", branch=";branch=z9hG4bKnew"), UDP) is None
    assert table.match_request(request("CANCEL"), UDP) is None
    assert table.match_request(request("INVITE"), INSIDE) is None


def test_copy_finds_a_request_that_is_no_invite() -> None:
    """RFC 3261 section 17.2.3."""
    table = TransactionTable()
    tx = server(request("OPTIONS"), table)

    assert table.match_request(request("OPTIONS"), UDP) is tx
    assert table.match_request(request("ACK"), UDP) is None


def test_cancel_names_the_invite_with_its_branch() -> None:
    """RFC 3261 section 9.2: and nothing but an INVITE."""
    table = TransactionTable()
    tx = invite_server(request("INVITE"), table)
    server(request("OPTIONS", branch=";branch=z9hG4bKo"), table)

    assert table.find_invite(request("CANCEL"), UDP) is tx
    assert table.find_invite(request("CANCEL", branch=";branch=z9hG4bKo"), UDP) is None
    assert table.find_invite(request("CANCEL", sent_by="192.0.2.9"), UDP) is None
    assert table.find_invite(request("CANCEL"), INSIDE) is None


def test_cancel_still_finds_an_invite_that_was_answered() -> None:
    """RFC 3261 section 9.2: it has no effect then, but gets its 200 and not a 481."""
    table = TransactionTable()
    tx = invite_server(request("INVITE"), table)
    tx.respond(200, b"200", 1.0)

    assert table.find_invite(request("CANCEL"), UDP) is tx


# RFC 2543


def test_old_copy_finds_its_invite() -> None:
    """RFC 3261 section 17.2.3, without the cookie."""
    table = TransactionTable()
    tx = invite_server(request("INVITE", branch=OLD), table)

    assert table.match_request(request("INVITE", branch=OLD), UDP) is tx
    assert table.match_request(request("INVITE", branch=OLD, cseq="2 INVITE"), UDP) is None


def test_old_ack_needs_the_to_tag_of_our_response() -> None:
    """RFC 3261 section 17.2.3: the INVITE had none."""
    table = TransactionTable()
    tx = invite_server(request("INVITE", branch=OLD), table)
    tx.respond(486, BUSY, 1.0)

    assert table.match_request(request("ACK", branch=OLD, to_tag="t1"), UDP) is tx
    assert table.match_request(request("ACK", branch=OLD, to_tag="t2"), UDP) is None
    assert table.match_request(request("ACK", branch=OLD, to_tag="t1", uri="sip:other@x"), UDP) is None


def test_old_ack_is_absorbed_again_in_confirmed() -> None:
    """RFC 3261 section 17.2.1: copies of the ACK end at the transaction, whose response is gone by then."""
    table = TransactionTable()
    tx = invite_server(request("INVITE", branch=OLD), table)
    tx.respond(486, BUSY, 1.0)
    ack = request("ACK", branch=OLD, to_tag="t1")
    assert said(tx.receive(ack, 1.1)) == ["ack"]

    assert table.match_request(ack, UDP) is tx
    assert tx.receive(ack, 1.2) == []


def test_old_ack_to_a_reinvite_is_found_by_the_tag_it_always_had() -> None:
    """RFC 3261 section 17.2.3, inside a dialog."""
    table = TransactionTable()
    tx = invite_server(request("INVITE", branch=OLD, to_tag="t1"), table)
    tx.respond(486, BUSY, 1.0)

    assert table.match_request(request("ACK", branch=OLD, to_tag="t1"), UDP) is tx


def test_old_ack_does_not_match_a_request_of_another_method() -> None:
    """RFC 3261 section 17.2.3."""
    table = TransactionTable()
    server(request("OPTIONS", branch=OLD, cseq="1 OPTIONS"), table)

    assert table.match_request(request("ACK", branch=OLD, to_tag="t1"), UDP) is None


def test_old_cancel_names_its_invite() -> None:
    """RFC 3261 section 9.2, without the cookie."""
    table = TransactionTable()
    tx = invite_server(request("INVITE", branch=OLD), table)

    assert table.find_invite(request("CANCEL", branch=OLD), UDP) is tx
    assert table.find_invite(request("CANCEL", branch=OLD, cseq="2 CANCEL"), UDP) is None


# Merged requests


def merged(table: TransactionTable, incoming: Request, flow: Flow) -> bool:
    """What is asked of a new transaction, added or not."""
    tx = ServerTransaction(server_key(incoming, flow), incoming, flow, T, 0.0)
    return table.first_way(tx) is not None


def test_the_same_request_on_another_way_is_merged() -> None:
    """RFC 3261 section 8.2.2.2: the second copy that a proxy forked to us gets 482."""
    table = TransactionTable()
    invite_server(request("INVITE"), table)
    fork = request("INVITE", branch=";branch=z9hG4bKa2", sent_by="192.0.2.9")

    assert merged(table, fork, UDP)
    assert merged(table, fork, INSIDE)
    assert not merged(table, request("INVITE"), UDP), "a copy is no fork"
    assert not merged(table, request("INVITE", branch=";branch=z9hG4bKa2", cseq="2 INVITE"), UDP)


def test_merging_ends_with_the_first_transaction_not_with_the_refused_one() -> None:
    """RFC 3261 section 8.2.2.2: as long as the first is ongoing."""
    table = TransactionTable()
    first = invite_server(request("INVITE"), table)
    second = invite_server(request("INVITE", branch=";branch=z9hG4bKa2"), table)
    third = request("INVITE", branch=";branch=z9hG4bKa3")

    table.remove(second)
    assert merged(table, third, UDP)
    table.remove(first)
    assert not merged(table, third, UDP)
    assert table._merged == {}


def test_requests_in_a_dialog_are_not_merged() -> None:
    """RFC 3261 section 8.2.2.2: only without a To tag."""
    table = TransactionTable()
    server(request("INFO", to_tag="t1"), table)

    assert not merged(table, request("INFO", to_tag="t1", branch=";branch=z9hG4bKa2"), UDP)
    assert table._merged == {}


def test_an_answered_transaction_still_merges() -> None:
    """RFC 3261 section 8.2.2.2: although the machine has dropped its request."""
    table = TransactionTable()
    invite_server(request("INVITE"), table).respond(200, b"200", 1.0)

    assert merged(table, request("INVITE", branch=";branch=z9hG4bKa2"), UDP)


# Numbers


def test_statistics_count_by_kind_and_state() -> None:
    """What `sbc status` prints."""
    table = TransactionTable()
    table.add(InviteClientTransaction(("z9hG4bK1", "INVITE"), b"", UDP, T, 0.0))
    table.add(InviteClientTransaction(("z9hG4bK2", "INVITE"), b"", UDP, T, 0.0))
    table.add(ClientTransaction(("z9hG4bK3", "BYE"), b"", UDP, T, 0.0))
    invite_server(request("INVITE"), table).respond(486, BUSY, 0.0)
    server(request("OPTIONS"), table)

    snapshot = table.statistics()

    assert snapshot.invite_client == {TransactionState.CALLING: 2}
    assert snapshot.client == {TransactionState.TRYING: 1}
    assert snapshot.invite_server == {TransactionState.COMPLETED: 1}
    assert snapshot.server == {TransactionState.TRYING: 1}
    assert len(table) == 5
