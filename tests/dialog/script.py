"""Messages that make, confirm and refresh dialogs."""

from __future__ import annotations

from sbc.dialog import Dialog
from sbc.sip import Request, Response, parse_message
from sbc.wire import Flow

UDP = Flow(0, "UDP", "192.0.2.1", 5060)
TLS = Flow(1, "TLS", "192.0.2.1", 5061, 3)

ALICE = '"Alice" <sip:alice@example.com>'
BOB = "<sip:bob@example.com>"


def request(method: str, *headers: str, cseq: int = 1, to: str = BOB, uri: str = "sip:bob@example.com") -> Request:
    """A request of Alice, with further header lines."""
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa1",
        f"From: {ALICE};tag=alice",
        f"To: {to}",
        "Call-ID: c1",
        f"CSeq: {cseq} {method}",
        *headers,
        "",
        "",
    ]
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Request)
    return message


def response(status: int, *headers: str, tag: str = "bob", method: str = "INVITE") -> Response:
    """Bob's response to our request, with further header lines."""
    lines = [
        f"SIP/2.0 {status} Whatever",
        "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKours",
        f"From: {ALICE};tag=ours",
        f"To: {BOB}{';tag=' + tag if tag else ''}",
        "Call-ID: c1",
        f"CSeq: 7 {method}",
        *headers,
        "",
        "",
    ]
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Response)
    return message


def uac(answer: Response, flow: Flow = UDP) -> Dialog:
    """The dialog that Bob's response makes."""
    return Dialog.uac("c1", "ours", ALICE, BOB, 7, answer, flow)
