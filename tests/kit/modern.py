"""An agent that knows reliable provisional responses, UPDATE and session timers, as far as its seed says."""

from __future__ import annotations

from random import Random

from sbc.sip import Request, Response
from tests.kit.agent import Agent, Phase
from tests.kit.wire import Chaos


class ModernAgent(Agent):
    """RFC 3262, 3311 and 4028 on top of `Agent`; each of the three is there or not."""

    def __init__(self, chaos: Chaos, name: str, host: str, listener: int, random: Random) -> None:
        self.has_100rel = random.random() < 0.7
        self.has_update = random.random() < 0.7
        self.interval = random.choice([0, 0, 90, 200])
        """The session interval it asks for; it never refreshes by itself but at random."""
        self.requires = self.has_100rel and random.random() < 0.2
        self.min_se = random.choice([90, 90, 600]) if self.interval else 0
        self.refresher = random.choice(["", ";refresher=uac", ";refresher=uas"])
        super().__init__(chaos, name, host, listener, random)
        self.heard = b""
        self.rseq = random.randrange(1, 1000)
        self.waiting = b""
        """Our reliable response without its PRACK."""
        self.answers_next = False
        self.got_rseq: dict[str, int] = {}
        self.offered_in: set[int] = set()
        """CSeq numbers of requests of ours that carry an offer; one in each early dialog."""

    def abilities(self, method: str) -> str:
        if method not in ("INVITE", "UPDATE"):
            return ""
        lines = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
        lines += (", PRACK" if self.has_100rel else "") + (", UPDATE\r\n" if self.has_update else "\r\n")
        supported = [tag for tag, has in (("100rel", self.has_100rel), ("timer", self.interval > 0)) if has]
        return lines + (f"Supported: {', '.join(supported)}\r\n" if supported else "")

    def _request(self, method: str, body: bytes = b"", kind: str = "application/sdp", extra: str = "") -> Request:
        if method == "INVITE" and self.requires:
            extra += "Require: 100rel\r\n"
        if method in ("INVITE", "UPDATE") and self.interval:
            extra += f"Session-Expires: {self.interval}{self.refresher}\r\n"
        return super()._request(method, body, kind, extra)

    def _reply(self, request: Request, status: int, body: bytes = b"", extra: str = "") -> bytes:
        if request.method in ("INVITE", "UPDATE") and 200 <= status < 300 and self.interval:
            asked = request.session_expires
            if asked is not None:
                refresher = asked.refresher or self.random.choice(["uac", "uas"])
                extra += f"Session-Expires: {asked.seconds};refresher={refresher}\r\n"
        if request is self.invite and status >= 200:
            self.waiting = b""
        return super()._reply(request, status, body, extra)

    def _receive_request(self, request: Request) -> None:
        asked = request.session_expires
        if request.method in ("INVITE", "UPDATE") and asked is not None and asked.seconds < self.min_se:
            self._reply(request, 422, b"", f"Min-SE: {self.min_se}\r\n")
        else:
            super()._receive_request(request)

    # As the callee

    def _ring(self, request: Request) -> None:
        if not self.has_100rel or "100rel" not in request.tokens("Supported") or self.random.random() < 0.2:
            super()._ring(request)
            return
        with_sdp = not request.body or self.random.random() < 0.7
        self._ring_reliably(request, 183 if with_sdp else 180, self.offer() if with_sdp else b"")

    def _ring_reliably(self, request: Request, status: int, body: bytes) -> None:
        self.rseq += 1
        self.pending_offer = self.pending_offer or (bool(body) and not request.body)
        self.waiting = wire = self._reply(request, status, body, f"Require: 100rel\r\nRSeq: {self.rseq}\r\n")
        end = self.chaos.time + 32
        self.chaos.later(0.5, lambda: self._repeat(wire, 0.5, end))

    def _repeat(self, wire: bytes, interval: float, end: float) -> None:
        """RFC 3262 section 3: until the PRACK, and where none comes the INVITE is refused."""
        if self.waiting is not wire:
            return
        if self.phase is not Phase.RINGING:
            self.waiting = b""
        elif self.chaos.time >= end and self.invite is not None:
            self._reply(self.invite, 504)
            self._over()
        else:
            self._send(wire)
            self.chaos.later(2 * interval, lambda: self._repeat(wire, 2 * interval, end))

    def _answer_invite(self, roll: float) -> None:
        invite = self.invite
        assert invite is not None
        if self.settled and self.has_update and not self.pending_offer and not self.waiting and roll > 0.7:
            self._update(offers=roll > 0.8)
        elif self.settled and not self.waiting and roll > 0.6:
            self._ring_reliably(invite, 180, b"")
        elif self.waiting and roll >= 0.2:
            self.answers_next = True  # RFC 3262 section 3: a 2xx waits
        else:
            super()._answer_invite(roll)

    def _receive_extension(self, request: Request) -> None:
        if request.method == "UPDATE" and not self.has_update:
            self.faults.append("UPDATE to an agent that lacks it")
            self._reply(request, 405)
        elif request.method == "UPDATE":
            self._receive_update(request)
        elif not self.has_100rel:
            self.faults.append("PRACK to an agent that lacks it")
            self._reply(request, 405)
        else:
            self._receive_prack(request)

    def _receive_prack(self, prack: Request) -> None:
        rack = prack.rack
        if not self.waiting or self.invite is None or rack is None or rack.rseq != self.rseq:
            self._reply(prack, 481)
            return
        has_sdp = b"\r\nContent-Type: application/sdp" in self.waiting
        self.waiting = b""
        if bool(prack.body) != (has_sdp and not self.invite.body):
            self.faults.append("PRACK with a second answer" if prack.body else "PRACK without the answer")
        self._reply(prack, 200)
        if has_sdp:
            self.settled = True
            self.pending_offer = False
            self.heard = prack.body or self.invite.body
        if self.answers_next:
            self.answers_next = False
            super()._answer_invite(1.0)

    def _receive_update(self, update: Request) -> None:
        is_early = self.phase in (Phase.CALLING, Phase.RINGING)
        if not update.body:
            self._reply(update, 200)
        elif self.pending_offer or self.waiting or (self.ours is not None and not is_early):
            self._reply(update, 491)
        elif is_early and not self.settled:
            self.faults.append("UPDATE with an offer before the answer")
            self._reply(update, 500)
        elif self.phase is Phase.ANSWERED:
            self._reply(update, 500)
        elif self.random.random() < 0.2:
            self._reply(update, 488)
        else:
            self._reply(update, 200, self._answer_to(update.body))

    def _answer_to(self, body: bytes) -> bytes:
        if body and body == self.heard and self.said:
            return self.said
        self.heard = body
        return self.offer()

    # As the caller

    def _receive_provisional(self, response: Response) -> None:
        rseq = response.rseq
        if rseq is None or self.phase is not Phase.CALLING or self.ours is None:
            return
        if not self.has_100rel:
            super()._receive_provisional(response)
            return
        before = self.got_rseq.get(response.to_tag)
        if before is not None and rseq != before + 1:
            return
        self.got_rseq[response.to_tag] = rseq
        self.remote_tag = response.to_tag
        self.target = str(response.contacts[0].uri)
        answer = self.offer() if response.body and self.ours_is_late else b""
        if response.body:
            if response.to_tag in self.settled_tags:
                self.faults.append("reliable response with a second answer")
            self.settled_tags.add(response.to_tag)
            self.settled = True
            self.pending_offer = False
        offers = bool(response.body) and not self.ours_is_late and self.random.random() < 0.3
        body = self.offer() if offers else answer
        kind = "application/sdp" if body else ""
        prack = self._simple("PRACK", body, kind, f"RAck: {rseq} {response.cseq}\r\n")
        if offers:
            self.pending_offer = True
            self.offered_in.add(prack.cseq.number)

    def act(self) -> None:
        roll = self.random.random()
        talks = self.phase is Phase.TALKING and self.ours is None and self.invite_tx is None
        early = self.phase is Phase.CALLING and self.remote_tag in self.settled_tags and self.has_update
        if (talks or early) and not self.pending_offer and not self.offered_in and roll < 0.5:
            if early or (self.has_update and roll < 0.25):
                self._update(offers=self.random.random() < 0.7)
            elif self.said:
                self._invite(late=False, offer=self.said)  # a refresh
        else:
            super().act()

    def _update(self, offers: bool) -> None:
        body = b""
        if offers:
            body = self.said if self.said and self.random.random() < 0.3 else self.offer()
        update = self._simple("UPDATE", body, "application/sdp" if body else "")
        if offers:
            self.pending_offer = True
            self.offered_in.add(update.cseq.number)

    def _receive_response(self, response: Response) -> None:
        method = response.cseq.method
        if method in ("PRACK", "UPDATE") and response.status >= 200:
            is_offer = response.cseq.number in self.offered_in
            if is_offer:
                self.offered_in.remove(response.cseq.number)
                self.pending_offer = bool(self.offered_in)
            if response.status < 300 and bool(response.body) != is_offer:
                self.faults.append(f"{method} answered wrongly")
        if method != "PRACK":
            super()._receive_response(response)
