"""Taking a finding out of a message, where the message can live without the field."""

from __future__ import annotations

from typing import Final

from sbc.sip import Message, Request, Response
from sbc.topology.audit.audit import Finding

MANDATORY: Final[frozenset[str]] = frozenset(
    {
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Route",
        "Record-Route",
        "Require",
        "Proxy-Require",
        "RSeq",
        "RAck",
        "Event",
        "Subscription-State",
        "Refer-To",
        "Replaces",
        "Session-Expires",
    }
)
"""Fields without which a message would be another message, or none (RFC 3261 section 20, tables 2 and 3)."""
_DIALOG_FORMING: Final[frozenset[str]] = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "REFER", "UPDATE"})


def clean(message: Request | Response, findings: list[Finding]) -> Request | Response | None:
    """`message` without the optional fields that the findings name; None where a mandatory one or the body is named.

    Not for ACK, BYE and CANCEL that cannot be cleaned: the engine rebuilds those from nothing but what they must hold.
    """
    named = {finding.place for finding in findings}
    if not named.isdisjoint(MANDATORY) or "start-line" in named or "body" in named:
        return None
    if "Contact" in named and _needs_contact(message):
        return None
    if message.body and "Content-Type" in named:
        return None
    fields = [(name, value) for name, value in message.fields if name not in named]
    if isinstance(message, Request):
        return Request(message.method, message.request_uri, fields, message.body)
    return Response(message.status, message.reason_phrase, fields, message.body)


def _needs_contact(message: Message) -> bool:
    """RFC 3261 sections 8.1.1.8 and 12.1.1: requests and answers that form a dialog or move its target."""
    if isinstance(message, Request):
        return message.method in _DIALOG_FORMING
    method = (message.get("CSeq") or "").rpartition(" ")[2]
    return isinstance(message, Response) and message.status < 300 and method in _DIALOG_FORMING
