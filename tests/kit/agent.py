"""A user agent with a will of its own: it calls, rings, answers, refuses, holds, cancels and hangs up on a seed.

It follows RFC 3261 with the transaction machines of the product (it is the peer, not what is tested), and notes what
the node does that no user agent should see: answers without offers, offers upon offers.
"""

from __future__ import annotations

from enum import Enum
from random import Random

from sbc.outputs import Transmit
from sbc.sip import Request, Response, parse_message
from sbc.transaction import (
    AckNeeded,
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ResponseReceived,
    ServerTransaction,
    Terminated,
    TimedOut,
    TimerValues,
    Transaction,
    TransactionOutput,
    TransactionTable,
    server_key,
)
from sbc.wire import Flow
from tests.kit.peer import sdp
from tests.kit.wire import Chaos


class Phase(Enum):
    """Where the agent's one call stands."""

    IDLE = "idle"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    TALKING = "talking"
    OVER = "over"


class Agent:
    """One endpoint of one call."""

    def __init__(self, chaos: Chaos, name: str, host: str, listener: int, random: Random) -> None:
        self.chaos = chaos
        self.name = name
        self.host = host
        self.listener = listener
        self.random = random
        self.table = TransactionTable()
        self.timers = TimerValues()
        self.phase = Phase.IDLE
        self.faults: list[str] = []
        self.call_id = f"{name}-{random.getrandbits(60):x}@{host}"
        self.tag = f"{name}{random.getrandbits(40):x}"
        self.remote_tag = ""
        self.target = ""
        self.local = f"<sip:{name}@{host}>"
        self.remote = ""
        self.cseq = random.randrange(1, 1000)
        self.remote_cseq = -1
        self.version = 0
        self.pending_offer = False
        """An offer of either side waits for its answer."""
        self.invite: Request | None = None
        self.invite_tx: InviteServerTransaction | None = None
        self.ours: Request | None = None
        self.ours_is_late = False
        self.settled = False
        """The first INVITE's offer has had its answer before the call was answered."""
        self.settled_tags: set[str] = set()
        """Early dialogs in which we, as the caller, have the answer."""
        self.said = b""
        """Our last session description."""
        self.unanswered = False
        self.acks: dict[tuple[int, str], bytes] = {}
        self.final: bytes = b""
        self.flow = Flow(listener, chaos.node.config.listeners[listener].transport, host, 5060)
        self.contact = f"sip:{name}@{host}" + (";transport=tcp" if self.flow.is_reliable else "")
        self.messages: list[bytes] = []
        self.elsewhere = f"sip:+4977@{host}"
        """Where it sends away to."""
        self.is_dead = False
        """It says nothing any more and hears nothing."""
        self.is_cancelled = False
        """It has taken its call back: what answers all the same gets ACK and BYE."""
        self.cancels: set[tuple[str, str]] = set()
        self.identity = ""
        """What its INVITE says beside what it must: lines that name people and places of its side."""
        self._due: dict[Transaction, float] = {}
        chaos.ends[(host, 5060)] = self.receive

    # Time

    def _watch(self, tx: Transaction) -> None:
        due = tx.next_timer
        if due is not None and self._due.get(tx) != due:
            self._due[tx] = due
            self.chaos.at(due, lambda: self._wake(tx))

    def _wake(self, tx: Transaction) -> None:
        due = tx.next_timer
        if due is not None and due <= self.chaos.time and not self.is_dead:
            self._run(tx, tx.handle_timer(self.chaos.time))

    def _start(self, tx: ClientTransaction | InviteClientTransaction) -> None:
        self.table.add(tx)
        self._run(tx, tx.start())

    def _insist(self, data: bytes, interval: float, end: float) -> None:
        """Repeat a 2xx until its ACK (RFC 3261 section 13.3.1.4), and hang up where none comes."""
        if self.final is not data or self.phase is not Phase.ANSWERED:
            return
        if self.chaos.time >= end:
            self.hang_up()
            return
        self._send(data)
        pause = min(2 * interval, self.timers.t2)
        self.chaos.later(pause, lambda: self._insist(data, pause, end))

    def die(self) -> None:
        """The power is cut."""
        self.is_dead = True
        self.chaos.ends.pop((self.host, 5060), None)

    @property
    def is_busy(self) -> bool:
        """True while it takes part in a call."""
        return self.phase not in (Phase.IDLE, Phase.OVER) and not self.is_dead

    def _send(self, data: bytes) -> None:
        if self.is_dead:
            return
        self.messages.append(data)
        self.chaos.to_node(data, self.flow)

    def _run(self, tx: Transaction, outputs: list[TransactionOutput]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self._send(output.data)
            elif isinstance(output, AckNeeded):
                self._run(output.tx, output.tx.acknowledge(self._failure_ack(output.response), self.chaos.time))
            elif isinstance(output, ResponseReceived):
                self._receive_response(output.response)
            elif isinstance(output, TimedOut):
                self._over()
            elif isinstance(output, Terminated):
                self.table.remove(tx)
                self._due.pop(tx, None)
        self._watch(tx)

    # What the agent does

    def offer(self) -> bytes:
        """A new session description of ours."""
        self.version += 1
        random = self.random
        direction = random.choice(["", "", "", "sendrecv", "sendonly", "inactive"]) if self.remote_tag else ""
        self.said = sdp(self.host, 4000 + 2 * random.randrange(100), version=self.version, direction=direction)
        return self.said

    def abilities(self, method: str) -> str:
        """What we say of ourselves in an INVITE, an UPDATE or a response to one; nothing, as an RFC 3261 agent."""
        return ""

    def dial(self, late: bool, number: str = "+49301234") -> None:
        """Call somebody on the other side."""
        self.phase = Phase.CALLING
        self.remote = f"<sip:{number}@sbc.example.net>"
        self.target = f"sip:{number}@sbc.example.net"
        self._invite(late)
        self.chaos.later(100, self._stop_calling)

    def _stop_calling(self) -> None:
        if self.phase is Phase.CALLING:
            self._cancel()

    def _invite(self, late: bool, offer: bytes = b"") -> None:
        body = b"" if late else offer or self.offer()
        self.ours_is_late = late
        self.pending_offer = not late
        self.ours = self._request("INVITE", body, extra="" if self.remote_tag else self.identity)
        tx = InviteClientTransaction(
            (self.ours.top_via.branch, "INVITE"), self.messages.pop(), self.flow, self.timers, self.chaos.time
        )
        self._start(tx)

    def act(self) -> None:
        """Do something at random that fits the phase."""
        roll = self.random.random()
        if self.phase is Phase.CALLING and self.ours is not None and roll < 0.5:
            self._cancel()
        elif self.phase is Phase.TALKING and self.ours is None and self.invite_tx is None:
            if roll < 0.4 and not self.pending_offer:
                self._invite(late=self.random.random() < 0.3)
            elif roll < 0.5:
                self._simple("INFO", b"Signal=1\r\n", "application/dtmf-relay")
            elif roll < 0.6:
                self._simple("MESSAGE", b"hello", "text/plain")
            elif roll < 0.7:
                self._simple("OPTIONS")
            else:
                self.hang_up()
        elif self.phase is Phase.RINGING and self.invite is not None:
            self._answer_invite(roll)

    def hang_up(self) -> None:
        """BYE where there is a call to end."""
        if self.phase in (Phase.TALKING, Phase.ANSWERED):
            self._simple("BYE")
            self._over()
        elif self.phase is Phase.CALLING:
            self._cancel()
        elif self.phase is Phase.RINGING and self.invite is not None:
            self._reply(self.invite, 480)
            self._over()

    def _over(self) -> None:
        self.phase = Phase.OVER
        self.final = b""

    def _simple(self, method: str, body: bytes = b"", kind: str = "", extra: str = "") -> Request:
        request = self._request(method, body, kind, extra)
        tx = ClientTransaction(
            (request.top_via.branch, method), self.messages.pop(), self.flow, self.timers, self.chaos.time
        )
        self._start(tx)
        return request

    def _cancel(self) -> None:
        invite = self.ours
        if invite is None:
            return
        self.is_cancelled = self.is_cancelled or self.phase is Phase.CALLING
        head = (
            f"CANCEL {invite.request_uri} SIP/2.0\r\nVia: {invite.vias[0]}\r\nMax-Forwards: 70\r\n"
            f"From: {invite.require('From')}\r\nTo: {invite.require('To')}\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {invite.cseq.number} CANCEL\r\nContent-Length: 0\r\n\r\n"
        )
        key = (invite.top_via.branch, "CANCEL")
        if key not in self.cancels:
            self.cancels.add(key)
            self._start(ClientTransaction(key, head.encode(), self.flow, self.timers, self.chaos.time))
            self.chaos.later(32, lambda: self._abandon(invite))

    def _abandon(self, invite: Request) -> None:
        """RFC 3261 section 9.1: an INVITE that was taken back is given up after 64*T1, whatever becomes of it."""
        tx = self.table._clients.get((invite.top_via.branch, "INVITE"))
        if self.ours is invite and isinstance(tx, InviteClientTransaction):
            self.ours = None
            self._run(tx, tx.abandon(self.chaos.time))
            self._over()

    # Building

    def _via(self) -> str:
        branch = f"z9hG4bK{self.name}{self.random.getrandbits(50):x}"
        return f"SIP/2.0/{self.flow.transport} {self.host}:5060;branch={branch};rport"

    def _request(self, method: str, body: bytes = b"", kind: str = "application/sdp", extra: str = "") -> Request:
        self.cseq += 1
        to = f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
        head = (
            f"{method} {self.target} SIP/2.0\r\nVia: {self._via()}\r\nMax-Forwards: 70\r\n"
            f"From: {self.local};tag={self.tag}\r\n"
            f"To: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {self.cseq} {method}\r\n"
            f"Contact: <{self.contact}>\r\nUser-Agent: {self.name}-agent/9.9\r\n{extra}"
            f"{self.abilities(method)}"
        )
        if body:
            head += f"Content-Type: {kind}\r\n"
        data = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.messages.append(data)
        message = parse_message(data)
        assert isinstance(message, Request)
        return message

    def _ack(self, number: int, tag: str, body: bytes) -> bytes:
        head = (
            f"ACK {self.target} SIP/2.0\r\nVia: {self._via()}\r\nMax-Forwards: 70\r\n"
            f"From: {self.local};tag={self.tag}\r\n"
            f"To: {self.remote};tag={tag}\r\nCall-ID: {self.call_id}\r\nCSeq: {number} ACK\r\n"
        )
        if body:
            head += "Content-Type: application/sdp\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _failure_ack(self, response: Response) -> bytes:
        assert self.ours is not None
        return (
            f"ACK {self.ours.request_uri} SIP/2.0\r\nVia: {response.vias[0]}\r\nMax-Forwards: 70\r\n"
            f"From: {response.require('From')}\r\nTo: {response.require('To')}\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {response.cseq.number} ACK\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def _reply(self, request: Request, status: int, body: bytes = b"", extra: str = "") -> bytes:
        data = self._response(request, status, body, extra)
        tx = self.table.match_request(request, self.flow)
        if isinstance(tx, InviteServerTransaction | ServerTransaction):
            self._run(tx, tx.respond(status, data, self.chaos.time))
        return data

    def _response(self, request: Request, status: int, body: bytes = b"", extra: str = "", tag: str = "") -> bytes:
        to = request.require("To")
        if status > 100 and not request.to_tag:
            to += f";tag={tag or self.tag}"
        head = f"SIP/2.0 {status} By {self.name}\r\n" + "".join([f"Via: {via}\r\n" for via in request.vias])
        head += (
            f"From: {request.require('From')}\r\nTo: {to}\r\nCall-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\n"
            f"Contact: <{self.contact if status != 302 else self.elsewhere}>\r\n{extra}"
        )
        if status < 300:
            head += self.abilities(request.method)
        if body:
            head += "Content-Type: application/sdp\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    # What comes

    def receive(self, data: bytes) -> None:
        """The wire's end."""
        if self.is_dead:
            return
        message = parse_message(data)
        now = self.chaos.time
        if isinstance(message, Response):
            tx = self.table.match_response(message)
            if tx is not None:
                self._run(tx, tx.receive(message, now))
            return
        server = self.table.match_request(message, self.flow)
        if server is not None:
            self._run(server, server.receive(message, now))
        elif message.method == "ACK":
            self._receive_ack(message)
        else:
            key = server_key(message, self.flow)
            fresh: InviteServerTransaction | ServerTransaction
            if message.method == "INVITE":
                fresh = InviteServerTransaction(key, message, self.flow, self.timers, now)
            else:
                fresh = ServerTransaction(key, message, self.flow, self.timers, now)
            self.table.add(fresh)
            self._watch(fresh)
            self._receive_request(message)

    def _receive_request(self, request: Request) -> None:
        method = request.method
        if method == "REFER" and "REFER" not in self.abilities("INVITE"):
            self.faults.append("REFER to an agent that lacks it")
        if method == "CANCEL":
            self._reply(request, 200)
            if self.phase is Phase.RINGING and self.invite is not None:
                self._reply(self.invite, 487)
                self._over()
            return
        if request.to_tag:
            if request.cseq.number <= self.remote_cseq and method != "BYE":
                self._reply(request, 500)
                return
            self.remote_cseq = max(self.remote_cseq, request.cseq.number)
        if method == "INVITE":
            self._receive_invite(request)
        elif self.phase is Phase.OVER and method != "BYE":
            self._reply(request, 481)
        elif method in ("PRACK", "UPDATE"):
            self._receive_extension(request)
        else:
            self._reply(request, 200)
            if method == "BYE":
                self.unanswered = False
                self._over()

    def _receive_invite(self, request: Request) -> None:
        if not request.to_tag:
            if self.phase is not Phase.IDLE:
                self._reply(request, 486)
                return
            self.phase = Phase.RINGING
            self.invite = request
            self.call_id, self.remote_tag = request.call_id, request.from_tag
            self.remote_cseq = request.cseq.number
            self.remote = request.require("From").partition(";tag=")[0]
            self.local = request.require("To")
            self.target = str(request.contacts[0].uri)
            self._reply(request, 100)
            self._ring(request)
            self.chaos.later(60, lambda: self._stop_ringing(request))
            return
        if self.phase is not Phase.TALKING:
            self._reply(request, 481 if self.phase is Phase.OVER else 500)
        elif self.ours is not None or self.pending_offer:
            self._reply(request, 491)
        elif self.random.random() < 0.2:
            self._reply(request, 488)
        else:
            self._accept(request)

    def _stop_ringing(self, invite: Request) -> None:
        if self.phase is Phase.RINGING and self.invite is invite:
            self._reply(invite, 480)
            self._over()

    def _receive_extension(self, request: Request) -> None:
        self.faults.append(f"{request.method} to an agent that lacks it")
        self._reply(request, 405)

    def _ring(self, request: Request) -> None:
        roll = self.random.random()
        if roll < 0.4:
            self._reply(request, 180)
        elif roll < 0.7 and request.body:
            self._reply(request, 183, self.offer())

    def _answer_invite(self, roll: float) -> None:
        invite = self.invite
        assert invite is not None
        if roll < 0.2:
            self._reply(invite, self.random.choice([486, 603, 404, 503, 302]))
            self._over()
        else:
            self.phase = Phase.ANSWERED
            self._accept(invite)

    def _accept(self, invite: Request) -> None:
        is_settled = self.settled and not invite.to_tag
        self.pending_offer = not invite.body and not is_settled
        self.phase = Phase.ANSWERED
        self.invite = invite
        self.final = final = self._reply(invite, 200, b"" if is_settled else self._answer_to(invite.body))
        end = self.chaos.time + 32
        self.chaos.later(0.5, lambda: self._insist(final, 0.5, end))

    def _answer_to(self, body: bytes) -> bytes:
        return self.offer()

    def _receive_ack(self, ack: Request) -> None:
        if self.phase is not Phase.ANSWERED or self.invite is None or ack.cseq.number != self.invite.cseq.number:
            return
        is_settled = self.settled and not self.invite.to_tag
        if ack.body and (self.invite.body or is_settled):
            self.faults.append("ACK with a body to our answer")
        # An ACK that leaves our offer unanswered is right only where a BYE follows (RFC 3261 section 13.2.2.4).
        self.unanswered = not ack.body and not self.invite.body and not is_settled
        self.phase = Phase.TALKING
        self.pending_offer = False
        self.final = b""

    def _receive_response(self, response: Response) -> None:
        if response.cseq.method != "INVITE" or (self.ours is None and response.status >= 300):
            if response.status in (408, 481) and response.cseq.method != "BYE" and response.cseq.method != "CANCEL":
                self.hang_up()
            return
        if response.status < 200:
            self._receive_provisional(response)
            return
        key = (response.cseq.number, response.to_tag)
        if response.status < 300:
            self._receive_answer(response, key)
            return
        self.ours = None
        self.pending_offer = False
        if self.phase is Phase.CALLING:
            self._over()
        elif response.status in (408, 481):
            self.hang_up()

    def _receive_provisional(self, response: Response) -> None:
        if response.get("RSeq") is not None:
            self.faults.append("reliable response to an agent that lacks it")

    def _receive_answer(self, response: Response, key: tuple[int, str]) -> None:
        if key in self.acks:
            self._send(self.acks[key])
            return
        is_settled = response.to_tag in self.settled_tags and self.phase is Phase.CALLING
        if bool(response.body) == is_settled:
            self.faults.append("2xx with a second answer" if is_settled else "2xx without a session description")
        self.remote_tag = response.to_tag
        self.target = str(response.contacts[0].uri)
        self.acks[key] = self._ack(
            response.cseq.number, response.to_tag, self.offer() if self.ours_is_late and not is_settled else b""
        )
        self._send(self.acks[key])
        self.ours = None
        self.pending_offer = False
        if self.phase is Phase.CALLING:
            self.phase = Phase.TALKING
            if self.is_cancelled:
                self.hang_up()
        elif self.phase is Phase.OVER:
            self._simple("BYE")
