"""Finds the transaction that a message belongs to (RFC 3261 sections 17.1.3, 17.2.3, 9.2, 8.2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sbc.sip import Request, Response
from sbc.transaction.client import ClientTransaction
from sbc.transaction.invite_client import InviteClientTransaction
from sbc.transaction.invite_server import InviteServerTransaction
from sbc.transaction.keys import client_key, has_cookie, key_as, old_key, server_key
from sbc.transaction.server import ServerTransaction
from sbc.transaction.states import TransactionState
from sbc.wire import Flow

ClientSide = InviteClientTransaction | ClientTransaction
ServerSide = InviteServerTransaction | ServerTransaction
Transaction = InviteClientTransaction | ClientTransaction | InviteServerTransaction | ServerTransaction


@dataclass(frozen=True, slots=True)
class TransactionStatistics:
    """How many transactions of each kind are in which state; states without one are left out."""

    invite_client: Mapping[TransactionState, int]
    client: Mapping[TransactionState, int]
    invite_server: Mapping[TransactionState, int]
    server: Mapping[TransactionState, int]


class TransactionTable:
    """All living transactions of an engine, ours and the peers'.

    Holds what is added until it is removed; it drives no timers and hands nothing to the machines that it finds.
    """

    __slots__ = ("_clients", "_merged", "_servers")

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], ClientSide] = {}
        self._servers: dict[str, ServerSide] = {}
        self._merged: dict[str, ServerSide] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def add(self, tx: Transaction) -> None:
        """Make a new transaction findable, before its first output leaves."""
        if isinstance(tx, InviteServerTransaction | ServerTransaction):
            self._servers[tx.key] = tx
            if tx.merge_key:
                self._merged.setdefault(tx.merge_key, tx)
        else:
            self._clients[tx.key] = tx

    def remove(self, tx: Transaction) -> None:
        """Forget a transaction; one that is not there, or was replaced under its key, is no error."""
        if isinstance(tx, InviteServerTransaction | ServerTransaction):
            if self._servers.get(tx.key) is tx:
                del self._servers[tx.key]
            if tx.merge_key and self._merged.get(tx.merge_key) is tx:
                del self._merged[tx.merge_key]
        elif self._clients.get(tx.key) is tx:
            del self._clients[tx.key]

    def match_response(self, response: Response) -> ClientSide | None:
        """The transaction whose request this answers (section 17.1.3). Who sent it is for the caller to compare."""
        return self._clients.get(client_key(response))

    def match_request(self, request: Request, flow: Flow, key: str = "") -> ServerSide | None:
        """The transaction that this is a copy of, or the INVITE's for an ACK (section 17.2.3).

        `key` is `server_key` of both, where the caller has it at hand.
        """
        tx = self._servers.get(key or server_key(request, flow))
        if tx is None and request.method == "ACK" and not has_cookie(request):
            return self._match_old_ack(request, flow)
        return tx

    def _match_old_ack(self, ack: Request, flow: Flow) -> InviteServerTransaction | None:
        # The INVITE had no To tag yet; the ACK has the one of our response.
        tx = self._servers.get(old_key(ack, flow, "INVITE", ""))
        return tx if isinstance(tx, InviteServerTransaction) and tx.is_answered_as(ack.to_tag) else None

    def clients_toward(self, flow: Flow) -> list[ClientSide]:
        """Our transactions that sent to this very flow and have had no answer; costs a walk.

        What was sent to another connection of the same peer, or had one opened for it, is not failed by the end of
        this one: a request that arrived all the same would have its answer find nobody.

        One that was answered is not failed by what happens to other packets: the peer was there, and anybody can send
        the ICMP error that says it is not (RFC 5927).
        """
        return [
            tx
            for tx in self._clients.values()
            if tx.flow.port == flow.port
            and tx.flow.host == flow.host
            and tx.flow.listener == flow.listener
            and tx.flow.connection == flow.connection
            and (tx.state is TransactionState.CALLING or tx.state is TransactionState.TRYING)
        ]

    def find_invite(self, cancel: Request, flow: Flow) -> InviteServerTransaction | None:
        """The INVITE that a CANCEL names, whatever its state (section 9.2); None is a 481."""
        tx = self._servers.get(key_as(cancel, flow, "INVITE"))
        return tx if isinstance(tx, InviteServerTransaction) else None

    def first_way(self, tx: ServerSide) -> ServerSide | None:
        """The same request as it came before on another way (section 8.2.2.2): this one is to be answered with 482.

        Whether both are one sender's is for the caller to say.
        """
        first = self._merged.get(tx.merge_key) if tx.merge_key else None
        return first if first is not None and first.key != tx.key else None

    def statistics(self) -> TransactionStatistics:
        """A snapshot; costs a walk over the table."""
        clients = self._clients.values()
        servers = self._servers.values()
        return TransactionStatistics(
            invite_client=_count([tx.state for tx in clients if isinstance(tx, InviteClientTransaction)]),
            client=_count([tx.state for tx in clients if isinstance(tx, ClientTransaction)]),
            invite_server=_count([tx.state for tx in servers if isinstance(tx, InviteServerTransaction)]),
            server=_count([tx.state for tx in servers if isinstance(tx, ServerTransaction)]),
        )


def _count(states: Iterable[TransactionState]) -> dict[TransactionState, int]:
    counts: dict[TransactionState, int] = {}
    for state in states:
        counts[state] = counts.get(state, 0) + 1
    return counts
