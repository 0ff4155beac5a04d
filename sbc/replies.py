"""The half of the one exit that answers: responses built, audited and handed to their transactions."""

from __future__ import annotations

from typing import Final

from sbc.build import build_response, has_tag
from sbc.call import Incoming
from sbc.config import Realm
from sbc.inspection import Inspection
from sbc.mint import Mint
from sbc.outputs import Transmit
from sbc.sip import Fields, Message, Request, Response, format_message
from sbc.snapshot import Snapshot
from sbc.transaction import (
    InviteServerTransaction,
    ResponseReceived,
    ServerTransaction,
    Terminated,
    TimedOut,
    Transaction,
    TransactionOutput,
    TransactionTable,
)
from sbc.wheel import Wheel
from sbc.wire import Flow, Now

_NONE: Final[Fields] = []
_DATAGRAM: Final = 65507
"""Bytes that a UDP datagram carries over IPv4."""


class Replies(Inspection):
    """Holds the transactions and their timers; `Egress` adds requests, calls and the rest."""

    def __init__(self, snapshot: Snapshot, mint: Mint, now: Now, recorded: int) -> None:
        super().__init__(snapshot, now, recorded)
        self.mint: Final = mint
        self.pending: list[TransactionOutput] = []
        """Outputs of transactions that only the engine can act on."""
        self.transactions: Final = TransactionTable()
        self.wheel: Final = Wheel()

    def respond(
        self,
        incoming: Incoming,
        status: int,
        crossing: Message | None = None,
        body: bytes = b"",
        content_type: str = "",
        extra: Fields = _NONE,
    ) -> bytes:
        """Build, audit and send a response; the bytes that were sent, empty where the audit withheld them."""
        if not incoming.is_open:
            return b""
        if not incoming.vias:
            incoming.status = status  # it stands in for a caller: nobody hears
            return b""
        if status > 100 and not incoming.local_tag and not has_tag(incoming.to):
            incoming.local_tag = self.mint.tag()
        leg = incoming.leg
        fields = leg.passage.cross(crossing, incoming.method) if leg is not None and crossing is not None else _NONE
        if fields and extra:
            named = [name for name, _ in extra]
            fields = [field for field in fields if field[0] not in named]  # ours outdoes what crosses: once each
        message = build_response(incoming, status, fields, extra, body, content_type)
        realm = leg.realm if leg is not None else self.realm_of(incoming.reply_flow)
        wire = sendable(self._finish(message, realm, leg, incoming.request), incoming.reply_flow.transport)
        if not wire:
            if 100 < status < 300:
                return b""
            minimal = format_message(build_response(incoming, status, _NONE, _NONE, b"", ""))
            wire = sendable(minimal, incoming.reply_flow.transport)
        incoming.status = status
        tx = incoming.tx
        if tx is None:
            return b""
        if not wire:
            self.run(tx, tx.abandon(self.now.monotonic))
            incoming.tx = None
            return b""
        self.record(leg.call.id if leg is not None else "", "out", incoming.reply_flow, wire)
        self.run(tx, tx.respond(status, wire, self.now.monotonic))
        if status >= 200:
            tx.user = None
            incoming.tx = None
        return wire

    def respond_statelessly(self, message: Response, request: Request, flow: Flow) -> None:
        """A response outside every transaction, to a request that could not be parsed whole."""
        wire = self._finish(message, self.realm_of(flow), None, request) or format_message(message)
        if not sendable(wire, flow.transport):
            return
        self.record("", "out", flow, wire)
        self.outputs.append(Transmit(wire, flow))

    def run(self, tx: Transaction, outputs: list[TransactionOutput]) -> None:
        """Send what a transaction wants sent, keep its timer armed, leave the rest to the engine."""
        for output in outputs:
            if isinstance(output, Transmit):
                self.outputs.append(output)
            elif isinstance(output, Terminated):
                self.transactions.remove(tx)
                if not outputs or not isinstance(outputs[0], TimedOut | ResponseReceived):
                    tx.user = None  # the wheel may hold it a while longer
            else:
                self.pending.append(output)
        deadline = tx.next_timer
        if deadline is not None:
            self.wheel.arm(tx, deadline)

    def realm_of(self, flow: Flow) -> Realm:
        """The realm a flow belongs to."""
        config = self.snapshot.config
        return config.realms[config.listeners[flow.listener].realm]

    def new_transaction(self, request: Request, key: str, flow: Flow) -> InviteServerTransaction | ServerTransaction:
        """A server transaction whose responses go to `flow`."""
        timers, time = self.snapshot.timers, self.now.monotonic
        tx: InviteServerTransaction | ServerTransaction
        if request.method == "INVITE":
            tx = InviteServerTransaction(key, request, flow, timers, time)
        else:
            tx = ServerTransaction(key, request, flow, timers, time)
        self.transactions.add(tx)
        return tx


def sendable(wire: bytes, transport: str) -> bytes:
    """Nothing of a message that no datagram can carry."""
    return wire if len(wire) <= _DATAGRAM or transport != "UDP" else b""
