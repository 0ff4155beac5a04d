"""Logical interfaces: the names a controller uses in `direction`, each with the addresses behind it."""

from __future__ import annotations

import ipaddress
from typing import Final

import netifaces

from rtpengine.embedded.addresses import canonical_address, family_of
from rtpengine.embedded.dtls import Identity


class InterfaceError(ValueError):
    """An interface cannot be used as it is written; the text says why."""


class LocalAddress:
    """An address that media sockets are bound to, and the one shown for it in SDP."""

    __slots__ = ("advertised", "host")

    def __init__(self, host: str, advertised: str = "") -> None:
        self.host: Final = host
        self.advertised: Final = advertised or host

    @property
    def family(self) -> str:
        """`IP4` or `IP6`."""
        return family_of(self.host)


class Interface:
    """A name and its addresses, at most one of each family is used: the first.

    Each has a certificate of its own for DTLS: one that both sides of a call are shown would tell that they are
    sides of one call.
    """

    __slots__ = ("addresses", "identity", "name")

    def __init__(self, name: str, addresses: list[LocalAddress]) -> None:
        self.name: Final = name
        self.addresses: Final = addresses
        self.identity: Final = Identity()

    def address(self, family: str) -> LocalAddress:
        """The address of `family`, or whatever there is: as the real daemon does, without a word."""
        for address in self.addresses:
            if address.family == family:
                return address
        return self.addresses[0]


class Interfaces:
    """All of them, in the order given; an unknown name is the first one, as with the real daemon."""

    __slots__ = ("_by_name", "all")

    def __init__(self, interfaces: list[Interface]) -> None:
        if not interfaces:
            raise InterfaceError("no interface")
        self.all: Final = interfaces
        self._by_name: Final = {interface.name: interface for interface in interfaces}

    def find(self, name: str) -> Interface:
        """The interface called `name`."""
        return self._by_name.get(name, self.all[0])


def parse_interfaces(texts: list[str]) -> Interfaces:
    """`NAME/ADDRESS[!ADVERTISED]` or `ADDRESS[!ADVERTISED]`, where ADDRESS may be the name of a network interface.

    A name that comes again adds an address to it. Without a name it is `default`.
    """
    found: dict[str, list[LocalAddress]] = {}
    for text in texts:
        name, slash, rest = text.partition("/")
        if not slash:
            name, rest = "default", text
        host, _, advertised = rest.partition("!")
        if not name or not host:
            raise InterfaceError(f"{text!r} is not NAME/ADDRESS[!ADVERTISED]")
        shown = _canonical(advertised) if advertised else ""
        if advertised and not shown:
            raise InterfaceError(f"{advertised!r} in {text!r} is no address")
        address = _canonical(host)
        hosts = [address] if address else _addresses_of(host, text)
        if shown:
            hosts = [candidate for candidate in hosts if family_of(candidate) == family_of(shown)][:1]
            if not hosts:
                raise InterfaceError(f"{text!r}: no address of the family of {advertised}")
        found.setdefault(name, []).extend(LocalAddress(candidate, shown) for candidate in hosts)
    return Interfaces([Interface(name, addresses) for name, addresses in found.items()])


def _canonical(text: str) -> str:
    text = text.removeprefix("[").removesuffix("]")
    return canonical_address(text, "IP6" if ":" in text else "IP4")


def _addresses_of(device: str, text: str) -> list[str]:
    """The addresses of a network interface that media can use: first IPv4, then IPv6 that is not link-local."""
    try:
        table = netifaces.ifaddresses(device)
    except ValueError:
        raise InterfaceError(f"{text!r}: {device!r} is neither an address nor a network interface") from None
    found: list[str] = []
    for family in (netifaces.AF_INET, netifaces.AF_INET6):
        for entry in table.get(family, []):
            address = _canonical(str(entry.get("addr", "")).partition("%")[0])
            if address and not ipaddress.ip_address(address).is_link_local:
                found.append(address)
                break
    if not found:
        raise InterfaceError(f"{text!r}: {device!r} has no address that media can use")
    return found
