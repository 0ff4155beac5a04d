"""What identifies one side of the node: learnt from the packets on its wire, by reading them as a nosy peer would.

Own code on purpose: the product's audit and this reader must not be wrong together. It is generous: a string that
looks like an identity is one. What crosses on purpose (numbers and user names, display names, codecs, the vocabulary
of the protocol) is left out by not being learnt.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tests.rig.frames import Packet


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "e": "content-encoding",
    "k": "supported",
    "s": "subject",
    "o": "event",
    "r": "refer-to",
    "b": "referred-by",
    "x": "session-expires",
    "u": "allow-events",
    "y": "identity",
}
_VOCABULARY = _words(
    "cseq max-forwards content-length content-type content-encoding content-disposition content-language "
    "mime-version allow supported require proxy-require unsupported expires min-expires session-expires "
    "min-se rseq rack event subscription-state accept accept-encoding accept-language allow-events "
    "privacy retry-after timestamp date info-package recv-info"
)
_NAME_ADDRESS = _words(
    "from to contact route record-route p-asserted-identity p-preferred-identity remote-party-id refer-to "
    "referred-by reply-to diversion history-info path service-route p-called-party-id p-associated-uri"
)
_USERS_CROSS = _words(
    "from to p-asserted-identity p-preferred-identity remote-party-id refer-to diversion history-info"
)
_URI = re.compile(
    r"\b(sips?|tel|https?|im|pres|xmpp|mailto):(?:([^\s@<>;,\"]*)@)?(\[[0-9a-fA-F:.]+\]|[\w.-]+)", re.ASCII
)
_IPV4 = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])", re.ASCII)
_IPV6 = re.compile(r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:\d+\.\d+\.\d+\.\d+)?", re.ASCII)
_HOST = re.compile(
    r"(?<![\w.-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9])(?![\w-])", re.IGNORECASE | re.ASCII
)
_PRODUCT = re.compile(r"[^\s()/;,]{4,}(?:/[^\s()/;,]+)?", re.ASCII)
_PIECE = re.compile(r"[^\s;,\"<>=]{8,}", re.ASCII)
_PRIVATE_ATTRIBUTES = _words(
    "ice-ufrag ice-pwd fingerprint tls-id tool ssrc msid crypto candidate remote-candidates cname "
    "key-mgmt zrtp-hash label"
)
_PLAIN_WORDS = frozenset({"-", "audio", "video", "session", "none", "call", "actpass", "active", "passive"})
_NOWHERE = frozenset({"anonymous.invalid", "anonymous", "localhost"})


class Token:
    """One identity: its canonical text, what kind it is, where and when it was first seen."""

    __slots__ = ("kind", "text", "when", "where")

    def __init__(self, kind: str, text: str, where: str, when: float = 0.0) -> None:
        self.kind = kind
        self.text = text
        self.where = where
        self.when = when

    def __repr__(self) -> str:
        return f"{self.kind} {self.text!r} ({self.where})"


def canonical(text: str) -> str:
    """Lower case, %-escapes undone: two spellings of one identity are one."""
    lowered = text.lower()
    if "%" not in lowered:
        return lowered
    return re.sub("%([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), lowered)


def is_sip(payload: bytes) -> bool:
    """Whether these bytes are a SIP message, whole or not."""
    first = payload[:2000].lstrip().split(b"\n", 1)[0]
    return b"SIP/2.0" in first or b"\r\n\r\n" in payload


def headers_of(text: str) -> Iterator[tuple[str, str]]:
    """Names (long form, lower case) and values of a message's head; folded lines joined; the start line is named
    ``.``
    """
    head = text.replace("\r\n", "\n").split("\n\n", 1)[0]
    lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    yield ".", lines[0]
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            short = name.strip().lower()
            yield COMPACT.get(short, short), value.strip()


def body_of(text: str) -> str:
    """What follows the first empty line."""
    parts = text.replace("\r\n", "\n").split("\n\n", 1)
    return parts[1] if len(parts) > 1 else ""


def addresses_in(text: str) -> Iterator[str]:
    """Every IP address written in plain form, canonical."""
    for match in _IPV4.finditer(text):
        try:
            yield str(ipaddress.IPv4Address(match[1]))
        except ValueError:
            continue
    for match in _IPV6.finditer(text):
        try:
            yield str(ipaddress.IPv6Address(match[0]))
        except ValueError:
            continue


class Tokens:
    """The identities of one side. `learn` reads a packet of its wire; `found` is what was learnt, by canonical text."""

    def __init__(self) -> None:
        self.found: dict[str, Token] = {}
        self.addresses: dict[str, Token] = {}
        self.dialog: dict[str, Token] = {}
        """Call-IDs and tags of any length, which are compared in their own places."""
        self._users: set[str] = set()
        self._now = 0.0

    def add(self, kind: str, text: str, where: str, least: int = 4) -> None:
        """One token, unless it is too short to mean anything or a plain word."""
        unit = canonical(text.strip().strip('"'))
        if len(unit) >= least and unit not in _PLAIN_WORDS and unit not in _NOWHERE:
            self.found.setdefault(unit, Token(kind, unit, where, self._now))

    def _address(self, address: str, where: str) -> None:
        if not ipaddress.ip_address(address).is_unspecified:
            self.addresses.setdefault(address, Token("address", address, where))

    def learn(self, packet: Packet) -> None:
        """Everything this packet shows of its side."""
        self._now = packet.when
        self._address(packet.source, "IP header")
        self._address(packet.destination, "IP header")
        if is_sip(packet.payload):
            text = packet.payload.decode("utf-8", "replace")
            for name, value in headers_of(text):
                self._learn_header(name, value)
            self._learn_body(body_of(text))
        else:
            for item in sdes_items(packet.payload):
                self.add("SDES", item, "RTCP")
                self._learn_places(item, "RTCP")

    def _learn_places(self, text: str, where: str) -> None:
        for address in addresses_in(text):
            self._address(address, where)
        for match in _HOST.finditer(text):
            self.add("host", match[1], where)

    def _learn_header(self, name: str, value: str) -> None:
        if name == ".":
            self._learn_uris(name, value)
            return
        if name in ("content-type", "content-disposition"):
            if (boundary := parameter(value, "boundary")) is not None:
                self.add("MIME boundary", boundary, name, 8)
            return
        if name in _VOCABULARY:
            return
        self._learn_uris(name, value)
        self._learn_places(value, name)
        if name == "via":
            for hop in value.split(","):
                if (branch := parameter(hop, "branch")) is not None:
                    self.add("branch", branch, name)
                    self.add("branch", branch.removeprefix("z9hG4bK").strip("-_."), name, 6)
        elif name in ("from", "to"):
            if (tag := parameter(value, "tag")) is not None:
                self.add("tag", tag, name)
                self.dialog.setdefault(canonical(tag), Token("tag", canonical(tag), name, self._now))
        elif name in ("call-id", "in-reply-to"):
            for one in value.split(","):
                self.add("Call-ID", one, name)
                self.add("Call-ID", one.partition("@")[0], name, 6)
                unit = canonical(one.strip())
                self.dialog.setdefault(unit, Token("Call-ID", unit, name, self._now))
        elif name in ("user-agent", "server"):
            self.add("software", value, name)
            for match in _PRODUCT.finditer(value):
                self.add("software", match[0], name)
                self.add("software", match[0].partition("/")[0], name)
        elif name not in _NAME_ADDRESS:
            self._learn_private(name, value)

    def _learn_private(self, name: str, value: str) -> None:
        if name.startswith("x-"):
            self.add("header name", name, name)
        self.add("header value", value, name)
        for match in _PIECE.finditer(value):
            self.add("header value", match[0], name)

    def _learn_uris(self, name: str, value: str) -> None:
        for match in _URI.finditer(value):
            user, host = match[2] or "", match[3].strip("[]")
            if name == "." or name in _USERS_CROSS:
                self._users.add(canonical(user.split(":")[0]))
                if match[1] == "tel":
                    self._users.add(canonical(host))
                    continue
            elif user:
                self.add(f"user in {name}", user, name)
            if not _IPV4.fullmatch(host) and ":" not in host and not host.isdigit():
                self.add("host", host, name)
        self._learn_places(value, name)

    def _learn_body(self, body: str) -> None:
        self._learn_places(body, "body")
        for line in body.split("\n"):
            if len(line) < 3 or line[1] != "=":
                continue
            key, value = line[0], line[2:].strip()
            if key == "o":
                for place, field in zip(("username", "session id", "session version"), value.split(), strict=False):
                    self.add(f"o= {place}", field, "body", 3 if place == "username" else 6)
            elif key in "siuep":
                self.add(f"{key}= line", value, "body")
            elif key == "k" or (key == "a" and is_private(value)):
                self._learn_attribute(value)

    def _learn_attribute(self, value: str) -> None:
        name, _, rest = value.partition(":")
        if name == "candidate":
            return
        self.add(f"a={name}", rest, "body")
        for piece in rest.replace("|", " ").split():
            self.add(
                f"a={name}",
                piece.removeprefix("cname:").removeprefix("inline:"),
                "body",
                4 if name == "ice-ufrag" else 6,
            )

    def identities(self) -> list[Token]:
        """What was learnt without the users that cross on purpose and without plain addresses, which are sought by
        form.
        """
        return [token for text, token in self.found.items() if text not in self._users and text not in self.addresses]


def is_private(attribute: str) -> bool:
    """Whether an SDP attribute tells who somebody is."""
    name = attribute.partition(":")[0].lower()
    return name in _PRIVATE_ATTRIBUTES or name.startswith("x-")


def parameter(value: str, name: str) -> str | None:
    """A header parameter after the last angle bracket."""
    match = re.search(rf";\s*{name}\s*=\s*(\"[^\"]*\"|[^\s;,]+)", value.rpartition(">")[2], re.IGNORECASE)
    if match is None and name == "boundary":
        match = re.search(r"boundary\s*=\s*(\"[^\"]*\"|[^\s;,]+)", value, re.IGNORECASE)
    return match[1].strip('"') if match else None


def sdes_items(payload: bytes) -> Iterator[str]:
    """The texts of the SDES packets of an RTCP compound (RFC 3550 section 6.5); nothing for anything else."""
    at = 0
    while at + 8 <= len(payload) and payload[at] >> 6 == 2 and 200 <= payload[at + 1] <= 207:
        end = at + 4 + int.from_bytes(payload[at + 2 : at + 4], "big") * 4
        if payload[at + 1] == 202:
            yield from _chunks(payload[at + 4 : end], payload[at] & 31)
        at = end


def _chunks(data: bytes, count: int) -> Iterator[str]:
    at = 0
    for _ in range(count):
        at += 4
        while at + 2 <= len(data) and data[at]:
            length = data[at + 1]
            yield data[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
        at = (at // 4 + 1) * 4
