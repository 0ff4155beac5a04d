"""Agents that transfer calls and take them over, at random: REFER (RFC 3515), INVITE with Replaces (RFC 3891)."""

from __future__ import annotations

from random import Random
from urllib.parse import quote

from sbc.sip import Request, fragment_status
from tests.kit.agent import Agent, Phase
from tests.kit.wilful import Wilful
from tests.kit.wire import Chaos


class Mover(Wilful):
    """A wilful agent that may refer its partner to `targets`, and hangs up when it hears how that went, or before."""

    def __init__(self, chaos: Chaos, name: str, host: str, listener: int, random: Random) -> None:
        super().__init__(chaos, name, host, listener, random)
        self.targets: list[str] = []
        self.told: list[int] = []
        """What NOTIFYs have said."""
        self.takes_refer = random.random() < 0.6
        """Whether it carries out a REFER that is passed on to it."""
        self.colleague: Agent | None = None
        """Whose partner it may bring together with its own."""
        self.ended: dict[str, int] = {}
        """Event values of subscriptions that are over, with the number of their last NOTIFY."""

    def abilities(self, method: str) -> str:
        lines = super().abilities(method)
        return lines.replace("INFO", "INFO, NOTIFY, REFER", 1) if self.takes_refer else lines

    def act(self) -> None:
        talks = self.phase is Phase.TALKING and self.ours is None and self.invite_tx is None
        if talks and self.targets and self.random.random() < 0.6:
            self.refer()
        else:
            super().act()

    def refer(self) -> None:
        """Ask for a transfer of the partner."""
        target = self.random.choice(self.targets)
        other = self.colleague
        if other is not None and other.phase is Phase.TALKING and self.random.random() < 0.7:
            named = f"{other.call_id};to-tag={other.remote_tag};from-tag={other.tag}"
            self._simple("REFER", extra=f"Refer-To: <sip:{target}@sbc.example.net?Replaces={quote(named)}>\r\n")
            return
        quiet = "Refer-Sub: false\r\n" if self.random.random() < 0.1 else ""
        self._simple("REFER", extra=f"Refer-To: <sip:{target}@sbc.example.net>\r\n{quiet}")
        if self.random.random() < 0.2:
            self.chaos.later(self.random.random(), self.hang_up)

    def take_over(self, victim: Agent) -> None:
        """Call in the place of a colleague that talks, or rings."""
        if self.phase is not Phase.IDLE or victim.phase not in (Phase.TALKING, Phase.RINGING):
            return
        self.replaces = f"{victim.call_id};to-tag={victim.remote_tag};from-tag={victim.tag}"
        if victim.phase is Phase.RINGING and self.random.random() < 0.5:
            self.replaces += ";early-only"
        self.dial(late=self.random.random() < 0.3)

    def dial_if_idle(self) -> None:
        """Call somebody, unless it is talked to."""
        if self.phase is Phase.IDLE:
            self.dial(late=False)

    replaces = ""

    def _request(self, method: str, body: bytes = b"", kind: str = "application/sdp", extra: str = "") -> Request:
        if method == "INVITE" and self.replaces and not self.remote_tag:
            extra += f"Replaces: {self.replaces}\r\n"
        return super()._request(method, body, kind, extra)

    def _carry_out(self, request: Request) -> None:
        """Say that the transfer is tried, and then what became of it; nobody is called."""
        self._reply(request, 202)
        number = request.cseq.number
        ending = self.random.choice([200, 200, 486, 603])
        self.chaos.later(0.1, lambda: self._tell(number, 100))
        self.chaos.later(1 + self.random.random() * 5, lambda: self._tell(number, ending))

    def _tell(self, number: int, status: int) -> None:
        if self.phase not in (Phase.TALKING, Phase.ANSWERED):
            return
        state = "active;expires=60" if status < 200 else "terminated;reason=noresource"
        extra = f"Event: refer;id={number}\r\nSubscription-State: {state}\r\n"
        self._simple("NOTIFY", f"SIP/2.0 {status} Of {self.name}\r\n".encode(), "message/sipfrag", extra)

    def _receive_request(self, request: Request) -> None:
        if request.method == "REFER" and request.to_tag and self.takes_refer and self.phase is Phase.TALKING:
            self._carry_out(request)
            return
        if request.method == "NOTIFY":
            status = fragment_status(request.body)
            if request.content_type != "message/sipfrag" or not status or request.body.count(b"\r\n") != 1:
                self.faults.append("NOTIFY without a status line alone")
            event = request.get("Event") or ""
            if event in self.ended and request.cseq.number > self.ended[event]:
                self.faults.append("a NOTIFY behind the last one")
            if status >= 200:
                self.ended.setdefault(event, request.cseq.number)
            self.told.append(status)
            if status == 200 and self.phase is Phase.TALKING and self.random.random() < 0.7:
                self.chaos.later(self.random.random() * 6, self.hang_up)
        super()._receive_request(request)
