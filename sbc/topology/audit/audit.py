"""The egress check: finished bytes against everything the other side must not show through."""

from __future__ import annotations

from typing import Final

from sbc.config import Config
from sbc.octets import holds
from sbc.topology.audit.learned import Learned
from sbc.topology.audit.statics import Forbidden, compile_forbidden, shared_hosts
from sbc.topology.audit.units import (
    FOLD,
    all_units,
    inner_units,
    ipv6_units,
    is_ipv4,
    may_hide_host,
    may_hold_ipv6,
    unescape,
)

_PORT_DIGITS: Final = 5
_WARM: Final = 512  # legs whose set is kept ready; the others make theirs again when they speak
_CROSSING_USERS: Final[frozenset[str]] = frozenset(
    {
        "start-line",
        "From",
        "To",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Remote-Party-ID",
        "Diversion",
        "Refer-To",
        "Referred-By",
    }
)


class Finding:
    """A token of another realm in a finished message, in canonical form, and where it stands.

    `place` is a header name, `start-line` or `body`. `peer_chosen` tells a token that the other peer made up from one
    that the configuration names: toward the trusted side the former is only reported.
    """

    __slots__ = ("peer_chosen", "place", "token")

    def __init__(self, token: bytes, place: str, peer_chosen: bool = True) -> None:
        self.token: Final = token
        self.place: Final = place
        self.peer_chosen: Final = peer_chosen

    def __repr__(self) -> str:
        return f"<Finding {self.token!r} in {self.place}>"


class Audit:
    """Knows what each realm must not see (design 3a, "What the audit forbids"); one for each configuration.

    `check` looks at bytes and shares no code with what built them. It decides nothing: `Finding`s go to the engine,
    which strips, blocks or reports. Media addresses in a bypassed call are exempt by kind (`disclosed`).
    """

    __slots__ = ("_forbidden", "_next", "_warm", "shared")

    def __init__(self, config: Config) -> None:
        self._forbidden: Final[dict[str, Forbidden]] = compile_forbidden(config)
        self.shared: Final[frozenset[bytes]] = shared_hosts(config)
        """Hosts that count only with their port: give it to each `Learned`."""
        self._warm: Final[list[Learned | None]] = [None] * _WARM
        self._next = 0

    def check(
        self,
        data: bytes,
        egress_realm: str,
        foreign: Learned | None = None,
        own: Learned | None = None,
        *,
        disclosed: bool = False,
    ) -> list[Finding]:
        """What `data`, sent into `egress_realm`, shows of other realms; an empty list for nearly every message.

        `foreign` is what the other leg has shown, `own` what the peer who gets the message sent itself: that may go
        back.
        """
        forbidden = self._forbidden[egress_realm]
        text = unescape(data)
        folded = text.translate(FOLD)
        words = folded.split()
        has_ipv6 = forbidden.has_ipv6
        shortest = forbidden.shortest if foreign is None else min(forbidden.shortest, foreign.shortest)
        telling = [word for word in words if len(word) >= shortest]
        doubtful = not forbidden.units.isdisjoint(telling)
        if foreign is not None:
            tokens = foreign.tokens if foreign.is_warm else self._warmed(foreign)
            doubtful = doubtful or not tokens.isdisjoint(telling)
            has_ipv6 = has_ipv6 or foreign.has_ipv6
        for needle in forbidden.needles:
            doubtful = doubtful or holds(folded, needle)
        if not (doubtful or may_hide_host(text, telling) or (has_ipv6 and may_hold_ipv6(text))):
            return []
        ban = _Ban(forbidden, foreign, own)
        if not ban.is_broken_by(text, words):
            return []
        return [finding for finding in ban.findings(data) if not (disclosed and finding.place == "body")]

    def _warmed(self, foreign: Learned) -> set[bytes]:
        cold = self._warm[self._next]
        if cold is not None:
            cold.forget_cache()
        self._warm[self._next] = foreign
        self._next = (self._next + 1) % _WARM
        return foreign.warm()


