"""Words for conversations with a machine: messages on one side, what comes out as short lines on the other."""

from __future__ import annotations

from collections.abc import Sequence

from sbc.outputs import Transmit
from sbc.sip import Request, Response, parse_message
from sbc.transaction import (
    AckNeeded,
    AckReceived,
    ResponseReceived,
    Terminated,
    TimedOut,
    TimerValues,
    Transaction,
    TransactionOutput,
)
from sbc.wire import Flow

T = TimerValues()
UDP = Flow(0, "UDP", "192.0.2.1", 5060)
TCP = Flow(1, "TCP", "192.0.2.1", 5060, 7)
INSIDE = Flow(2, "UDP", "192.0.2.1", 5060)


def request(
    method: str,
    *,
    branch: str = ";branch=z9hG4bKa1",
    sent_by: str = "192.0.2.1",
    cseq: str = "",
    to_tag: str = "",
    uri: str = "sip:bob@example.com",
    call_id: str = "c1",
    from_tag: str = "f1",
) -> Request:
    """A request as parsed from the wire; CSeq is 1 and the method's unless given."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {sent_by}{branch}",
        f"From: <sip:alice@example.com>;tag={from_tag}",
        f"To: <sip:bob@example.com>{';tag=' + to_tag if to_tag else ''}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq or f'1 {method}'}",
        "Max-Forwards: 70",
        "",
        "",
    ]
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Request)
    return message


def response(status: int, method: str = "INVITE", *, branch: str = "z9hG4bKours", to_tag: str = "t1") -> Response:
    """A response as parsed from the wire."""
    lines = [
        f"SIP/2.0 {status} Whatever",
        f"Via: SIP/2.0/UDP 198.51.100.1:5060;branch={branch}",
        "From: <sip:alice@example.com>;tag=f1",
        f"To: <sip:bob@example.com>;tag={to_tag}",
        "Call-ID: c1",
        f"CSeq: 1 {method}",
        "",
        "",
    ]
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Response)
    return message


def said(outputs: Sequence[TransactionOutput]) -> list[str]:
    """Outputs as lines: `send …`, `up 180`, `ack? 486`, `timed out`, `ack`, `end B`, `end`."""
    return [_line(output) for output in outputs]


def _line(output: TransactionOutput) -> str:
    match output:
        case Transmit(data=data):
            return f"send {data.decode()}"
        case ResponseReceived(response=answer):
            return f"up {answer.status}"
        case AckNeeded(response=answer):
            return f"ack? {answer.status}"
        case TimedOut():
            return "timed out"
        case AckReceived():
            return "ack"
        case Terminated(timer=timer):
            return "end" if timer is None else f"end {timer.value}"


def run_out(tx: Transaction, limit: int = 40) -> list[tuple[float, list[str]]]:
    """Fire each timer at its very deadline until none is left: [(when, what came out)]."""
    fired: list[tuple[float, list[str]]] = []
    while tx.next_timer is not None:
        assert len(fired) < limit, "the timers never end"
        now = tx.next_timer
        fired.append((now, said(tx.handle_timer(now))))
    return fired
