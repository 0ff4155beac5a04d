"""The engine behind the control socket: a request dictionary in, a reply dictionary out; and the calls that time ends.

No control socket and no clock in here; media sockets come from the port pools' `bind`, so that tests can hand in
others.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.call import Call, Clock, Party
from rtpengine.embedded.codecs import CodecWishes
from rtpengine.embedded.description import REWRITE, Description, Fault, parse_description
from rtpengine.embedded.exchange import Exchange, connect, disconnect
from rtpengine.embedded.interfaces import Interfaces
from rtpengine.embedded.keys import KeyLog
from rtpengine.embedded.operations import OPERATIONS, operate, record, refit
from rtpengine.embedded.ports import RAN_OUT, PortPool
from rtpengine.embedded.relay import Relay
from rtpengine.embedded.report import describe_call, describe_engine
from rtpengine.embedded.resources import Resources
from rtpengine.embedded.subscriptions import publish, subscribe, take_answer, unsubscribe
from rtpengine.embedded.totals import Totals
from rtpengine.embedded.wishes import Request, Wishes, number, required, text, words

UNKNOWN_CALL: Final = "Unknown call-id"
NO_MATCH: Final = "Call-ID not found or tags didn't match"
SESSION_LIMIT: Final = "Parallel session limit reached"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts; the defaults are the real daemon's."""

    delete_delay: int = 30
    timeout: int = 60
    """Without a packet in a call that should have some."""
    silent_timeout: int = 3600
    """Without a packet in a call whose streams are all on hold."""
    offer_timeout: int = 3600
    """Without an answer."""
    final_timeout: int = 0
    """Since the call began, whatever it does; 0: never."""
    max_sessions: int = 0
    """0: no limit."""


class _LoadLimit(Exception):
    """A new call is one too many."""


