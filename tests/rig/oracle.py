"""The leak oracle: is anything of one side seen on the other? It reads wires and knows nothing of the product.

A token of realm R in a packet that the node sends to realm E is a leak, unless a peer of E had said it before: then
it is E's own. What the node minted belongs to the side that saw it first. Addresses are sought in every textual form
(dotted, dashed, padded, hexadecimal, decimal, IPv6 however written), in RTCP also as bytes; other tokens anywhere in
the packet when they are long, as whole words when they are short.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from tests.rig.frames import Packet
from tests.rig.tokens import Token, Tokens, addresses_in, canonical, headers_of, is_sip, parameter, sdes_items

_LONG = 8
_MOST_SEARCHED = 20_000
_WORD = re.compile(r"[^\s;,<>\"=:@/()\[\]]+")


class Leak:
    """One token on the wrong side."""

    __slots__ = ("packet", "place", "token")

    def __init__(self, packet: Packet, token: Token, place: str) -> None:
        self.packet = packet
        self.token = token
        self.place = place

    def __repr__(self) -> str:
        return f"LEAK of {self.token} in {self.place} of [{self.packet}]"


class _Seen:
    """What peers of one realm have said so far, for the question whose a token is."""

    def __init__(self) -> None:
        self._text = ""
        self.addresses: set[str] = set()

    def add(self, packet: Packet) -> None:
        text = canonical(packet.payload.decode("utf-8", "replace"))
        self._text += "\n" + text
        self.addresses.update(addresses_in(text))

    def said(self, text: str) -> bool:
        return text in self._text


def _form(address: str) -> re.Pattern[str]:
    four = ipaddress.IPv4Address(address)
    octets = r"[.\-_]".join(f"0{{0,2}}{octet}" for octet in str(four).split("."))
    return re.compile(
        rf"(?<![\d]){octets}(?!\d)|(?<![0-9a-f])(?:0x)?{four.packed.hex()}(?![0-9a-f])|(?<![\d.]){int(four)}(?![\d.])"
    )


class Oracle:
    """Looks for tokens of `foreign` in what the node sent to another realm.

    `secrets` are strings that must not appear on any wire but the trusted ones; `allowed` are tokens let through on
    purpose.
    """

    def __init__(
        self, foreign: Tokens, own_addresses: set[str], secrets: Iterable[str], allowed: Iterable[str]
    ) -> None:
        self._allowed = {canonical(text) for text in allowed}
        self._addresses = {
            address: token
            for address, token in foreign.addresses.items()
            if address not in own_addresses and address not in self._allowed
        }
        self._forms = [
            (_form(address), token)
            for address, token in self._addresses.items()
            if "." in address and ":" not in address
        ]
        self._tokens = {token.text: token for token in foreign.identities() if token.text not in self._allowed}
        for secret in secrets:
            self._tokens[canonical(secret)] = Token("secret", canonical(secret), "configuration")
        self._long = [token for token in self._tokens.values() if len(token.text) >= _LONG][:_MOST_SEARCHED]
        self._dialog = {text: token for text, token in foreign.dialog.items() if text not in self._allowed}

    def inspect(self, packet: Packet, seen: _Seen) -> list[Leak]:
        """The leaks of one packet that the node sent."""
        raw = packet.payload.decode("utf-8", "replace")
        text = canonical(raw)
        found: dict[str, Token] = {}
        for form, token in self._forms:
            if form.search(text) or (not is_sip(packet.payload) and _packed(token.text) in packet.payload):
                found[token.text] = token
        for address in addresses_in(text):
            if address in self._addresses:
                found[address] = self._addresses[address]
        for token in self._long:
            if token.text in text:
                found[token.text] = token
        if is_sip(packet.payload):
            for word in _WORD.findall(text):
                if word in self._tokens:
                    found[word] = self._tokens[word]
            found.update(self._in_dialog_places(raw))
        return [
            Leak(packet, token, _place(raw, unit))
            for unit, token in found.items()
            if token.when <= packet.when and not seen.said(unit) and unit not in seen.addresses
        ]

    def _in_dialog_places(self, raw: str) -> dict[str, Token]:
        found: dict[str, Token] = {}
        for name, value in headers_of(raw):
            unit = canonical(
                value if name == "call-id" else (parameter(value, "tag") or "") if name in ("from", "to") else ""
            )
            if unit in self._dialog:
                found[unit] = self._dialog[unit]
        return found


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _place(raw: str, unit: str) -> str:
    if not raw.isprintable() and "\n" not in raw:
        return "payload"
    for name, value in headers_of(raw):
        if unit in canonical(f"{name}: {value}"):
            return "start line" if name == "." else name
    return "body"


def find_leaks(
    packets: Iterable[Packet],
    *,
    secrets: Iterable[str] = (),
    allowed: Iterable[str] = (),
    trusted: Iterable[str] = ("inside",),
) -> list[Leak]:
    """Every leak between the realms of these packets, in the order of the wire."""
    everything = list(packets)
    realms = sorted({packet.realm for packet in everything})
    allowed = tuple(allowed)
    tokens = {realm: Tokens() for realm in realms}
    wires: dict[str, set[str]] = {realm: set() for realm in realms}
    for packet in everything:
        tokens[packet.realm].learn(packet)
        wires[packet.realm].update((packet.source, packet.destination))
    leaks: list[Leak] = []
    for realm in realms:
        hidden = () if realm in trusted else tuple(secrets)
        oracles = [Oracle(tokens[other], wires[realm], hidden, allowed) for other in realms if other != realm] or [
            Oracle(Tokens(), wires[realm], hidden, allowed)
        ]
        seen = _Seen()
        for packet in everything:
            if packet.realm != realm:
                continue
            if not packet.from_node:
                seen.add(packet)
                continue
            for oracle in oracles:
                leaks.extend(oracle.inspect(packet, seen))
    return leaks


def names_of_engine(packets: Iterable[Packet]) -> set[str]:
    """What the media engine calls itself in RTCP on every side, and no peer has ever said.

    The rtpengine daemon has one CNAME for all that it sends, a random one each start; the embedded engine has none.
    """
    said: dict[tuple[str, bool], set[str]] = {}
    for packet in packets:
        if not is_sip(packet.payload):
            said.setdefault((packet.realm, packet.from_node), set()).update(sdes_items(packet.payload))
    ours = [names for (_, from_node), names in said.items() if from_node]
    theirs = [names for (_, from_node), names in said.items() if not from_node]
    return set[str].intersection(*ours).difference(*theirs) if ours else set()


def assert_no_leak(packets: Iterable[Packet], *, secrets: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
    """Raise with every leak named if there is one, or if there was nothing to look at."""
    everything = list(packets)
    sent = {packet.realm for packet in everything if packet.from_node and is_sip(packet.payload)}
    assert sent, "the oracle saw nothing that the node sent"
    leaks = find_leaks(everything, secrets=secrets, allowed=allowed)
    assert not leaks, "\n".join(repr(leak) for leak in leaks[:20])
