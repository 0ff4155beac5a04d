"""Watches every message at the node's edge, and knows the rules that hold whatever the peers do.

Offers and answers alternate in each dialog (RFC 3264, RFC 6337), CSeq numbers rise, each request gets one final
response and nothing behind it, each 2xx its ACK and each dialog that was up its BYE, no second INVITE is begun while
one is under way, CANCEL waits for a provisional response, and no name that was minted for one side is seen on the
other. It reads messages by itself and shares no code with what it watches.
"""

from __future__ import annotations

from sbc.wire import Flow

_BUSY = 32.0
"""64*T1: how long a 2xx waits for its ACK."""
_MOST = 4000
"""Messages that the node may send in one script."""

Key = tuple[str, str, str]
"""Call-ID, the node's tag, the peer's tag."""
Offer = tuple[bool, str, int, bool]
"""Whether it is the node's; the method, CSeq number and sender (True: the node) of the request that it belongs to."""


class Told:
    """One message, as far as the rules need it."""

    __slots__ = ("branch", "call_id", "contact", "from_tag", "has_sdp", "method", "number", "rseq", "status", "to_tag")

    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        fields: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), value.strip())
        first = lines[0].split(" ")
        number, _, method = fields["cseq"].partition(" ")
        self.status = int(first[1]) if first[0] == "SIP/2.0" else 0
        self.method = method
        self.number = int(number)
        self.call_id = fields["call-id"]
        self.from_tag = _param(fields["from"], "tag")
        self.to_tag = _param(fields["to"], "tag")
        self.branch = _param(fields["via"], "branch")
        self.has_sdp = bool(body) and fields.get("content-type") == "application/sdp"
        self.contact = fields.get("contact", "")
        is_reliable = "100rel" in fields.get("require", "")
        self.rseq = int(fields["rseq"]) if is_reliable and "rseq" in fields else 0


def _param(value: str, name: str) -> str:
    return value.partition(f";{name}=")[2].partition(";")[0]


class Exchange:
    """One request with what answered it."""

    __slots__ = ("begun", "final", "flow", "is_glare", "is_lost", "key", "number", "offers", "provisional")

    def __init__(self, key: Key, number: int, offers: bool, flow: Flow, now: float) -> None:
        self.flow = flow
        self.begun = now
        self.is_lost = False
        """The node was told that it could not be delivered."""
        self.key = key
        self.number = number
        self.offers = offers
        self.is_glare = False
        """It came while another offer was on its way: it must be refused."""
        self.provisional = False
        self.final = 0


class Session:
    """One dialog: the offer that waits for its answer, and what else must not be forgotten."""

    __slots__ = (
        "cseq",
        "has_ended",
        "invite_in",
        "invite_out",
        "is_early",
        "open",
        "owes_bye",
        "rseq_in",
        "rseq_out",
        "said_bye",
        "sent_at",
        "settled",
        "since",
    )

    def __init__(self, parent: Session | None = None) -> None:
        self.open: Offer | None = None if parent is None else parent.open
        self.cseq: int = 0 if parent is None else parent.cseq
        self.invite_out: int = 0 if parent is None else parent.invite_out
        self.invite_in: int = 0 if parent is None else parent.invite_in
        self.settled: tuple[int, bool] = (0, False)
        """The INVITE, by number and sender, whose own offer has had its answer before the INVITE had."""
        self.is_early = True
        self.said_bye = self.has_ended = self.owes_bye = False
        self.rseq_in = self.rseq_out = 0
        self.sent_at: tuple[int, float] = (0, 0.0)
        """A 2xx to an INVITE that waits for its ACK, and since when."""
        self.since = ""


