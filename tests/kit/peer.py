"""A user agent by script: it sends what a test tells it to, and keeps what came; it decides nothing."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from sbc.sip import ParseError, Request, Response, parse_message
from sbc.wire import Flow

if TYPE_CHECKING:
    from tests.kit.node import Node

_serial = count(1)


def sdp(host: str, port: int = 4000, *, direction: str = "", version: int = 1, name: str = "secret-pbx") -> bytes:
    """A G.711 session description full of things that must not cross."""
    lines = [
        "v=0",
        f"o={name} 77{port} {version} IN IP4 {host}",
        f"s={name} session",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        f"a=tool:{name}",
    ]
    if direction:
        lines.append(f"a={direction}")
    return ("\r\n".join(lines) + "\r\n").encode()


class Peer:
    """One UDP user agent at `host:port`, speaking to one listener of the node."""

    def __init__(self, node: Node, name: str, host: str, listener: int, port: int = 5060) -> None:
        self.node = node
        self.name = name
        self.host = host
        self.port = port
        self.listener = listener
        self.inbox: list[Request | Response] = []
        self.wires: list[bytes] = []
        self.tag = f"{name}tag{next(_serial)}"
        self.call_id = f"{name}-call-{next(_serial)}@{host}"
        self.cseq = 100
        self.claims: str | None = None
        """Its Contact where that is another than its own address; empty for none at all."""
        self.remote = ""
        self.remote_tag = ""
        self.target = ""
        self.unread: list[bytes] = []
        """What could not be parsed: a 400 carries the faulty headers it answers."""
        self.sees_copies = False
        """Whether retransmissions come to the inbox too; `wires` has them in any case."""
        self.invite_sent: Request | None = None
        self.invite_got: Request | None = None

    # What came

    def take(self) -> Request | Response:
        """The oldest message not yet taken."""
        return self.inbox.pop(0)

    def expect_request(self, method: str) -> Request:
        """The oldest message, which must be a request of this method; answers to it go by `reply`."""
        message = self.take()
        assert isinstance(message, Request), message
        assert message.method == method, message
        if method == "INVITE":
            self.invite_got = message
            if not message.to_tag:
                self.call_id = message.call_id
            self.remote_tag = message.from_tag
            self.target = str(message.contacts[0].uri)
        return message

    def expect_response(self, status: int) -> Response:
        """The oldest message, which must be a response with this status."""
        message = self.take()
        while status != 100 and isinstance(message, Response) and message.status == 100:
            message = self.take()
        assert isinstance(message, Response), message
        assert message.status == status, message
        if message.to_tag and message.cseq.method == "INVITE" and 100 < status < 300:
            self.remote_tag = message.to_tag
            if message.contacts:
                self.target = str(message.contacts[0].uri)
        return message

    def idle(self) -> bool:
        """True where nothing waits to be taken."""
        return not self.inbox

    def deliver(self, data: bytes) -> None:
        """The wire's end."""
        is_copy = data in self.wires
        self.wires.append(data)
        if is_copy and not self.sees_copies:
            return
        try:
            self.inbox.append(parse_message(data))
        except ParseError:
            self.unread.append(data)

    # What is sent

    def send(self, text: str, body: bytes = b"") -> None:
        """Send a message written out, Content-Length added."""
        head = text.strip().replace("\r\n", "\n").replace("\n", "\r\n")
        self.raw(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.node.carry(data, Flow(self.listener, "UDP", self.host, self.port))

    def invite(self, number: str = "+493012345", body: bytes | None = None, extra: str = "") -> Request:
        """Call `number`; with an SDP offer unless `body` is empty."""
        offer = sdp(self.host) if body is None else body
        self.remote = f"<sip:{number}@sbc.example.net>"
        self.target = f"sip:{number}@sbc.example.net"
        return self.request("INVITE", offer, extra=extra)

    def request(
        self, method: str, body: bytes = b"", extra: str = "", content_type: str = "application/sdp"
    ) -> Request:
        """Send a request, inside the dialog where there is one."""
        self.cseq += 1
        tail = f";tag={self.remote_tag}" if self.remote_tag else ""
        remote = self.remote or f"<sip:peer@{self.host}>"
        kind = f"Content-Type: {content_type}\n" if body else ""
        text = (
            f"{method} {self.target} SIP/2.0\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{self.name}{next(_serial)};rport\n"
            f"Max-Forwards: 70\nFrom: <sip:{self.name}@{self.host}>;tag={self.tag}\nTo: {remote}{tail}\n"
            f"Call-ID: {self.call_id}\nCSeq: {self.cseq} {method}\n"
            f"{self._contact()}User-Agent: {self.name}-agent/9.9\n{extra}{kind}"
        )
        head = text.strip().replace("\n", "\r\n")
        data = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        message = parse_message(data)
        assert isinstance(message, Request)
        if method == "INVITE":
            self.invite_sent = message
        self.raw(data)
        return message

    def _contact(self) -> str:
        if self.claims is None:
            return f"Contact: <sip:{self.name}@{self.host}:{self.port}>\n"
        return f"Contact: {self.claims}\n" if self.claims else ""

    def reply(self, request: Request, status: int, body: bytes = b"", extra: str = "", tag: str = "") -> None:
        """Answer a request."""
        to = request.require("To")
        if status > 100 and not request.to_tag:
            to += f";tag={tag or self.tag}"
        lines = [f"SIP/2.0 {status} Reason of {self.name}"]
        lines += [f"Via: {via}" for via in request.vias]
        lines += [
            f"From: {request.require('From')}",
            f"To: {to}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.cseq}",
            *self._contact().splitlines(),
            f"Server: {self.name}-server/1.0",
        ]
        if extra:
            lines += extra.strip().split("\n")
        if body:
            lines.append("Content-Type: application/sdp")
        self.remote = request.require("From").partition(";tag=")[0]
        self.send("\n".join(lines), body)

    def ack(self, body: bytes = b"") -> None:
        """Acknowledge the 2xx of the last INVITE sent."""
        assert self.invite_sent is not None
        kind = "Content-Type: application/sdp\n" if body else ""
        self.send(
            f"ACK {self.target} SIP/2.0\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{self.name}{next(_serial)};rport\n"
            f"Max-Forwards: 70\nFrom: {self.invite_sent.require('From')}\nTo: {self.remote};tag={self.remote_tag}\n"
            f"Call-ID: {self.call_id}\nCSeq: {self.invite_sent.cseq.number} ACK\n{kind}".strip(),
            body,
        )

    def ack_failure(self, response: Response) -> None:
        """Acknowledge a 3xx to 6xx of the last INVITE sent."""
        invite = self.invite_sent
        assert invite is not None
        self.send(
            f"ACK {invite.request_uri} SIP/2.0\nVia: {invite.vias[0]}\nMax-Forwards: 70\n"
            f"From: {invite.require('From')}\nTo: {response.require('To')}\nCall-ID: {self.call_id}\n"
            f"CSeq: {invite.cseq.number} ACK"
        )

    def cancel(self) -> None:
        """Cancel the last INVITE sent."""
        invite = self.invite_sent
        assert invite is not None
        self.send(
            f"CANCEL {invite.request_uri} SIP/2.0\nVia: {invite.vias[0]}\nMax-Forwards: 70\n"
            f"From: {invite.require('From')}\nTo: {invite.require('To')}\nCall-ID: {self.call_id}\n"
            f"CSeq: {invite.cseq.number} CANCEL"
        )