class _Ban:
    """What is forbidden in one message once its receiver's own tokens are taken off: exact, and rarely needed."""

    __slots__ = ("allowed", "chosen", "forbidden", "names", "pairs")

    def __init__(self, forbidden: Forbidden, foreign: Learned | None, own: Learned | None) -> None:
        self.forbidden: Final = forbidden
        allowed = set(forbidden.own)
        if own is not None:
            allowed |= own.tokens
            allowed.update(own.pairs)
        learned = foreign.tokens if foreign is not None else set()
        self.allowed: Final = allowed
        self.chosen: Final[set[bytes]] = {token for token in learned if len(token) > _PORT_DIGITS} - allowed
        self.names: Final[set[bytes]] = (self.chosen | forbidden.names) - allowed
        pairs = set(forbidden.pairs)
        if foreign is not None:
            pairs.update(foreign.pairs)
        self.pairs: Final[set[bytes]] = pairs - allowed

    def is_broken_by(self, text: bytes, words: list[bytes]) -> bool:
        """A quick second look, for where both sides share hosts and ports and the first look always hits."""
        if not self.names.isdisjoint(words):
            return True
        lower = text.lower()
        for pair in self.pairs:
            if holds(lower, pair):
                return True
        forms = ipv6_units(text) + [word.rstrip(b".") for word in words if word[-1:] == b"."]
        if may_hide_host(text, words):
            forms += inner_units(text)
        if not self.names.isdisjoint(forms):
            return True
        forbidden = self.forbidden
        if forbidden.needles or forbidden.networks:
            return any(self._is_covered(unit) for unit in words + forms)
        return False

    def _is_covered(self, unit: bytes) -> bool:
        return (b"." in unit or b":" in unit) and unit not in self.allowed and self.forbidden.covers(unit)

    def findings(self, data: bytes) -> list[Finding]:
        """Each forbidden token once for each line it stands in."""
        shown = inner_units(b" ".join(self.allowed))  # `Call-ID: 7-10.20.9.9` goes back to its peer
        self.allowed.update(shown)
        self.names.difference_update(shown)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        out = self._in_line("start-line", lines[0])
        for line in lines[1:]:
            out += self._in_line(line.partition(b":")[0].decode("ascii", "replace").strip(), line)
        return out + self._in_text("body", body)

    def _in_line(self, place: str, line: bytes) -> list[Finding]:
        if place not in _CROSSING_USERS:
            return self._in_text(place, line)
        user, at, rest = line.partition(b"@")
        if not at:
            return self._in_text(place, line)
        # Names and numbers cross on purpose; an address in their place does not.
        hidden = [one for one in self._in_text(place, user) if not one.peer_chosen or is_address(one.token)]
        return hidden + self._in_text(place, rest)

    def _in_text(self, place: str, text: bytes) -> list[Finding]:
        found = all_units(text)
        tokens = found & self.names
        if self.forbidden.needles or self.forbidden.networks:
            tokens.update([unit for unit in found if self._is_covered(unit)])
        lower = text.lower()
        tokens.update([pair for pair in self.pairs if _holds_pair(lower, pair)])
        return [Finding(token, place, token in self.chosen) for token in sorted(tokens)]


def is_address(token: bytes) -> bool:
    """True for an IP address in canonical form."""
    return is_ipv4(token) or b":" in token


def _holds_pair(text: bytes, pair: bytes) -> bool:
    """True where host and port stand as a unit: `10.0.0.1:50` is in `gw-10.0.0.1:50`, not in `110.0.0.1:5060`.

    What is before a name would be part of it: `x-pbx:5080` is another host than `pbx:5080`.
    """
    is_name = not pair[:1].isdigit() and pair[:1] != b"["
    start = text.find(pair)
    while start >= 0:
        before, after = text[start - 1 : start] if start else b"", text[start + len(pair) : start + len(pair) + 1]
        is_longer = before == b"." or before.isdigit() or (is_name and (before == b"-" or before.isalpha()))
        if not is_longer and not after.isdigit():
            return True
        start = text.find(pair, start + 1)
    return False
