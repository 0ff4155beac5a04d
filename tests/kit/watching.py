"""A subscriber and a notifier with wills of their own, on the seed of the wire between them (RFC 6665)."""

from __future__ import annotations

from sbc.sip import Request, Response
from tests.kit.agent import Agent, Phase

_SUMMARY = b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@%b\r\nVoice-Message: 1/0\r\nX-Node: secret-pbx\r\n"
_KIND = "application/simple-message-summary"


class Subscriber(Agent):
    """Subscribes, refreshes, ends it, or forgets; `told` has the last state of each notifier that it knows."""

    told: dict[str, str]

    def watch(self, seconds: int) -> None:
        """Subscribe to whoever the node finds."""
        self.told = {}
        self.phase = Phase.CALLING
        self.remote, self.target = "<sip:alice@sbc.example.net>", "sip:alice@sbc.example.net"
        self._subscribe(seconds)

    def _subscribe(self, seconds: int) -> None:
        self._simple("SUBSCRIBE", extra=f"Event: message-summary;id=7\r\nExpires: {seconds}\r\n")

    def act(self) -> None:
        """Refresh, or end it."""
        if self.phase is Phase.TALKING:
            self._subscribe(self.random.choice([0, 20, 20, 60]))

    def _receive_response(self, response: Response) -> None:
        if response.cseq.method != "SUBSCRIBE" or response.status < 200:
            return
        if response.status < 300:
            if not self.remote_tag:
                self.remote_tag = response.to_tag
                self.target = str(response.contacts[0].uri)
            if self.phase is Phase.CALLING:
                self.phase = Phase.TALKING
        elif self.phase is Phase.CALLING and not self.told:
            self._over()

    def _receive_request(self, request: Request) -> None:
        if request.method != "NOTIFY":
            self.faults.append(f"{request.method} to a subscriber")
            self._reply(request, 405)
            return
        state = request.require("Subscription-State")
        if request.require("Event") != "message-summary;id=7":
            self.faults.append(f"Event {request.get('Event')}")
        if self.told.get(request.from_tag, "").startswith("terminated"):
            self._reply(request, 481)
            return
        self.told[request.from_tag] = state
        self._reply(request, 200)


class Notifier(Agent):
    """Accepts or refuses, before or after its first NOTIFY, sometimes as two; ends a subscription or falls silent."""

    subscription: Request | None = None
    tags: tuple[str, ...] = ()
    ended: frozenset[str] = frozenset()

    def act(self) -> None:
        """Say something, or the last word."""
        if self.subscription is not None and self.phase is Phase.TALKING:
            self._notify(
                self.random.choice(self.tags), "terminated;reason=noresource" if self.random.random() < 0.3 else ""
            )

    def _notify(self, tag: str, state: str = "") -> None:
        if tag in self.ended:
            return
        if state:
            self.ended |= {tag}
        own, self.tag = self.tag, tag
        extra = f"Event: message-summary\r\nSubscription-State: {state or 'active;expires=20'}\r\n"
        self._simple("NOTIFY", _SUMMARY % self.host.encode(), _KIND, extra)
        self.tag = own
        if self.ended.issuperset(self.tags):
            self._over()

    def _receive_request(self, request: Request) -> None:
        if request.method != "SUBSCRIBE":
            self.faults.append(f"{request.method} to a notifier")
            self._reply(request, 405)
            return
        seconds = request.require("Expires")
        if not request.to_tag:
            self._begin(request, seconds)
        elif self.phase is not Phase.TALKING or request.to_tag in self.ended:
            self._reply(request, 481)
        else:
            self._reply(request, 200, extra=f"Expires: {seconds}\r\n")
            self._notify(request.to_tag, "terminated;reason=timeout" if seconds == "0" else "")

    def _begin(self, request: Request, seconds: str) -> None:
        roll = self.random.random()
        if self.subscription is not None or roll < 0.15:
            self._reply(request, self.random.choice([403, 481, 489, 503]))
            return
        self.subscription, self.phase = request, Phase.TALKING
        self.call_id, self.remote_tag = request.call_id, request.from_tag
        self.remote, self.local = request.require("From").partition(";tag=")[0], request.require("To")
        self.target = str(request.contacts[0].uri)
        self.tags = (self.tag,) if roll < 0.7 else (self.tag, f"{self.tag}fork")
        state = "terminated;reason=timeout" if seconds == "0" else ""
        is_early = self.random.random() < 0.4
        if not is_early:
            self._reply(request, 200, extra=f"Expires: {seconds}\r\n")
        for tag in self.tags:
            if self.random.random() < 0.9:
                self._notify(tag, state)
        if is_early:
            self._reply(request, 200, extra=f"Expires: {seconds}\r\n")

    def _receive_response(self, response: Response) -> None:
        if response.cseq.method == "NOTIFY" and response.status in (408, 481):
            self.ended |= {response.from_tag}
            if self.ended.issuperset(self.tags):
                self._over()
