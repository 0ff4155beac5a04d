"""Agents that do what the field does beside talking: they fork, challenge, send away, answer too late, hide."""

from __future__ import annotations

from random import Random

from sbc.sip import Request
from tests.kit.agent import Phase
from tests.kit.modern import ModernAgent
from tests.kit.wire import Chaos

_WISHES = (
    "P-Asserted-Identity: <sip:boss@{host}>\r\n",
    "Privacy: id\r\n",
    "Privacy: header;session;user\r\n",
    "Remote-Party-ID: <sip:boss@{host}>;party=calling\r\n",
    "Diversion: <sip:friend@{host}>;reason=no-answer\r\n",
    "History-Info: <sip:friend@{host}>;index=1, <sip:b@{host}?Reason=SIP%3Bcause%3D302>;index=1.1\r\n",
    "Referred-By: <sip:friend@{host}>\r\n",
    "Session-ID: a7d1b4c2e9f04cf0a2b63c1f8e5d7788;remote=00000000000000000000000000000000\r\n",
    "Call-Info: <http://{host}/secret-pbx.png>;purpose=icon\r\n",
    "Organization: secret-pbx of {host}\r\n",
    "Reply-To: <sip:friend@{host}>\r\n",
    "Alert-Info: <http://{host}/{name}-agent.wav>\r\n",
    "Subject: {name}-agent at {host}\r\n",
    "In-Reply-To: {name}-agent@{host}\r\n",
    "Geolocation: <https://{host}/secret-pbx>\r\n",
    "X-Node: secret-pbx at {host}\r\n",
    "P-Charging-Vector: icid-value={name}-agent;icid-generated-at={host}\r\n",
    "User-to-User: 00aabb;encoding=hex\r\n",
)
"""What an INVITE may say of its sender's side."""
_WORDS = (
    'Warning: 399 {host} "secret-pbx is down"\r\n',
    'Reason: Q.850;cause=16;text="secret-pbx at {host}"\r\n',
    "Server: {name}-agent/9\r\n",
    "Error-Info: <sip:friend@{host}>\r\n",
)
"""What any message of theirs may say too."""


class Wilful(ModernAgent):
    """As its seed says: `challenges` is the word that asks for a password, `refusal` what the call is answered with."""

    def __init__(self, chaos: Chaos, name: str, host: str, listener: int, random: Random) -> None:
        super().__init__(chaos, name, host, listener, random)
        self.forks: dict[str, str] = {}
        """Other places that ring, by their tags, and what became of them: `early`, `answered`, `ended`."""
        self.may_fork = random.random() < 0.3
        self.challenges = 0
        self.refusal = 0
        self.lateness = 0.0
        """Seconds before it says its first word to a call."""
        place = {"host": host, "name": name}
        self.identity = "".join([one.format(**place) for one in _WISHES if random.random() < 0.1])
        self.words = "".join([one.format(**place) for one in _WORDS if random.random() < 0.2])

    def _request(self, method: str, body: bytes = b"", kind: str = "application/sdp", extra: str = "") -> Request:
        return super()._request(method, body, kind, extra + (self.words if method == "BYE" else ""))

    def _response(self, request: Request, status: int, body: bytes = b"", extra: str = "", tag: str = "") -> bytes:
        return super()._response(request, status, body, extra + (self.words if status >= 180 else ""), tag)

    def _receive_request(self, request: Request) -> None:
        if request.to_tag in self.forks:
            self._receive_at_fork(request)
        elif request.method == "BYE" and (request.get("Authorization") or request.get("Proxy-Authorization")):
            self.faults.append("BYE with credentials")
        else:
            super()._receive_request(request)

    def _receive_ack(self, ack: Request) -> None:
        if ack.to_tag not in self.forks:
            super()._receive_ack(ack)
        elif self.forks[ack.to_tag] == "answered":
            self.forks[ack.to_tag] = "acknowledged"

    def _receive_invite(self, request: Request) -> None:
        if request.to_tag or self.phase is not Phase.IDLE:
            super()._receive_invite(request)
        elif self.challenges and request.get("Authorization") is None and request.get("Proxy-Authorization") is None:
            name = "WWW-Authenticate" if self.challenges == 401 else "Proxy-Authenticate"
            nonce = f"{self.random.getrandbits(60):x}"
            digest = f'Digest realm="{self.name}.example", nonce="{nonce}", qop="auth", algorithm=MD5'
            self._reply(request, self.challenges, b"", f"{name}: {digest}\r\n")
        elif self.refusal:
            self._reply(request, self.refusal)
        elif self.lateness:
            pause, self.lateness = self.lateness, 0.0
            self.chaos.later(pause, lambda: self._receive_invite(request))
        else:
            super()._receive_invite(request)

    # Forks

    def _ring(self, request: Request) -> None:
        if self.may_fork:
            for number in range(self.random.randrange(1, 3)):
                tag = f"{self.tag}fork{number}"
                self.forks[tag] = "early"
                self._ring_at(request, tag)
        super()._ring(request)

    def _ring_at(self, request: Request, tag: str) -> None:
        body = self._other_offer() if request.body and self.random.random() < 0.5 else b""
        data = self._response(request, 183 if body else 180, body, tag=tag)
        tx = self.table.match_request(request, self.flow)
        if tx is not None and tx.state.value == "Proceeding":
            self._send(data)
        if self.random.random() < 0.2:
            self.chaos.later(self.random.random() * 3, lambda: self._leave_early(request, tag))

    def _leave_early(self, request: Request, tag: str) -> None:
        """RFC 6228: one of the places is out, the others ring on."""
        if self.forks[tag] == "early" and self.phase is Phase.RINGING:
            self.forks[tag] = "ended"
            self._send(self._response(request, 199, tag=tag))

    def _other_offer(self) -> bytes:
        said, version = self.said, self.version
        other = self.offer()
        self.said, self.version = said, version
        return other

    def _accept(self, invite: Request) -> None:
        super()._accept(invite)
        early = [tag for tag, state in self.forks.items() if state == "early"]
        if early and not invite.to_tag and self.random.random() < 0.4:
            tag = self.random.choice(early)
            self.forks[tag] = "answered"
            data = self._response(invite, 200, self._other_offer(), tag=tag)
            end = self.chaos.time + 32
            pause = self.random.random() * 4
            self.chaos.later(pause, lambda: self._insist_at(data, tag, 0.5, end))

    def _insist_at(self, data: bytes, tag: str, interval: float, end: float) -> None:
        if self.forks[tag] != "answered":
            return
        if self.chaos.time >= end:
            self.forks[tag] = "ended"
            return
        self._send(data)
        pause = min(2 * interval, self.timers.t2)
        self.chaos.later(pause, lambda: self._insist_at(data, tag, pause, end))

    def _receive_at_fork(self, request: Request) -> None:
        if request.method == "BYE":
            self.forks[request.to_tag] = "ended"
            self._reply(request, 200)
        else:
            self._reply(request, 481)

    @property
    def left_over(self) -> list[str]:
        """Places that talk to nobody at the end."""
        return [tag for tag, state in self.forks.items() if state in ("answered", "acknowledged")]