class Engine:
    """All calls. `handle` is the network's way in, `handle_timer` time's."""

    def __init__(
        self, interfaces: Interfaces, pools: dict[str, PortPool], relay: Relay, limits: Limits, clock: Clock
    ) -> None:
        self.calls: Final[dict[str, Call]] = {}
        self.totals: Final = Totals(clock.monotonic)
        self._interfaces: Final = interfaces
        self.resources: Final = Resources(relay, pools)
        self.key_log: KeyLog | None = None
        """Told of the keys that parties press; None: nobody wants to know."""
        self._relay: Final = relay
        self._limits: Final = limits
        self._now = clock.monotonic
        """Of the input that is worked off."""
        self._sweep: list[Call] = []
        self._delayed: Final[list[tuple[float, str]]] = []
        """Deletes to come, earliest first; one that an offer has cancelled stays until its time and finds nothing."""

    def handle(self, request: Request, clock: Clock) -> dict[str, Value]:
        """Do what the request says. Whatever is wrong with it becomes an `error` reply."""
        self._now = clock.monotonic
        self.totals.count(request.get("command"))
        try:
            reply = self._dispatch(request, clock)
        except _LoadLimit:
            return {"result": "load limit", "message": SESSION_LIMIT}
        except Fault as fault:
            return {"result": "error", "error-reason": fault.reason}
        reply.setdefault("result", "ok")
        return reply

    def _dispatch(self, request: Request, clock: Clock) -> dict[str, Value]:
        command = request.get("command")
        match command:
            case b"ping":
                return {"result": "pong"}
            case b"offer":
                return self._offer(request, clock)
            case b"answer":
                return self._answer(request, clock)
            case b"delete":
                return self._delete(request, clock)
            case b"query":
                return self._query(request, clock)
            case b"list":
                return self._list(request)
            case b"statistics":
                relayed = self._relay.statistics()
                return {
                    "statistics": describe_engine(
                        self.totals, len(self.calls), relayed, self._interfaces, self.resources.pools, clock.monotonic
                    )
                }
            case bytes():
                return self._operate(command.decode("latin-1"), request, clock)
            case _:
                raise Fault('Dictionary contains no key "command"')

    def _operate(self, command: str, request: Request, clock: Clock) -> dict[str, Value]:
        """Commands on a call that runs, but for `publish`, which may begin one."""
        call = self.calls.get(text(request, "call-id"))
        match command:
            case "publish":
                return self._publish(request, clock)
            case "subscribe request":
                return subscribe(call, request, self.resources, self._interfaces, clock)
            case "subscribe answer":
                return take_answer(call, request, self.resources, clock)
            case "unsubscribe":
                return unsubscribe(call, request, self.resources)
        if command not in OPERATIONS:
            raise Fault("Unrecognized command")
        return operate(command, call, request, self.resources, clock)

    def _publish(self, request: Request, clock: Clock) -> dict[str, Value]:
        """Whatever goes wrong leaves no call behind that was not there; sessions of this kind are not limited."""
        _described(_sdp(request))
        call_id, tag = required(request, "call-id"), required(request, "from-tag")
        call = self.calls.get(call_id)
        is_new = call is None
        if call is None:
            call = self.calls[call_id] = Call(call_id, clock)
        call.signalled, call.signalled_wall, call.is_answered = clock.monotonic, clock.wall, True
        try:
            return publish(call, self._party(call, tag, clock), request, self.resources, clock)
        except Fault:
            if is_new:
                self._end(call)
            raise

    def _offer(self, request: Request, clock: Clock) -> dict[str, Value]:
        """`offer`: a new call, or a new description in an old one from either party."""
        sdp = _sdp(request)
        call_id, from_tag = _call_id(request), required(request, "from-tag")
        if not sdp or "fragment" in words(request, "flags"):
            return {}  # a fragment brings candidates, which a lite agent has no use for
        if self._has_been_here(sdp, request):
            return {"sdp": sdp}
        description = _described(sdp)
        wishes = Wishes(request)
        call = self.calls.get(call_id)
        is_new = call is None
        if call is None:
            call = self._admit(call_id, wishes, clock)
        call.delete_at = 0.0
        sender = self._party(call, from_tag, clock)
        sender.label = wishes.label or sender.label
        receiver = self._receiver(call, sender, text(request, "to-tag"), text(request, "via-branch"), clock)
        if wishes.direction:
            sender.interface = self._interfaces.find(wishes.direction[0])
        if len(wishes.direction) == 2:
            receiver.interface = self._interfaces.find(wishes.direction[1])
        if sender.peer is None:
            sender.peer = receiver
        receiver.peer = sender
        try:
            rewritten = self._exchange(call, (sender, receiver), description, request, clock, is_offer=True)
        except Fault as fault:
            if is_new and fault.reason != RAN_OUT:
                self._end(call)
            raise
        return _with_recording({"sdp": rewritten}, call)

    def _answer(self, request: Request, clock: Clock) -> dict[str, Value]:
        """`answer`: names the party that the offer was for, and may come again, under another tag too.

        As releases from 13.1 on do, and unlike 10.5.3, a tag never seen is another name of the party the offer was for:
        a second fork's audio then arrives at ports somebody has been told.
        """
        sdp = _sdp(request)
        call_id = _call_id(request)
        from_tag, to_tag = required(request, "from-tag"), required(request, "to-tag")
        if self._has_been_here(sdp, request):
            return {"sdp": sdp}
        description = _described(sdp) if sdp else None
        call = self.calls.get(call_id)
        if call is None:
            raise Fault(UNKNOWN_CALL)
        if description is None:
            return {}
        wishes = Wishes(request)
        call.delete_at = 0.0
        offerer = self._party(call, from_tag, clock)
        answerer = self._answerer(call, offerer, to_tag, text(request, "via-branch"), clock)
        answerer.label = wishes.label or answerer.label
        if offerer.peer is not answerer:
            if offerer.peer is not None:
                disconnect(offerer.peer)
            offerer.peer = answerer
        answerer.peer = offerer
        call.is_answered = True
        rewritten = self._exchange(call, (answerer, offerer), description, request, clock, is_offer=False)
        for one, two in zip(offerer.media, answerer.media, strict=False):
            connect(one, two)
        return _with_recording({"sdp": rewritten}, call)

    def _has_been_here(self, sdp: bytes, request: Request) -> bool:
        """True where a description comes round again, and the wish is to leave it alone then."""
        return "loop-protect" in words(request, "flags") and self.resources.loop_mark.encode() in sdp

    def _exchange(
        self,
        call: Call,
        parties: tuple[Party, Party],
        description: Description,
        request: Request,
        clock: Clock,
        *,
        is_offer: bool,
    ) -> bytes:
        """Apply a description. Without ports the whole call ends, an established one too: as the real daemon has it."""
        call.signalled, call.signalled_wall = clock.monotonic, clock.wall
        wishes = Wishes(request)
        if wishes.records:
            record("start", call, self.resources)
        exchange = Exchange(
            call,
            parties,
            description,
            wishes,
            CodecWishes(request),
            is_offer=is_offer,
            now=clock.monotonic,
            resources=self.resources,
        )
        try:
            rewritten = exchange.run()
            refit(call, self.resources)
            return rewritten
        except Fault as fault:
            if fault.reason == RAN_OUT:
                self._end(call)
            raise

    def _delete(self, request: Request, clock: Clock) -> dict[str, Value]:
        """`delete`: the call, or one branch of it; at once or after a delay. Statistics go back where a tag was
        given."""
        call_id = required(request, "call-id")
        from_tag, to_tag = text(request, "from-tag"), text(request, "to-tag")
        branch = text(request, "via-branch")
        call = self.calls.get(call_id)
        tag = to_tag or from_tag
        if call is None or (tag and tag not in call.tags):
            if "fatal" in words(request, "flags"):
                raise Fault(NO_MATCH)
            return {"warning": NO_MATCH}
        reply = describe_call(call, frozenset(), clock.monotonic, clock.wall) if from_tag else {}
        if branch and tag:
            loser = next((party for party in call.parties if party.via_branch == branch), None)
            if loser is not None and any(party.peer is not loser for party in call.parties if party.peer is not None):
                call.remove(loser)
                return reply
        delay = number(request, "delete-delay")
        delay = self._limits.delete_delay if delay is None else delay
        if delay > 0:
            call.delete_at = clock.monotonic + delay
            heapq.heappush(self._delayed, (call.delete_at, call_id))
        else:
            self.totals.terminated += 1
            self._end(call)
        return reply

    def _query(self, request: Request, clock: Clock) -> dict[str, Value]:
        call = self.calls.get(required(request, "call-id"))
        if call is None:
            raise Fault(UNKNOWN_CALL)
        for stream in call.streams():
            self._relay.offload(stream, clock.monotonic)
        tags = frozenset(tag for key in ("from-tag", "to-tag") if (tag := text(request, key)))
        return describe_call(call, tags, clock.monotonic, clock.wall)

    def _list(self, request: Request) -> dict[str, Value]:
        limit = number(request, "limit")
        limit = 32 if limit is None else limit
        if limit < 0:
            raise Fault("invalid limit, must be >= 0")
        return {"calls": [call_id for call_id, _ in zip(self.calls, range(limit), strict=False)]}

    def _admit(self, call_id: str, wishes: Wishes, clock: Clock) -> Call:
        """A new call, where there is room."""
        if self._limits.max_sessions and len(self.calls) >= self._limits.max_sessions:
            self.totals.rejected += 1
            if wishes.has_load_limit:
                raise _LoadLimit
            raise Fault(SESSION_LIMIT)
        call = Call(call_id, clock)
        if self.key_log is not None:
            self.key_log.attach(call)
        self.calls[call_id] = call
        return call

    def _party(self, call: Call, tag: str, clock: Clock, via_branch: str = "") -> Party:
        """The party known by `tag`, made where there is none; an empty tag always makes one."""
        party = call.tags.get(tag) if tag else None
        if party is None:
            party = Party(tag, via_branch, self._interfaces.all[0], clock.wall)
            call.parties.append(party)
            if tag:
                call.tags[tag] = party
        return party

    def _receiver(self, call: Call, sender: Party, to_tag: str, via_branch: str, clock: Clock) -> Party:
        """Whom an offer is for: the tag's party, or the one that this branch was offered to already, or a new one."""
        if to_tag:
            return self._party(call, to_tag, clock, via_branch)
        for party in call.parties:
            if not party.tag and party.peer is sender and party.via_branch == via_branch:
                return party
        return self._party(call, "", clock, via_branch)

    def _answerer(self, call: Call, offerer: Party, to_tag: str, via_branch: str, clock: Clock) -> Party:
        """Who answers: the tag's party, or the branch's, or whoever the offer was for."""
        party = call.tags.get(to_tag)
        if party is not None:
            return party
        candidates = [party for party in call.parties if party.peer is offerer and party is not offerer]
        party = next((party for party in candidates if via_branch and party.via_branch == via_branch), None)
        party = party or next((party for party in candidates if not party.tag), None)
        party = party or (candidates[-1] if candidates else None)
        if party is None:
            return self._party(call, to_tag, clock, via_branch)
        call.tags[to_tag] = party
        party.tag = party.tag or to_tag
        return party

    def _end(self, call: Call) -> None:
        """Free everything; the call-id is free again."""
        if self.calls.pop(call.call_id, None) is not None:
            self.totals.add(call, self._now)
        call.close()

    def close(self) -> None:
        """End all calls."""
        for call in list(self.calls.values()):
            self._end(call)

    def handle_timer(self, clock: Clock) -> None:
        """Look at some of the calls, all of them within 25 turns: ends those whose time is over, offers streams to the
        fast path.

        A part at a time, so that thousands of calls do not hold up the packets of all.
        """
        self._now = clock.monotonic
        self.resources.handle_timer(clock.monotonic)
        while self._delayed and self._delayed[0][0] <= clock.monotonic:
            due, call_id = heapq.heappop(self._delayed)
            deleted = self.calls.get(call_id)
            if deleted is not None and deleted.delete_at == due:
                self.totals.terminated += 1
                self._end(deleted)
        if not self._sweep:
            self._sweep = list(self.calls.values())
        share = max(1, len(self.calls) // 25)
        for _ in range(min(share, len(self._sweep))):
            call = self._sweep.pop()
            if self.calls.get(call.call_id) is call:
                self._look_after(call, clock.monotonic)

    def _look_after(self, call: Call, now: float) -> None:
        """One call's deadlines."""
        if call.delete_at:
            return
        streams = call.streams()
        for stream in streams:
            self._relay.offload(stream, now)
        limits, totals = self._limits, self.totals
        if limits.final_timeout and now - call.begun >= limits.final_timeout:
            totals.final_timeouts += 1
        elif not call.is_answered:
            if now - call.signalled < limits.offer_timeout:
                return
            totals.offer_timeouts += 1
        elif _is_alive(call, now, limits):
            return
        elif any(not media.is_sending for party in call.parties if not party.sources for media in party.media):
            totals.silent_timeouts += 1
        else:
            totals.timeouts += 1
        self._end(call)


def _with_recording(reply: dict[str, Value], call: Call) -> dict[str, Value]:
    """Where the call is recorded, a reply names the files."""
    if call.recording is not None:
        reply["recordings"] = [str(call.recording.path)]
    return reply


def _sdp(request: Request) -> bytes:
    sdp = request.get("sdp")
    if not isinstance(sdp, bytes):
        raise Fault("No SDP body in message")
    return sdp


def _call_id(request: Request) -> str:
    """Offer and answer take two spellings of the key."""
    return text(request, "call-ID") or required(request, "call-id")


def _described(sdp: bytes) -> Description:
    description = parse_description(sdp)
    if not description.media:
        raise Fault(REWRITE)
    return description


def _is_alive(call: Call, now: float, limits: Limits) -> bool:
    """True while one stream is within its time: a party on hold, not expected to send, has the longer one."""
    if now - call.signalled < limits.timeout:
        return True
    for party in call.parties:
        for media in () if party.sources else party.media:
            limit = limits.timeout if media.is_sending else limits.silent_timeout
            if now - call.signalled < limit:
                return True
            if media.pair is not None and now - max(media.pair.rtp.last, media.pair.rtcp.last) < limit:
                return True
    return False
