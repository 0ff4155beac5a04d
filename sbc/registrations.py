"""Our own bindings at trunks: REGISTER on a schedule, refreshed, given back at the end (RFC 3261 section 10).

The Contact is a token of ours, so that what comes for it finds the worker that registered; Call-ID and CSeq go on from
one REGISTER to the next (section 10.2). The trunk's targets are the registrars, in the order of calls.
"""

from __future__ import annotations

from typing import Final

from sbc.build import contact_value
from sbc.call import Call, CallState, Kind, Leg, Outgoing
from sbc.config import Register
from sbc.egress import Egress
from sbc.media import Side
from sbc.outputs import RegistrationChanged
from sbc.routing import NextHop
from sbc.sip import ParseError, Response, parse_number
from sbc.snapshot import listener_for
from sbc.wire import Flow, Now

PATIENCE: Final = 4.0
"""Seconds for one registrar; then the next one is asked."""
FIRST_WITHIN: Final = 2.0
"""Seconds after the start within which each trunk is registered at."""
BACK_OFF: Final = 5.0
"""Seconds until the first new try after a failure; doubled with each one."""
LONGEST_BACK_OFF: Final = 300.0
UNLOCATED: Final = 1.0
"""Seconds until a registrar whose name is being looked up is tried again."""
LONGEST_RETRY: Final = 1800


class Registering(Outgoing):
    """A REGISTER of ours under way."""

    __slots__ = ("registration",)

    def __init__(self, registration: Registration, leg: Leg) -> None:
        super().__init__(Kind.REGISTER, leg, "REGISTER")
        self.registration: Final = registration


class Registration:
    """One address of record at one trunk; a machine for the wheel, which wakes it for the next step."""

    __slots__ = (
        "call_id",
        "cseq",
        "expires",
        "failures",
        "hops",
        "is_leaving",
        "next_timer",
        "out",
        "reason",
        "since",
        "state",
        "tag",
        "token",
        "trunk",
        "until",
        "wanted",
    )

    def __init__(self, trunk: str, wanted: Register, call_id: str, tag: str, token: str, cseq: int, now: Now) -> None:
        self.trunk: Final = trunk
        self.call_id: Final = call_id
        self.tag: Final = tag
        self.token: Final = token
        """The user part of our Contact there."""
        self.wanted = wanted
        self.expires = wanted.expires
        self.cseq = cseq
        self.state = "trying"
        """`trying`, `registered`, `failed` or `gone`."""
        self.since = now
        self.until = 0.0
        """When the binding ends (monotonic), 0 where there is none."""
        self.failures = 0
        """In a row."""
        self.reason = ""
        self.hops: list[NextHop] = []
        """Registrars not tried yet this time."""
        self.out: Registering | None = None
        self.is_leaving = False
        self.next_timer: float | None = None

    def row(self, now: Now) -> dict[str, object]:
        """What `sbc trunk list` shows."""
        return {
            "aor": f"sip:{self.wanted.user}@{self.wanted.domain}",
            "state": self.state,
            "since": round(self.since.wall, 3),
            "expires_in": round(max(0.0, self.until - now.monotonic), 1) if self.until else 0.0,
            "failures": self.failures,
            "reason": self.reason,
        }


