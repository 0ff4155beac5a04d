"""A scripted user agent: a UDP socket, a reader of messages and a writer of them. For races and for messages no peer
would send.

It keeps no state machines: the test says each step. `expect` skips copies of what was already seen, unless asked for
them.
"""

from __future__ import annotations

import itertools
import socket
import time

from tests.rig.namespaces import entered
from tests.rig.tokens import COMPACT

_numbers = itertools.count(1000)


class Message:
    """A request or response as a list of (lower-case long name, value), with its bytes."""

    def __init__(self, data: bytes, source: tuple[str, int]) -> None:
        self.data = data
        self.source = source
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        self.start = lines[0]
        self.headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            short = name.strip().lower()
            self.headers.append((COMPACT.get(short, short), value.strip()))
        parts = [*self.start.split(" ", 2), "", ""]
        self.status = int(parts[1]) if parts[0] == "SIP/2.0" and parts[1].isdigit() else 0
        self.method = "" if self.status else parts[0]
        self.uri = "" if self.status else parts[1]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for header, value in self.headers if header == name]

    def get(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next(iter(self.all(name)), "")

    @property
    def cseq_method(self) -> str:
        """The method a response answers."""
        return self.get("cseq").split()[-1]

    def tag(self, name: str) -> str:
        """The tag of From or To."""
        return self.get(name).partition(";tag=")[2].split(";")[0]

    @property
    def target(self) -> str:
        """The Contact's URI."""
        contact = self.get("contact")
        return contact[contact.index("<") + 1 : contact.index(">")] if "<" in contact else contact.split(";")[0]

    def __repr__(self) -> str:
        return f"<{self.start} / {self.get('cseq')}>"


class NothingHeard(AssertionError):
    """The message that was waited for did not come; `heard` tells what did."""


class Ua:
    """One end of a dialog, or of several if the test keeps what `invite` returned."""

    def __init__(self, namespace: str, host: str, port: int, node: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with entered(namespace):
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.host, self.port, self.node = host, port, node
        self.heard: list[Message] = []
        self._waiting: list[Message] = []
        self._seen: set[bytes] = set()

    @property
    def address(self) -> str:
        """host:port as in a URI."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def close(self) -> None:
        """Vanish."""
        self._socket.close()

    def send(self, data: bytes | str, to: tuple[str, int] | None = None) -> None:
        """Send bytes, to the node unless told otherwise."""
        self._socket.sendto(data if isinstance(data, bytes) else data.encode(), to or self.node)

    def receive(self, timeout: float = 5.0) -> Message | None:
        """The next datagram, or None."""
        self._socket.settimeout(max(timeout, 0.001))
        try:
            data, source = self._socket.recvfrom(65535)
        except (TimeoutError, ConnectionError):
            return None
        message = Message(data, source[:2])
        self.heard.append(message)
        return message

    def expect(self, what: str | int, method: str = "", timeout: float = 20.0, copies: bool = False) -> Message:
        """The next request of that method, or response of that status (to `method`); others are put by for later."""
        deadline = time.monotonic() + timeout
        for at, message in enumerate(self._waiting):
            if _is(message, what, method):
                return self._waiting.pop(at)
        while (left := deadline - time.monotonic()) > 0:
            message_or_none = self.receive(left)
            if message_or_none is None:
                break
            message = message_or_none
            if message.data in self._seen and not copies:
                continue
            self._seen.add(message.data)
            if _is(message, what, method):
                return message
            self._waiting.append(message)
        raise NothingHeard(f"{self.address} waited for {what} {method}; heard {self.heard[-8:]}")

    def silent(self, what: str | int, method: str = "", timeout: float = 0.3) -> None:
        """Raise if that message comes within the time."""
        try:
            message = self.expect(what, method, timeout)
        except NothingHeard:
            return
        raise AssertionError(f"{self.address} did not expect {message}")

    def request(
        self,
        method: str,
        uri: str,
        *,
        user: str = "alice",
        to: str = "",
        call_id: str = "",
        cseq: int = 1,
        tag: str = "",
        branch: str = "",
        headers: str = "",
        body: str = "",
        content_type: str = "application/sdp",
    ) -> str:
        """A request with everything in it; `headers` are whole lines with their line ends."""
        number = next(_numbers)
        kind = f"Content-Type: {content_type}\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.address};rport;branch={branch or f'z9hG4bK-ua-{number}-{self.port}'}\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{user}@{self.address}>;tag={tag or f'uatag{number}x{self.port}'}\r\n"
            f"To: {to or f'<{uri}>'}\r\n"
            f"Call-ID: {call_id or f'ua-{number}-{self.port}@{self.host}'}\r\n"
            f"CSeq: {cseq} {method}\r\n"
            f"Contact: <sip:contact{self.port}@{self.address}>\r\n"
            f"{headers}{kind}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def respond(
        self, request: Message, status: int, reason: str = "", *, tag: str = "", headers: str = "", body: str = ""
    ) -> None:
        """Answer a request: Via, From, To, Call-ID, CSeq and Record-Route copied, our tag and Contact added."""
        lines = [f"SIP/2.0 {status} {reason or 'Because'}"]
        lines += [f"Via: {value}" for value in request.all("via")]
        lines += [f"Record-Route: {value}" for value in request.all("record-route")]
        to = request.get("to")
        if ";tag=" not in to and status > 100:
            to += f";tag={tag or f'uastag{self.port}'}"
        lines += [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.get('call-id')}"]
        lines += [f"CSeq: {request.get('cseq')}", f"Contact: <sip:contact{self.port}@{self.address}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join(lines) + "\r\n" + headers + f"Content-Length: {len(body)}\r\n\r\n" + body
        self.send(text, request.source)

    def sdp(self, port: int = 17000, version: int = 1, direction: str = "sendrecv") -> str:
        """A session description of one audio stream with our own marks in it."""
        kind = "IP6" if ":" in self.host else "IP4"
        return (
            f"v=0\r\no=uauser{self.port} 77{self.port} {version} IN {kind} {self.host}\r\ns=ua session {self.port}\r\n"
            f"c=IN {kind} {self.host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
            f"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={direction}\r\n"
        )

    def in_dialog(self, method: str, dialog: DialogOf, **more: str) -> str:
        """A request inside the dialog that `dialog` describes; raises its CSeq."""
        if method not in ("ACK", "CANCEL"):
            dialog.cseq += 1
        text = self.request(
            method,
            dialog.target,
            to=dialog.to,
            call_id=dialog.call_id,
            cseq=dialog.cseq,
            **more,
        )
        first, _, rest = text.partition("\r\nFrom: ")
        return f"{first}\r\nFrom: {dialog.from_}\r\n{rest.partition(chr(13) + chr(10))[2]}"


class DialogOf:
    """What a request inside a dialog needs: From and To as we write them, Call-ID, the peer's target and our last
    CSeq.
    """

    def __init__(self, from_: str, to: str, call_id: str, target: str, cseq: int) -> None:
        self.from_, self.to, self.call_id, self.target, self.cseq = from_, to, call_id, target, cseq

    @classmethod
    def as_caller(cls, response: Message) -> DialogOf:
        """From a response to our INVITE."""
        number = int(response.get("cseq").split()[0])
        return cls(response.get("from"), response.get("to"), response.get("call-id"), response.target, number)

    @classmethod
    def as_callee(cls, invite: Message, tag: str) -> DialogOf:
        """From the INVITE we answered with `tag`."""
        return cls(f"{invite.get('to')};tag={tag}", invite.get("from"), invite.get("call-id"), invite.target, 100)


def _is(message: Message, what: str | int, method: str) -> bool:
    if isinstance(what, int):
        return message.status == what and (not method or message.cseq_method == method)
    return message.method == what