class Referee:
    """`received` and `sent` are told everything in order; `faults` are what was wrong, in words."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.sessions: dict[Key, Session] = {}
        self.minted: dict[int, set[str]] = {}
        """Names that the node has chosen, by the listener that they were first seen at."""
        self.count = 0
        self._asked: dict[tuple[str, str], Exchange] = {}
        self._served: dict[tuple[str, str, str], Exchange] = {}
        self._owed: dict[tuple[Key, int], bool] = {}
        """Each 2xx to an INVITE of the node, and whether it had its ACK."""
        self._seen: set[bytes] = set()
        self._acks: dict[tuple[Key, int], bytes] = {}
        self.has_restarted = False

    def restart(self) -> None:
        """The process was killed: what was under way is nobody's."""
        self.has_restarted = True
        self._asked.clear()
        self._served.clear()
        self._owed.clear()
        self._seen.clear()
        self._acks.clear()
        for session in self.sessions.values():
            session.open = None
            session.invite_in = session.invite_out = 0
            session.owes_bye = False
            session.sent_at = (0, 0.0)

    def blame(self, text: str, told: Told) -> None:
        """Note a fault."""
        what = f"{told.status} to {told.method}" if told.status else told.method
        self.faults.append(f"{text}: {what} {told.number} in {told.call_id}")

    def _session(self, key: Key) -> Session:
        found = self.sessions.get(key)
        if found is None:
            call_id, own, theirs = key
            parent = self.sessions.get((call_id, own, "")) or self.sessions.get((call_id, "", theirs))
            found = self.sessions[key] = Session(parent if own and theirs else None)
        return found

    def _close(self, key: Key, offer: tuple[str, int, bool]) -> None:
        """A request was refused: its offer is over in every dialog that it made."""
        call_id, own, theirs = key
        for (other, mine, peer), session in self.sessions.items():
            if other != call_id or (own and mine and own != mine) or (theirs and peer and theirs != peer):
                continue
            if session.open is not None and session.open[1:] == offer:
                session.open = None
            if offer[0] == "INVITE":
                if offer[2] and session.invite_out == offer[1]:
                    session.invite_out = 0
                elif not offer[2] and session.invite_in == offer[1]:
                    session.invite_in = 0

    # What the node hears

    def received(self, data: bytes, flow: Flow, now: float) -> None:
        """A message arrives at the node."""
        if data in self._seen:
            return
        self._seen.add(data)
        told = Told(data)
        if told.status:
            self._heard_response(told)
        elif told.method == "ACK":
            self._heard_ack(told, flow)
        else:
            self._heard_request(told, flow, now)

    def lost(self, flow: Flow) -> None:
        """The node is told that what it sends to `flow` arrives nowhere: it gives up what had no answer so far.

        A 2xx that was on its way all the same finds its transaction gone (RFC 3261 sections 8.1.3.1 and 17.1.4).
        """
        for exchange in self._asked.values():
            if exchange.flow == flow and not exchange.final and not exchange.provisional:
                exchange.is_lost = True

    def _heard_request(self, told: Told, flow: Flow, now: float) -> None:
        key = (told.call_id, told.to_tag, told.from_tag)
        session = self._session(key)
        exchange = Exchange(key, told.number, told.has_sdp, flow, now)
        self._served[(flow.host, told.branch, told.method)] = exchange
        if told.method == "INVITE":
            session.invite_in = told.number
        if not told.has_sdp or told.method not in ("INVITE", "UPDATE", "PRACK"):
            exchange.offers = False
        elif told.method == "PRACK" and session.open is not None and session.open[0]:
            session.open = None
            session.settled = (session.invite_in, False)
            exchange.offers = False
        elif session.open is not None:
            exchange.is_glare = True
        else:
            session.open = (False, told.method, told.number, False)

    def _heard_ack(self, ack: Told, flow: Flow) -> None:
        session = self._session((ack.call_id, ack.to_tag, ack.from_tag))
        if session.sent_at[0] != ack.number:
            return
        session.sent_at = (0, 0.0)
        if session.open == (True, "INVITE", ack.number, False):
            session.open = None
            session.owes_bye = not ack.has_sdp

    def _heard_response(self, told: Told) -> None:
        exchange = self._asked.get((told.branch, told.method))
        if exchange is None:
            return
        call_id, own, theirs = exchange.key
        key = (call_id, own, theirs or told.to_tag)
        if told.status < 200:
            exchange.provisional = True
            if told.method == "INVITE" and told.to_tag and told.status > 100:
                self._heard_provisional(self._session(key), told, exchange)
            return
        is_first = not exchange.final
        exchange.final = exchange.final or told.status
        offer = (told.method, told.number, True)
        if told.status >= 300:
            if is_first:
                self._close(exchange.key, offer)
            return
        if exchange.is_lost and told.method == "INVITE":
            self._owed.setdefault((key, told.number), True)
            return
        session = self._session(key)
        if told.method == "INVITE":
            self._heard_answer(session, key, told, exchange)
        elif session.open is not None and session.open[1:] == offer:
            session.open = None

    def _heard_provisional(self, session: Session, told: Told, exchange: Exchange) -> None:
        if not told.rseq or (session.rseq_in and told.rseq != session.rseq_in + 1):
            return
        session.rseq_in = told.rseq
        if not told.has_sdp:
            return
        if session.open == (True, "INVITE", told.number, True):
            session.open = None
            session.settled = (told.number, True)
        elif not exchange.offers and session.settled != (told.number, True) and session.open is None:
            session.open = (False, "INVITE", told.number, True)

    def _heard_answer(self, session: Session, key: Key, told: Told, exchange: Exchange) -> None:
        session.is_early = False
        session.since = session.since or "answered by the peer"
        session.invite_out = 0
        self._owed.setdefault((key, told.number), False)
        if session.open == (True, "INVITE", told.number, True):
            session.open = None
        elif told.has_sdp and not exchange.offers and session.settled != (told.number, True) and session.open is None:
            session.open = (False, "INVITE", told.number, True)

    # What the node says

    def sent(self, data: bytes, flow: Flow, now: float) -> None:
        """The node sends a message."""
        self.count += 1
        if data in self._seen:
            return
        self._seen.add(data)
        told = Told(data)
        if told.status:
            self._said_response(told, flow, now)
        elif told.method == "ACK":
            self._said_ack(told, data)
        elif told.method == "CANCEL":
            self._said_cancel(told)
        else:
            self._said_request(told, flow, now)
        self._note_minted(told, flow)

    def _note_minted(self, told: Told, flow: Flow) -> None:
        minted = self.minted.setdefault(flow.listener, set())
        if told.status:
            minted.add(told.to_tag)
        else:
            minted.update((told.from_tag, told.branch))
        user = told.contact.partition("sip:")[2].partition("@")[0]
        minted.add(user)

    def _said_cancel(self, told: Told) -> None:
        invite = self._asked.get((told.branch, "INVITE"))
        if invite is None or not invite.provisional or invite.final:
            self.blame("not the time for it", told)

    def _said_ack(self, ack: Told, data: bytes) -> None:
        if (ack.branch, "INVITE") in self._asked:
            return
        key = (ack.call_id, ack.from_tag, ack.to_tag)
        session = self._session(key)
        if (key, ack.number) not in self._owed:
            if not self.has_restarted:
                self.blame("no 2xx to acknowledge", ack)
            return
        self._owed[(key, ack.number)] = True
        if self._acks.setdefault((key, ack.number), data) != data:
            self.blame("another ACK than before", ack)
        is_asked = session.open == (False, "INVITE", ack.number, True)
        if is_asked:
            session.open = None
            session.owes_bye = not ack.has_sdp
        elif ack.has_sdp:
            self.blame("a description that nobody asked for", ack)

    def _has_failed(self, key: Key, offer: Offer, now: float) -> bool:
        """Whether the node's request that made this offer was given up: nobody answered it, or it reached nobody."""
        for (_, method), exchange in self._asked.items():
            is_asked = offer == (True, method, exchange.number, True) and exchange.begun < now
            if exchange.key == key and is_asked and not exchange.final:
                return exchange.is_lost or now >= exchange.begun + _BUSY - 0.1
        return False

    def _said_request(self, told: Told, flow: Flow, now: float) -> None:
        key = (told.call_id, told.from_tag, told.to_tag)
        session = self._session(key)
        if told.number <= session.cseq:
            self.blame(f"number not above {session.cseq}", told)
        session.cseq = told.number
        if (session.said_bye or session.has_ended) and told.method not in ("NOTIFY", "BYE"):
            self.blame("behind the BYE", told)
        exchange = self._asked[(told.branch, told.method)] = Exchange(key, told.number, False, flow, now)
        if told.method == "BYE":
            self._said_bye(session, told, now)
        elif told.method == "INVITE":
            own = (True, "INVITE", session.invite_out, True)
            is_under_way = session.invite_out and not self._has_failed(key, own, now)
            if is_under_way or session.invite_in:
                self.blame("another INVITE is under way", told)
            session.invite_out = told.number
        if not told.has_sdp or told.method not in ("INVITE", "UPDATE", "PRACK"):
            return
        if told.method == "PRACK" and session.open is not None and not session.open[0]:
            session.settled = (session.open[2], True)
            session.open = None
            return
        exchange.offers = True
        if session.open is not None and not self._has_failed(key, session.open, now):
            self.blame(f"an offer while {session.open} is open", told)
        session.open = (True, told.method, told.number, True)

    def _said_bye(self, session: Session, told: Told, now: float) -> None:
        if session.said_bye and not self.has_restarted:
            self.blame("a second one", told)
        number, since = session.sent_at
        if number and now < since + _BUSY - 0.1:
            self.blame("before the ACK", told)
        session.said_bye = True
        session.owes_bye = False

    def _said_response(self, told: Told, flow: Flow, now: float) -> None:
        exchange = self._served.get((flow.host, told.branch, told.method))
        if exchange is None:
            if not self.has_restarted:
                self.blame("an answer to nothing", told)
            return
        if exchange.final:
            if now < exchange.begun + _BUSY - 0.5:  # a copy that comes later meets nobody who remembers (Timer J)
                self.blame(f"behind the final {exchange.final}", told)
            return
        call_id, own, theirs = exchange.key
        key = (call_id, own or told.to_tag, theirs)
        if told.status >= 200:
            exchange.final = told.status
        if told.status >= 300:
            self._close(exchange.key, (told.method, told.number, False))
        elif told.status >= 200:
            session = self._session(key)
            if exchange.is_glare:
                self.blame("accepted while another offer was open", told)
            if told.method == "INVITE":
                self._said_answer(session, told, exchange, now)
            elif told.method in ("UPDATE", "PRACK"):
                self._answered_offer(session, told, exchange)
            elif told.method == "BYE":
                session.has_ended = True
        elif told.status > 100 and told.method == "INVITE":
            self._said_provisional(self._session(key), told, exchange)

    def _answered_offer(self, session: Session, told: Told, exchange: Exchange) -> None:
        if told.has_sdp is not exchange.offers:
            self.blame("an answer to no offer" if told.has_sdp else "no answer", told)
        if session.open is not None and session.open[1:] == (told.method, told.number, False):
            session.open = None

    def _said_provisional(self, session: Session, told: Told, exchange: Exchange) -> None:
        if told.rseq:
            if session.rseq_out and told.rseq != session.rseq_out + 1:
                self.blame(f"RSeq {told.rseq} behind {session.rseq_out}", told)
            session.rseq_out = told.rseq
        if not told.has_sdp:
            return
        is_answer = session.open == (False, "INVITE", told.number, False)
        if is_answer and told.rseq:
            session.open = None
            session.settled = (told.number, False)
        elif not is_answer and (not told.rseq or exchange.offers or session.open or session.settled[0]):
            self.blame("a description out of turn", told)
        elif not is_answer:
            session.open = (True, "INVITE", told.number, False)

    def _said_answer(self, session: Session, told: Told, exchange: Exchange, now: float) -> None:
        session.is_early = False
        session.since = session.since or "answered by the node"
        session.invite_in = 0
        session.sent_at = (told.number, now)
        is_owed = session.open == (False, "INVITE", told.number, False)
        is_settled = session.settled == (told.number, False)
        if is_owed:
            session.open = None
        if told.has_sdp is is_settled:
            self.blame("a second answer" if is_settled else "no description", told)
        elif told.has_sdp and not is_owed:
            if exchange.offers or session.open is not None:
                self.blame("a description out of turn", told)
            session.open = (True, "INVITE", told.number, False)

    # At the end

    def finish(self) -> list[str]:
        """Everything is over: what is still owed is a fault too."""
        for (host, _, method), exchange in self._served.items():
            if not exchange.final:
                self.faults.append(f"{method} {exchange.number} of {host} was never answered")
        for (key, number), has_ack in self._owed.items():
            if not has_ack and not self.has_restarted:
                self.faults.append(f"the 2xx to INVITE {number} in {key[0]} never had its ACK")
        for key, session in self.sessions.items():
            is_over = session.said_bye or session.has_ended
            if (session.owes_bye or (session.since and not self.has_restarted)) and not is_over:
                self.faults.append(f"{key[0]} was {session.since} and never had a BYE")
        if self.count > _MOST:
            self.faults.append(f"{self.count} messages")
        return self.faults

    def shown(self, messages: dict[int, list[bytes]]) -> list[str]:
        """Names minted for one listener's peers that another one's have seen in `messages`."""
        found: list[str] = []
        for listener, sent in messages.items():
            text = b"\n".join(sent).decode("utf-8", "replace")
            own = self.minted.get(listener, set())
            for other, minted in self.minted.items():
                if other != listener:
                    found += [f"{one} at listener {listener}" for one in minted - own if len(one) > 7 and one in text]
        return found
