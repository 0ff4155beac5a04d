"""What every message must hold, checked once, so that the typed accessors never raise behind the parser."""

from __future__ import annotations

from typing import Final

from sbc.sip.address import is_seen, remember
from sbc.sip.errors import Fault, ParseError
from sbc.sip.message import Fields, Message, Request, Response
from sbc.sip.names import SINGLE
from sbc.sip.params import split_list


def check(message: Request | Response) -> None:
    """The mandatory headers, once each and well formed (RFC 3261 sections 8.1.1 and 16.3); raises ParseError.

    Of a response to nobody's dialog (400 to 699) only what finds its transaction is checked: a stray header must not
    turn a refusal into a time-out.
    """
    first = message.index()
    has_repeats = len(first) != len(message.fields)
    if has_repeats:
        _check_repeats(message.fields)
    for name in _MANDATORY:
        value = first.get(name)
        if not value:
            raise ParseError(Fault.MISSING_HEADER, f"{name} is missing or empty")
        if len(value) > _LONGEST:
            raise ParseError(Fault.OVERLONG, f"{name} has {len(value)} characters")
    call_id = first["Call-ID"]
    if " " in call_id or "\t" in call_id:
        raise ParseError(Fault.HEADER_LINE, "Call-ID holds white space")
    cseq = message.cseq
    _ = message.top_via
    if not is_seen(first["From"]):
        _ = message.from_address
        remember(first["From"])
    if not is_seen(first["To"]):
        _ = message.to_address
        remember(first["To"])
    if isinstance(message, Request):
        if cseq.method != message.method:
            raise ParseError(Fault.CSEQ_METHOD, f"CSeq says {cseq.method}, the start line {message.method}")
        _check_request_uri(message)
        if first.get("Max-Forwards", "70") != "70":
            _ = message.max_forwards
    elif message.status >= 400:
        return
    contact = first.get("Contact")
    if contact is not None and (has_repeats or not is_seen(contact)):
        _check_contacts(message, contact)
    if not _TYPED.isdisjoint(first):
        _check_typed(message)


_LONGEST: Final = 4096  # characters of a field that transactions, dialogs and answers repeat and keep
_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
_TYPED: Final[frozenset[str]] = frozenset(
    {
        "Event",
        "Expires",
        "Join",
        "Min-SE",
        "RAck",
        "RSeq",
        "Record-Route",
        "Refer-To",
        "Replaces",
        "Route",
        "Session-Expires",
    }
)


def _check_repeats(fields: Fields) -> None:
    seen: set[str] = set()
    for name, value in fields:
        if name == "Via":
            split_list(value)
        elif name in SINGLE:
            if name in seen:
                raise ParseError(Fault.REPEATED_HEADER, f"{name} stands twice")
            seen.add(name)


def _check_request_uri(request: Request) -> None:
    """RFC 3261 section 19.1.1: neither brackets nor embedded headers in a Request-URI."""
    if request.request_uri[:1] == "<":
        raise ParseError(Fault.REQUEST_URI, "the Request-URI stands in brackets")
    if request.uri.headers:
        raise ParseError(Fault.REQUEST_URI, "the Request-URI holds headers")


def _check_contacts(message: Message, first: str) -> None:
    """RFC 3261 section 10.2.2: `*` stands alone."""
    if not message.is_contact_star:
        if len(message.contacts) == 1:
            remember(first)
    elif len(message.get_all("Contact")) > 1:
        raise ParseError(Fault.ADDRESS, "Contact has '*' beside other values")


def _check_typed(message: Message) -> None:
    first = message.index()
    if "Record-Route" in first:
        _ = message.record_routes
    if "Route" in first:
        _ = message.routes
    if "Session-Expires" in first:
        _ = message.session_expires
    if "Min-SE" in first:
        _ = message.min_se
    if "Expires" in first:
        _ = message.expires
    if "RSeq" in first:
        _ = message.rseq
    if "RAck" in first:
        _ = message.rack
    if "Refer-To" in first:
        _ = message.refer_to
    if "Replaces" in first:
        _ = message.replaces
        _check_invites(message, "Replaces")
    if "Join" in first:
        _check_invites(message, "Join")
    if "Event" in first:
        _ = message.event


def _check_invites(message: Message, name: str) -> None:
    """RFC 3891 section 3, RFC 3911 section 4: who takes a place sends an INVITE; ACK and CANCEL may repeat it."""
    if isinstance(message, Request) and message.method not in ("INVITE", "ACK", "CANCEL"):
        raise ParseError(Fault.PARAMETER, f"{name} in {message.method[:20]}")
