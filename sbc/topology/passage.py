"""What may cross from one realm to another: the table, compiled for a pair of realms, with the policy's exceptions."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from policies import HeaderRule
from sbc.config import DEFAULT_PROFILE, Config, Profile, Realm
from sbc.sip import Fields, Message, Request, Response, canonical, is_token
from sbc.topology.convert import convert, converts, paired
from sbc.topology.identity import NOBODY, PRIVATE, hide_identity, privacy_words
from sbc.topology.parties import HIDDEN
from sbc.topology.rows import TABLE
from sbc.topology.table import Action, Direction, Kind, Value
from sbc.topology.values import GUARDED, MAKERS, Maker, make, verbatim

_METHODS: Final[dict[str, Kind]] = {
    "INVITE": Kind.INVITE,
    "ACK": Kind.ACK,
    "BYE": Kind.BYE,
    "CANCEL": Kind.CANCEL,
    "INFO": Kind.INFO,
    "SUBSCRIBE": Kind.EVENT,
    "NOTIFY": Kind.EVENT,
    "PUBLISH": Kind.EVENT,
    "REFER": Kind.REFER,
    "MESSAGE": Kind.MESSAGE,
}
_COUNTED: Final = 256  # header names counted by name; a peer that sends new ones for ever fills `other`
OTHER: Final = "other"
_HISTORY: Final = "History-Info"
_USER: Final = frozenset({"user"})
_NOTHING: Final[frozenset[str]] = frozenset()
_TRUSTED: Final = {Direction.OUTWARD: Direction.WITHIN, Direction.SIDEWAYS: Direction.INWARD}
"""The column for a peer that its profile calls trusted, though its realm is not."""
_CROSSES: Final = (Action.REWRITE, Action.MAP, Action.PASS)
_EMERGENCY: Final = tuple(HeaderRule("", "", name, "pass") for name in ("Geolocation", "Geolocation-Routing"))
"""RFC 6442, RFC 6881 section 6: whoever sends help must learn where the caller is."""

Steps = dict[str, Maker | None]
"""Header name to the function that makes what crosses; None: it does not cross, and that is no news."""


class Plan:
    """What a direction and a policy's rules make of the table: shared by all passages that have both in common.

    `withheld` are identity headers that a policy passes to a side that is not trusted: a caller who asks for privacy is
    not shown there all the same (RFC 3325 section 7). `is_guarded`: that side is not trusted, so wishes for privacy are
    carried out here (RFC 3323 section 5). `nobody` are the words of Privacy that make a caller anonymous. `profile` is
    the peer's, where it wants things said in other words.
    """

    __slots__ = ("is_guarded", "nobody", "profile", "requests", "responses", "withheld")

    def __init__(
        self,
        direction: Direction,
        rules: tuple[HeaderRule, ...],
        is_emergency: bool = False,
        profile: Profile = DEFAULT_PROFILE,
    ) -> None:
        if profile.privacy == "pass":
            direction = _TRUSTED.get(direction, direction)
        self.is_guarded: Final = direction in (Direction.OUTWARD, Direction.SIDEWAYS) and not is_emergency
        self.profile: Final = profile if converts(profile) else None
        nobody = _USER if self.is_guarded else _NOTHING
        self.nobody: Final = PRIVATE if profile.privacy == "anonymise" and not is_emergency else nobody
        makers = GUARDED if self.is_guarded else MAKERS
        if is_emergency:
            rules += _EMERGENCY
        kinds = (*dict.fromkeys(_METHODS.values()), Kind.OTHER)
        crossing = _crossing(direction)
        by_kind = {kind: _steps(kind, crossing, rules, makers) for kind in kinds}
        self.requests: Final = {method: by_kind[kind] for method, kind in _METHODS.items()}
        self.requests[OTHER] = by_kind[Kind.OTHER]
        responses = (Kind.PROVISIONAL, Kind.SUCCESS, Kind.FAILURE)
        self.responses: Final = [_steps(kind, crossing, rules, makers) for kind in responses]
        if self.profile is not None:
            for steps in (*by_kind.values(), *self.responses):
                _pair(steps, makers, paired(self.profile))
        passed = {canonical(rule.name) for rule in rules if rule.action == "pass"}
        self.withheld: Final = frozenset([name for name in passed if self.is_guarded and _is_identity(name)])


class Passage:
    """What may cross into one realm from another, in each kind of message. Compiled once; a look-up a field.

    `counters` tells how often each header without a row (or a policy's leave) was dropped.
    """

    __slots__ = ("_nobody", "_profile", "_requests", "_responses", "_withheld", "counters", "domain")

    def __init__(self, domain: str, plan: Plan) -> None:
        self.domain: Final = domain
        self._requests: Final = plan.requests
        self._responses: Final = plan.responses
        self._withheld: Final = plan.withheld
        self._nobody: Final = plan.nobody
        self._profile: Final = plan.profile
        self.counters: Final[dict[str, int]] = {}

    def cross(self, message: Message, method: str) -> Fields:
        """What crosses of `message`: names and values. `method` is that of the request or of CSeq."""
        if isinstance(message, Response):
            status = message.status
            steps = self._responses[0 if status < 200 else 1 if status < 300 else 2]
        else:
            known = self._requests.get(method)
            steps = self._requests[OTHER] if known is None else known
        out: Fields = []
        for name, value in message.fields:
            if name in steps:
                maker = steps[name]
                if maker is None:
                    continue
                crossing = value if maker is verbatim else make(maker, value, self.domain)
                if crossing:
                    out.append((name, crossing))
            else:
                self._count(name)
        if self._withheld:
            words = privacy_words(message)
            if words:
                out = [field for field in out if not self._is_withheld(field[0], words)]
        return out if self._profile is None or not out else convert(out, message, self.domain, self._profile)

    def caller(self, request: Request) -> str:
        """The From, without its tag, that this realm may see: nobody's where the caller wants that (RFC 3323 5.3)."""
        if self._nobody and not self._nobody.isdisjoint(privacy_words(request)):
            return NOBODY
        return hide_identity(request.from_address, self.domain)

    def _is_withheld(self, name: str, words: set[str]) -> bool:
        return name in self._withheld and not words.isdisjoint(HIDDEN if name == _HISTORY else PRIVATE)

    def _count(self, name: str) -> None:
        counters = self.counters
        if name not in counters and len(counters) >= _COUNTED:
            name = OTHER
        counters[name] = counters.get(name, 0) + 1


class Passages:
    """Every passage of a configuration."""

    __slots__ = ("_emergency", "_passages")

    def __init__(
        self, passages: dict[tuple[str, str, str], Passage], emergency: dict[tuple[str, str, str], Passage]
    ) -> None:
        self._passages: Final = passages
        self._emergency: Final = emergency

    def between(self, ingress_realm: str, egress_realm: str, trunk: str = "") -> Passage:
        """What crosses from one realm into another, toward a trunk where it has rules of its own."""
        found = self._passages.get((ingress_realm, egress_realm, trunk))
        return self._passages[(ingress_realm, egress_realm, "")] if found is None else found

    def emergency(self, ingress_realm: str, egress_realm: str, trunk: str = "") -> Passage:
        """The same for a call for help: with the caller's place, and whatever the caller wished to keep private."""
        found = self._emergency.get((ingress_realm, egress_realm, trunk))
        return self._emergency[(ingress_realm, egress_realm, "")] if found is None else found

    def counters(self) -> dict[str, int]:
        """Headers dropped because no row and no policy knows them, over all passages."""
        total: dict[str, int] = {}
        for passage in self._passages.values():
            for name, count in passage.counters.items():
                total[name] = total.get(name, 0) + count
        return total


def direction_of(ingress: Realm, egress: Realm) -> Direction:
    """Which column of the table holds between two realms."""
    if ingress.trusted:
        return Direction.WITHIN if egress.trusted else Direction.OUTWARD
    return Direction.INWARD if egress.trusted else Direction.SIDEWAYS


def compile_passages(config: Config) -> Passages:
    """A passage for each pair of realms, and for each trunk with a profile, or that the policy's header rules name.

    A rule for a trunk outdoes one for a realm, and that one a rule for all; among equals the later one counts.
    """
    passages: dict[tuple[str, str, str], Passage] = {}
    emergency: dict[tuple[str, str, str], Passage] = {}
    headers = sorted(config.policy.headers, key=lambda rule: (rule.trunk != "", rule.realm != ""))
    for egress in config.realms.values():
        for trunk in _trunks_with_rules(config, egress):
            rules = tuple([rule for rule in headers if _applies(rule, egress.name, trunk)])
            profile = config.profile_of(egress, trunk)
            for ingress in config.realms.values():
                direction = direction_of(ingress, egress)
                for made, is_emergency in ((passages, False), (emergency, True)):
                    plan = _plan(direction, rules, is_emergency, profile)
                    made[(ingress.name, egress.name, trunk)] = Passage(egress.domain, plan)
    return Passages(passages, emergency)


@lru_cache(maxsize=256)
def _plan(direction: Direction, rules: tuple[HeaderRule, ...], is_emergency: bool, profile: Profile) -> Plan:
    """The same for every pair of realms, and after every reload, that have these in common."""
    return Plan(direction, rules, is_emergency, profile)


def _trunks_with_rules(config: Config, egress: Realm) -> list[str]:
    named = [rule.trunk for rule in config.policy.headers if rule.trunk in config.trunks]
    named += [name for name, trunk in config.trunks.items() if trunk.profile is not None]
    return ["", *dict.fromkeys([name for name in named if config.trunks[name].realm == egress.name])]


def check_header_rules(rules: tuple[HeaderRule, ...]) -> list[str]:
    """What is wrong with a policy's header rules, one sentence each: names that are no names, headers that we own."""
    out: list[str] = []
    for rule in rules:
        row = TABLE.get(canonical(rule.name))
        if not is_token(rule.name):
            out.append(f"{rule.name!r} is not a header name")
        elif row is not None and row.outward is Action.OWN:
            out.append(f"{row.name} is written by the node itself: {rule.action!r} cannot change it")
        elif rule.action not in ("pass", "drop"):
            out.append(f"action {rule.action!r} of {rule.name}: allowed are 'pass' and 'drop'")
    return out


def _applies(rule: HeaderRule, realm: str, trunk: str) -> bool:
    return (not rule.realm or rule.realm == realm) and (not rule.trunk or rule.trunk == trunk)


def _is_identity(name: str) -> bool:
    row = TABLE.get(name)
    return row is not None and row.value in (Value.IDENTITY, Value.PARTY, Value.HISTORY)


def _crossing(direction: Direction) -> list[tuple[str, int, Value]]:
    """The rows that cross in this direction: name, the kinds of message in which, and how the value is made."""
    found: list[tuple[str, int, Value]] = []
    for name, row in TABLE.items():
        if row.action(direction) in _CROSSES:
            found.append((name, row.kinds.value, row.value))
    return found


def _steps(
    kind: Kind, crossing: list[tuple[str, int, Value]], rules: tuple[HeaderRule, ...], makers: dict[Value, Maker]
) -> Steps:
    steps: Steps = dict.fromkeys(TABLE)
    bit = kind.value
    for name, kinds, value in crossing:
        if kinds & bit:
            steps[name] = makers[value]
    for rule in rules:
        name = canonical(rule.name)
        known = TABLE.get(name)
        if known is not None and known.outward is Action.OWN:
            continue
        if rule.action == "pass":
            steps[name] = makers[known.value] if known is not None else verbatim
        elif rule.action == "drop":
            steps[name] = None
    return steps


def _pair(steps: Steps, makers: dict[Value, Maker], pairs: tuple[tuple[str, str], ...]) -> None:
    """Of two headers that stand for each other both are looked at, where one may cross."""
    for one, other in pairs:
        if steps.get(one) is not None or steps.get(other) is not None:
            for name in (one, other):
                steps[name] = makers[TABLE[name].value]
