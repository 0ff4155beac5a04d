"""How a message is turned away: answered with its own words only, or dropped; counted by name either way."""

from __future__ import annotations

from typing import Final

from sbc.build import build_response, marked_vias, reply_flow
from sbc.call import Incoming
from sbc.egress import NONE, Egress
from sbc.firewall import Verdict
from sbc.outputs import Dropped, DropReason, Refused
from sbc.sip import Fault, Fields, ParseError, Request, Response
from sbc.wire import Flow

RETRY_AFTER: Final[Fields] = [("Retry-After", "30")]


class Refusals:
    """Counts what is not served. `counters` has one entry a reason or status: its size is bounded by our own names."""

    def __init__(self, egress: Egress) -> None:
        self.egress: Final = egress
        self.counters: Final[dict[str, int]] = {}

    def malformed(self, error: ParseError, data: bytes, flow: Flow) -> None:
        """Bytes that do not parse: answered where it was a request with a Via, else dropped."""
        message = error.message
        detail = f"{error.fault.value}: {error}"[:200]
        if isinstance(message, Response) or data.lstrip()[:4].upper() == b"SIP/":
            self.drop(DropReason.MALFORMED_RESPONSE, flow, detail)
            return
        is_ack = data.lstrip()[:4].upper() == b"ACK " or (isinstance(message, Request) and message.method == "ACK")
        if not isinstance(message, Request) or is_ack or error.fault is Fault.OVERLONG:
            self.drop(DropReason.MALFORMED, flow, detail)
            return
        # RFC 3261 section 8.2.7: without a transaction the tag must be the same for each copy.
        seed = f"{flow.listener}\n{message.get('Call-ID')}\n{message.get('CSeq')}\n{message.get('From')}"
        tag = self.egress.mint.keyed_token(seed.encode("utf-8", "surrogateescape"))
        incoming = _answerable(message, flow, tag)
        if incoming is None:
            self.drop(DropReason.NO_VIA, flow, detail)
            return
        response = build_response(incoming, error.status, NONE, NONE, b"", "")
        self.egress.respond_statelessly(response, message, incoming.reply_flow)
        self.report(error.status, message.method, flow, detail)

    def refuse(self, incoming: Incoming, status: int, flow: Flow, detail: str, extra: Fields = NONE) -> None:
        """Answer with a failure and report it; `detail` is for the log."""
        self.egress.respond(incoming, status, extra=extra)
        self.report(status, incoming.method, flow, detail)

    def answer_verdict(self, incoming: Incoming, verdict: Verdict) -> None:
        """Answer with what the firewall found."""
        extra: Fields = []
        if verdict.status == 420:
            extra.append(("Unsupported", ", ".join(verdict.unsupported)))
        elif verdict.status == 415:
            extra.append(("Accept-Encoding", "identity"))
        self.egress.respond(incoming, verdict.status, extra=extra)

    def report(self, status: int, method: str, flow: Flow, detail: str) -> None:
        """A request was answered with a failure."""
        self.count(f"refused.{status}")
        self.egress.report(Refused(status, method[:32], flow, detail))

    def drop(self, reason: DropReason, flow: Flow, detail: str = "") -> None:
        """A message is discarded without an answer."""
        self.count(f"dropped.{reason.value}")
        self.egress.report(Dropped(reason, flow, detail))

    def count(self, name: str) -> None:
        """One more of `name`, which must be one of ours."""
        self.counters[name] = self.counters.get(name, 0) + 1


def _answerable(request: Request, flow: Flow, tag: str) -> Incoming | None:
    """A faulty request as far as it can be answered: to where it came from, with the Vias and tags it brought."""
    try:
        vias, back = marked_vias(request, flow), reply_flow(request, flow)
    except ParseError:
        vias, back = request.get_all("Via"), flow
    if not vias:
        return None
    return Incoming(request, vias, back, tag)