class Registrations:
    """All of them. `leave` gives the bindings back; `is_leaving` is True while registrars have not answered that."""

    __slots__ = ("_by_trunk", "_egress", "failed")

    def __init__(self, egress: Egress) -> None:
        self._egress: Final = egress
        self._by_trunk: Final[dict[str, Registration]] = {}
        self.failed = 0
        """Rounds in which no registrar took us."""

    @property
    def is_leaving(self) -> bool:
        """True while an answer to the end of a binding is awaited."""
        return any(one.is_leaving and one.out is not None for one in self._by_trunk.values())

    def find(self, trunk: str) -> Registration | None:
        """A trunk's."""
        return self._by_trunk.get(trunk)

    def show(self, rows: list[dict[str, object]], now: Now) -> None:
        """Add what is registered to the rows of `sbc trunk list`."""
        for row in rows:
            found = self._by_trunk.get(str(row["name"]))
            if found is not None:
                row["registration"] = found.row(now)

    def follow(self, now: Now) -> None:
        """Register as the configuration in force says, and nothing else, from now on."""
        egress = self._egress
        trunks = egress.snapshot.config.trunks
        for name in [name for name in self._by_trunk if name not in trunks or trunks[name].register is None]:
            self._forget(self._by_trunk.pop(name), now)
        for name, trunk in trunks.items():
            if trunk.register is None:
                continue
            known = self._by_trunk.get(name)
            if known is not None and known.wanted == trunk.register:
                continue
            mint = egress.mint
            fresh = Registration(name, trunk.register, mint.call_id(), mint.tag(), mint.token(), mint.number(16), now)
            if known is not None:
                self._forget(known, now)
            self._by_trunk[name] = fresh
            egress.own_contacts[fresh.token] = (name, trunk.register.user)
            self._set(fresh, now.monotonic + egress.draw(1000) / 1000 * FIRST_WITHIN)

    def leave(self, now: Now) -> None:
        """Give every binding back (section 10.2.2): nobody is to send us calls any more."""
        for one in self._by_trunk.values():
            one.next_timer = None
            one.is_leaving = True
            self._drop(one, now)
            if one.until:
                self._begin(one, now)

    # Steps

    def handle_timer(self, one: Registration, now: Now) -> None:
        """A REGISTER is due, or has not been answered in time."""
        one.next_timer = None
        if one.out is not None:
            self._drop(one, now)
            self._next(one, "no answer", now)
        else:
            self._begin(one, now)

    def _begin(self, one: Registration, now: Now) -> None:
        router = self._egress.snapshot.router
        one.hops = router.select((one.trunk,), self._egress.draw, now.monotonic)
        self._next(one, "no target", now)

    def _next(self, one: Registration, fault: str, now: Now) -> None:
        """To the next registrar; without one this round has failed, because of `fault`."""
        egress = self._egress
        while one.hops:
            hop = one.hops.pop(0)
            if not hop.is_address:
                places = egress.located_places(hop)
                if places is None:
                    self._set(one, now.monotonic + UNLOCATED)
                    return
                one.hops[:0] = places
            elif self._send(one, hop, 0, now):
                return
        self._fail(one, fault, 0.0, now)

    def _send(self, one: Registration, hop: NextHop, challenged: int, now: Now) -> bool:
        egress = self._egress
        config = egress.snapshot.config
        trunk = config.trunks.get(one.trunk)
        realm = config.realms[hop.realm]
        listener = listener_for(realm, hop.transport, hop.host)
        if listener is None or trunk is None:
            return False
        call = Call(egress.mint.token(), config, egress.mint, now)
        call.state = CallState.OUTSIDE
        passage = egress.snapshot.passages.between(realm.name, realm.name, one.trunk)
        flow = Flow(listener.index, hop.transport, hop.host, hop.port)
        leg = Leg(call, Side.B, realm, listener, flow, passage, egress.learned())
        leg.trunk, leg.call_id, leg.local_tag = one.trunk, one.call_id, one.tag
        leg.local_uri = leg.remote_uri = f"<sip:{one.wanted.user}@{one.wanted.domain}>"
        leg.target = f"{'sips' if hop.uri.scheme == 'sips' else 'sip'}:{one.wanted.domain}"
        leg.cseq = one.cseq
        leg.learned.learn_own(leg.call_id, leg.local_tag, one.token)
        out = Registering(one, leg)
        out.hop, out.challenged = hop, challenged
        expires = 0 if one.is_leaving else one.expires
        out.fields = [
            ("Contact", contact_value(one.token, listener, hop.uri.scheme == "sips")),
            ("Expires", str(expires)),
        ]
        one.out = out
        self._set(one, now.monotonic + (PATIENCE if one.hops or one.is_leaving else 64 * config.timers.t1))
        if not egress.request(out):
            one.out = None
            return False
        one.cseq = leg.cseq
        return True

    def answered(self, out: Registering, response: Response | None, why: str, now: Now) -> None:
        """What a registrar said; None: it could not be reached or said nothing."""
        one = out.registration
        if one.out is not out:
            return
        if response is not None and response.status < 200:
            return
        one.out = None
        one.next_timer = None
        hop = out.hop
        assert hop is not None
        status = response.status if response is not None else 0
        if response is None or status in (408, 500, 503, 504):
            self._egress.note_health(hop, "" if status not in (0, 503) else f"REGISTER: {why or status}")
            self._next(one, why or f"answered {status}", now)
        elif status < 300:
            self._egress.note_health(hop, "")
            self._egress.users.learn(out, response)
            self._take(one, response, now)
        elif self._egress.users.answers(out, response):
            if not self._send(one, hop, out.challenged + 1, now):
                self._fail(one, "withheld by the audit", 0.0, now)
        elif status == 423 and self._is_longer(one, response):
            self._send(one, hop, out.challenged, now)
        else:
            self._fail(one, f"answered {status}", _retry_after(response), now)

    def _is_longer(self, one: Registration, response: Response) -> bool:
        """Section 10.2.8: the registrar wants bindings to last longer."""
        seconds = _number(response.get("Min-Expires"))
        if not one.expires < seconds <= 86400:
            return False
        one.expires = seconds
        return True

    def _take(self, one: Registration, response: Response, now: Now) -> None:
        if one.is_leaving:
            one.until = 0.0
            self._enter(one, "gone", "", now)
            return
        seconds = _granted(one, response)
        one.failures = 0
        one.until = now.monotonic + seconds
        self._enter(one, "registered", "", now)
        # RFC 3261 section 10.2.4: before it ends; early enough for a few tries, and not all trunks at once.
        share = 0.5 if seconds < 120 else 0.8
        self._set(one, now.monotonic + seconds * (share - self._egress.draw(100) / 1000))

    def _fail(self, one: Registration, reason: str, pause: float, now: Now) -> None:
        self.failed += 1
        one.failures += 1
        if one.is_leaving:
            self._enter(one, "gone", reason, now)
            return
        if one.until <= now.monotonic:
            one.until = 0.0
        self._enter(one, "failed", reason, now)
        doubled = BACK_OFF * 2.0 ** min(one.failures - 1, 10)
        wait = min(LONGEST_BACK_OFF, doubled) * (0.75 + self._egress.draw(100) / 200)
        self._set(one, now.monotonic + max(wait, pause))

    # The inside

    def _forget(self, one: Registration, now: Now) -> None:
        """It is not configured any more, or otherwise: the binding is given back, and nobody waits for the answer."""
        one.next_timer = None
        self._drop(one, now)
        self._egress.own_contacts.pop(one.token, None)
        if one.until and one.trunk in self._egress.snapshot.config.trunks:
            one.is_leaving = True
            self._begin(one, now)

    def _enter(self, one: Registration, state: str, reason: str, now: Now) -> None:
        one.reason = reason
        if one.state != state:
            one.state = state
            one.since = now
            self._egress.report(RegistrationChanged(one.trunk, state, reason, now.wall))

    def _drop(self, one: Registration, now: Now) -> None:
        out = one.out
        one.out = None
        if out is not None:
            out.cancel_wanted = True
            if out.tx is not None:
                out.tx.user = None
                self._egress.run(out.tx, out.tx.abandon(now.monotonic))

    def _set(self, one: Registration, deadline: float) -> None:
        one.next_timer = deadline
        self._egress.wheel.arm(one, deadline)


def _granted(one: Registration, response: Response) -> int:
    """For how long: our Contact's `expires`, the Expires field, or what we asked for; never longer than that."""
    seconds = _number(response.get("Expires")) or one.expires
    try:
        if not response.is_contact_star:
            for contact in response.contacts:
                if contact.uri.user == one.token:
                    seconds = _number(contact.param("expires")) or seconds
    except ParseError:
        pass
    return max(10, min(seconds, one.expires))


def _retry_after(response: Response) -> float:
    return float(min(LONGEST_RETRY, _number((response.get("Retry-After") or "").partition(";")[0].partition("(")[0])))


def _number(text: str | None) -> int:
    try:
        return parse_number(text.strip(), "seconds") if text else 0
    except ParseError:
        return 0
