"""How a message is turned away: answered with its own words only, or dropped; counted by name either way."""

from __future__ import annotations

from typing import Final

from sbc.build import build_response, marked_vias, reply_flow
from sbc.call import Incoming
from sbc.config import Config
from sbc.egress import Egress
from sbc.firewall import SHEDDABLE, Verdict, is_emergency
from sbc.outputs import Dropped, DropReason, Refused
from sbc.requests import NONE
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
        tag = self._tag(message, flow, message.get("CSeq"))
        incoming = _answerable(message, flow, tag, self.egress.snapshot.config)
        if incoming is None:
            self.drop(DropReason.NO_VIA, flow, detail)
            return
        response = build_response(incoming, error.status, NONE, NONE, b"", "")
        self.egress.respond_statelessly(response, message, incoming.reply_flow)
        self.report(error.status, message.method, flow, detail)

    def refuse(self, incoming: Incoming, status: int, flow: Flow, detail: str, extra: Fields = NONE) -> None:
        """Answer with a failure and report it; `detail` is for the log."""
        self._answer(incoming, status, extra)
        self.report(status, incoming.method, flow, detail)

    def shed(self, request: Request, flow: Flow) -> bool:
        """A request of which not even a transaction can be kept; False where it is to be served all the same.

        Strangers hear nothing: a flood comes from them. Calls for help from anybody else are let in.
        """
        if self._is_stranger(flow) or (request.method not in SHEDDABLE and not is_emergency(request)):
            self.drop(DropReason.OVERLOAD, flow, "limits.transactions")
            return True
        if is_emergency(request):
            return False
        back = reply_flow(request, flow, self.egress.snapshot.config)
        incoming = Incoming(request, marked_vias(request, flow), back, self._tag(request, flow, request.cseq.number))
        self.count("shed.limits.transactions")
        response = build_response(incoming, 503, NONE, RETRY_AFTER, b"", "")
        self.egress.respond_statelessly(response, request, back)
        self.report(503, request.method, flow, "limits.transactions")
        return True

    def absorbs(self, ack: Request, flow: Flow) -> bool:
        """Whether an ACK that belongs to nothing is for a refusal of ours without a transaction (section 8.2.7)."""
        return ack.to_tag != "" and ack.to_tag == self._tag(ack, flow, ack.cseq.number)

    def _answer(self, incoming: Incoming, status: int, extra: Fields) -> None:
        """To a stranger over UDP a refusal of its INVITE is sent once for each copy, and never by itself.

        Its source address may be somebody else's, and Timer G would make ten packets of one. Without a transaction the
        tag must be the same for each copy (RFC 3261 section 8.2.7).
        """
        tx, request = incoming.tx, incoming.request
        is_repeated = incoming.method != "INVITE" or incoming.reply_flow.is_reliable or incoming.leg is not None
        if is_repeated or tx is None or request is None or not self._is_stranger(incoming.reply_flow):
            self.egress.respond(incoming, status, extra=extra)
            return
        if not incoming.local_tag:
            incoming.local_tag = self._tag(request, incoming.reply_flow, request.cseq.number)
        self.egress.respond(incoming, status, extra=extra)
        self.egress.run(tx, tx.abandon(self.egress.now.monotonic))

    def _is_stranger(self, flow: Flow) -> bool:
        snapshot = self.egress.snapshot
        listener = snapshot.config.listeners[flow.listener]
        return snapshot.router.identify(listener, flow.host, flow.port, flow.names).is_stranger

    def _tag(self, message: Request, flow: Flow, cseq: object) -> str:
        seed = f"{flow.listener}\n{message.get('Call-ID')}\n{cseq}\n{message.get('From')}"
        return self.egress.mint.keyed_token(seed.encode("utf-8", "surrogateescape"))

    def answer_verdict(self, incoming: Incoming, verdict: Verdict) -> None:
        """Answer with what the firewall found."""
        extra: Fields = []
        if verdict.status == 420:
            extra.append(("Unsupported", ", ".join(verdict.unsupported)))
        elif verdict.status == 415:
            extra.append(("Accept-Encoding", "identity"))
        self._answer(incoming, verdict.status, extra)

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


def _answerable(request: Request, flow: Flow, tag: str, config: Config) -> Incoming | None:
    """A faulty request as far as it can be answered: to where it came from, with the Vias and tags it brought."""
    try:
        vias, back = marked_vias(request, flow), reply_flow(request, flow, config)
    except ParseError:
        vias, back = request.get_all("Via"), flow
    if not vias:
        return None
    return Incoming(request, vias, back, tag)
