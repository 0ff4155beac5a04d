"""What one leg has shown: the tokens that must not appear on the other."""

from __future__ import annotations

from typing import Final

from sbc.octets import holds
from sbc.sip import Message, Request
from sbc.topology.audit.units import FOLD, ipv6_units, is_ipv4
from sbc.topology.audit.vocabulary import SHORTEST, VOCABULARY

_STABLE: Final = 40  # tokens kept for the whole call; a peer that shows more pushes its own older ones out
_RECENT: Final = 8  # branches and whatever came behind the first 40: only what can still be under way
_PAIRS: Final = 8
_LONGEST: Final = 255
_SHORTEST_ADDRESS: Final = b"1.1.1.1"
_COOKIE: Final = b"z9hg4bk"
_WHOLE: Final[frozenset[str]] = frozenset({"Via", "Call-ID", "Record-Route", "Route"})
_ENDS: Final[frozenset[str]] = frozenset({"From", "To"})
_SDP_SECRETS: Final = (b"a=ice-ufrag:", b"a=ice-pwd:", b"a=fingerprint:", b"a=tls-id:", b"a=rtcp:")


class Learned:
    """Tokens one leg has shown, or that we used on it, as canonical units.

    Held as one short run of bytes, since a node holds two of these for every call; the set that look-ups want is made
    when it is needed; the audit keeps those of the legs that speak (`warm`). `shared` are hosts that several realms
    use (`Audit.shared`): such a host is no token, host and port together are one.

    From a message: Call-ID, tags, everything in Via, Record-Route and Route, hosts of From and To, Contacts. Users
    and display names of From, To and the Request-URI cross on purpose: what stands there is never learnt. Neither are
    strings under 8 bytes, words of the protocol itself and a Contact user that is a number.
    """

    __slots__ = ("_cache", "_pairs", "_recent", "_shared", "_stable", "has_ipv6", "shortest")

    def __init__(self, shared: frozenset[bytes] = frozenset()) -> None:
        self._shared: Final = shared
        self._stable = b""
        self._recent = b""
        self._pairs = b""
        self._cache: set[bytes] | None = None
        self.has_ipv6 = False
        """True once an IPv6 address was learnt: only then is a message searched for their many spellings."""
        self.shortest = len(_SHORTEST_ADDRESS)
        """No word of fewer bytes is among `tokens`."""

    @property
    def tokens(self) -> set[bytes]:
        """All units learnt, with the ports of `pairs` as hints. Made afresh unless `warm` keeps it: read only."""
        cache = self._cache
        if cache is None:
            cache = set(self._stable.split())
            cache.update(self._recent.split())
            if self._pairs:
                cache.update([pair[pair.rfind(b":") + 1 :] for pair in self._pairs.split()])
        return cache

    @property
    def pairs(self) -> list[bytes]:
        """Host and port together (`127.0.0.1:5080`), of hosts that are shared by realms."""
        return self._pairs.split()

    @property
    def kept(self) -> tuple[bytes, bytes, bytes]:
        """Everything learnt, for `bring_back`."""
        return self._stable, self._recent, self._pairs

    def bring_back(self, stable: bytes, recent: bytes, pairs: bytes, *, has_ipv6: bool) -> None:
        """What another process had learnt (`kept`)."""
        self._stable, self._recent, self._pairs = stable, recent, pairs
        self._cache = None
        self.has_ipv6 = has_ipv6
        for pair in self._pairs.split():
            self._note_port(pair[pair.rfind(b":") + 1 :])

    @property
    def is_warm(self) -> bool:
        """True while the set is kept."""
        return self._cache is not None

    def warm(self) -> set[bytes]:
        """Make the set and keep it: for a leg that is being looked up often."""
        self._cache = self.tokens
        return self._cache

    def forget_cache(self) -> None:
        """Drop the set; what was learnt stays."""
        self._cache = None

    def learn_message(self, message: Message) -> None:
        """Learn what the peer shows of itself in a message it sent."""
        bag: list[str] = []
        contacts: list[str] = []
        crossing: list[str] = []
        for name, value in message.fields:
            if name in _WHOLE:
                bag.append(value)
            elif name == "Contact":
                contacts.append(value)
            elif name in _ENDS:
                host = value.find("@", value.rfind("<") + 1)
                if host < 0:
                    host = value.rfind("<") + 1
                crossing.append(value[:host])
                bag.append(value[host:])
        known = self.tokens
        text = " ".join(bag).encode("utf-8", "surrogateescape")
        self._keep(self._new(text, known))
        if contacts:
            pieces = [piece for value in contacts for piece in value.split("<")[1:]] or contacts
            contact = " ".join(pieces).encode("utf-8", "surrogateescape")
            new = self._new(contact, known)
            if new:
                if isinstance(message, Request):
                    crossing.append(message.request_uri.partition("@")[0])
                self._keep(_without_users(new, crossing))
            text = text + b" " + contact
        if self._shared:
            self._learn_pairs(text)
        self._learn_ipv6(text)

    def learn_sdp(self, body: bytes) -> None:
        """Learn addresses, ICE credentials, fingerprints and keys of a description that the peer sent.

        Not for a call whose media is bypassed: its addresses and keys are disclosed by definition. Each leg has keys of
        its own, so those of one peer never cross to the other.
        """
        secrets: list[bytes] = []
        for line in body.split(b"\n"):
            mark = line[:2]
            if mark == b"c=":
                secrets.append(line[2:])
            elif mark == b"o=":
                secrets.append(b" ".join(line.rstrip().rsplit(b" ", 5)[1:]))
            elif line.startswith(_SDP_SECRETS):
                secrets.append(line.partition(b":")[2])
            elif line.startswith(b"a=candidate:"):
                secrets.append(_addresses(line))
            elif line.startswith(b"a=crypto:"):
                secrets.append(line.partition(b"inline:")[2])
            elif line.startswith(b"a=ssrc:"):
                secrets.append(line.partition(b"cname:")[2])
        text = b" ".join(secrets)
        self._keep(self._new(text, self.tokens))
        self._learn_ipv6(text)

    def learn_own(self, *texts: str) -> None:
        """Learn what we minted for this leg: Call-ID, tag, the user of our Contact."""
        self._keep(self._new(" ".join(texts).encode(), self.tokens))

    def _new(self, text: bytes, known: set[bytes]) -> list[bytes]:
        out: list[bytes] = []
        for unit in text.translate(FOLD).split():
            # An address is a token whatever its length.
            if len(unit) < SHORTEST and (len(unit) != len(_SHORTEST_ADDRESS) or not is_ipv4(unit)):
                continue
            if unit == b"0.0.0.0":
                continue  # nobody's address: hold in the old way (RFC 3264 section 8.4)
            if unit not in known and unit not in VOCABULARY and unit not in self._shared and unit not in out:
                out.append(unit)
        return out

    def _keep(self, new: list[bytes]) -> None:
        for unit in new:
            if len(unit) > _LONGEST:
                continue
            if self._cache is not None:
                self._cache.add(unit)
            if not unit.startswith(_COOKIE) and self._stable.count(b"\n") < _STABLE:
                self._stable += unit + b"\n"
                continue
            self._recent += unit + b"\n"
            if self._recent.count(b"\n") > _RECENT:
                self._recent = self._recent[self._recent.find(b"\n") + 1 :]
                self._cache = None

    def _learn_pairs(self, text: bytes) -> None:
        for host in self._shared:
            start = text.find(host)
            while start >= 0:
                end = start + len(host)
                if text[end : end + 1] == b"]":
                    end += 1
                if text[end : end + 1] == b":":
                    self._keep_pair(host, _leading_digits(text[end + 1 : end + 6]))
                start = text.find(host, end)

    def _keep_pair(self, host: bytes, port: bytes) -> None:
        pair = (b"[%b]:%b\n" if b":" in host else b"%b:%b\n") % (host, port)
        if port and not holds(self._pairs, pair) and self._pairs.count(b"\n") < _PAIRS:
            self._pairs += pair
            self._note_port(port)
            if self._cache is not None:
                self._cache.add(port)

    def _note_port(self, port: bytes) -> None:
        self.shortest = min(self.shortest, len(port))

    def _learn_ipv6(self, text: bytes) -> None:
        if not (holds(text, b"[") or holds(text, b"::") or holds(text, b"IP6")):
            return
        known = self.tokens
        new: list[bytes] = []
        for unit in ipv6_units(text):
            if b":" in unit and unit != b"::" and unit not in known and unit not in self._shared and unit not in new:
                new.append(unit)
        if new:
            self.has_ipv6 = True
            self._keep(new)


def _without_users(units: list[bytes], crossing: list[str]) -> list[bytes]:
    """Without users and numbers that cross on purpose, and without numbers altogether."""
    public = " ".join(crossing).encode("utf-8", "surrogateescape").translate(FOLD).split()
    return [unit for unit in units if not unit.isdigit() and unit not in public]


def _addresses(candidate: bytes) -> bytes:
    """What a candidate (RFC 8839 section 5.1) says of its peer: its priority is the same for everybody's first one."""
    words = candidate.split()
    return b" ".join(words[4:5] + words[words.index(b"raddr") + 1 :][:1] if b"raddr" in words else words[4:5])


def _leading_digits(text: bytes) -> bytes:
    while text and not text.isdigit():
        text = text[:-1]
    return text
