"""NAPTR, SRV and addresses, asked for as far as RFC 3263 section 4 needs them, of a resolver that knows a few names."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sbc.lookup import Answer, Resolver, Unanswered
from sbc.records import Located, Naptr, Record, Server, Sought, Srv
from sbc.supervisor.locator import Locator

ALL = frozenset({"UDP", "TCP", "TLS"})
ZONE: dict[tuple[str, str], tuple[Record, ...]] = {
    ("example.com", "NAPTR"): (
        Naptr(20, 1, "s", "sip+d2u", "_sip._udp.example.com"),
        Naptr(10, 1, "s", "sip+d2t", "_sip._tcp.example.com"),
    ),
    ("_sip._udp.example.com", "SRV"): (Srv(1, 7, 5070, "a.example.com"),),
    ("_sip._tcp.example.com", "SRV"): (Srv(2, 8, 5080, "b.example.com"), Srv(1, 9, 5090, "a.example.com")),
    ("_sips._tcp.other.example", "SRV"): (Srv(0, 0, 5071, "a.example.com"),),
    ("a.example.com", "A"): ("192.0.2.1",),
    ("a.example.com", "AAAA"): ("2001:db8::1",),
    ("b.example.com", "A"): ("192.0.2.2",),
    ("other.example", "A"): ("192.0.2.3",),
    ("plain.example", "A"): ("192.0.2.4",),
    ("tls-only.example", "NAPTR"): (Naptr(1, 1, "s", "sips+d2t", "_sips._tcp.other.example"),),
    ("numbers.example", "NAPTR"): (Naptr(1, 1, "u", "e2u+sip", ""),),
    ("numbers.example", "A"): ("192.0.2.5",),
    ("no-udp.example", "NAPTR"): (),
    ("_sip._udp.no-udp.example", "SRV"): (Srv(0, 0, 0, ""),),
    ("_sip._tcp.no-udp.example", "SRV"): (Srv(0, 0, 5060, "b.example.com"),),
    ("_sip._udp.none.example", "SRV"): (Srv(0, 0, 0, ""),),
    ("none.example", "A"): ("192.0.2.6",),
}
A = ("2001:db8::1", "192.0.2.1")


class Names(Resolver):
    """Knows `ZONE`; `silent` questions get no answer. SRV records live 30 s, the rest 60 s."""

    def __init__(self, *silent: str) -> None:
        super().__init__(())
        self.silent = silent
        self.asked: list[tuple[str, str]] = []

    async def find(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        if kind in self.silent or name in self.silent:
            raise Unanswered
        return Answer(ZONE.get((name, kind), ()), 30.0 if kind == "SRV" else 60.0)


@pytest.fixture(autouse=True)
def _no_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows no name."""

    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)


def locate(sought: Sought, names: Names | None = None) -> Located:
    return asyncio.run(Locator(names or Names()).locate(sought))


def test_naptr_chooses_transports_srv_servers_and_ports() -> None:
    """RFC 3263 sections 4.1 and 4.2; the shortest life of all answers counts."""
    located = locate(Sought("example.com", ALL))
    assert sorted(located.servers) == [
        Server("TCP", 5080, ("192.0.2.2",), 0, 2, 8),
        Server("TCP", 5090, A, 0, 1, 9),
        Server("UDP", 5070, A, 1, 1, 7),
    ]
    assert (located.seconds, located.is_certain) == (30.0, True)


def test_a_transport_in_the_uri_needs_no_naptr() -> None:
    names = Names()
    assert locate(Sought("example.com", ALL, "UDP"), names).servers == (Server("UDP", 5070, A, 0, 1, 7),)
    assert ("example.com", "NAPTR") not in names.asked


def test_a_port_in_the_uri_needs_neither_naptr_nor_srv() -> None:
    names = Names()
    assert locate(Sought("plain.example", ALL, "", 5099), names).servers == (Server("UDP", 5099, ("192.0.2.4",)),)
    assert locate(Sought("plain.example", ALL, "", 5099, True)).servers == (Server("TLS", 5099, ("192.0.2.4",)),)
    assert {kind for _, kind in names.asked} == {"A", "AAAA"}


def test_without_naptr_and_srv_it_is_the_address_at_the_default_port() -> None:
    """Also where NAPTR records speak of other things than SIP."""
    assert locate(Sought("plain.example", ALL)).servers == (Server("UDP", 5060, ("192.0.2.4",)),)
    assert locate(Sought("numbers.example", ALL)).servers == (Server("UDP", 5060, ("192.0.2.5",)),)
    assert locate(Sought("plain.example", ALL, "TLS")).servers == (Server("TLS", 5061, ("192.0.2.4",)),)


def test_without_naptr_srv_records_are_guessed_by_what_we_speak() -> None:
    """RFC 3263 section 4.1."""
    assert locate(Sought("other.example", ALL)).servers == (Server("TLS", 5071, A, 2),)
    assert locate(Sought("other.example", frozenset({"UDP"}))).servers == (Server("UDP", 5060, ("192.0.2.3",)),)


def test_a_domain_that_offers_tls_alone_is_not_reached_by_anything_less() -> None:
    """RFC 3263 section 4.1: services that the client does not support are discarded, not made up."""
    assert locate(Sought("tls-only.example", ALL)).servers == (Server("TLS", 5071, A),)
    assert locate(Sought("tls-only.example", frozenset({"UDP", "TCP"}))).servers == ()


def test_a_name_that_is_nowhere_is_nowhere_for_as_long_as_dns_says() -> None:
    located = locate(Sought("nowhere.example", ALL))
    assert (located.servers, located.seconds, located.is_certain) == ((), 30.0, True)


@pytest.mark.parametrize("silent", ["NAPTR", "SRV"])
def test_silence_on_the_way_makes_an_answer_doubtful_and_short(silent: str) -> None:
    located = locate(Sought("plain.example", ALL), Names(silent))
    assert (located.seconds, located.is_certain) == (2.0, False)


def test_names_of_this_machine_are_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.9", 0))]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    names = Names()
    assert locate(Sought("pbx", ALL), names) == Located((Server("UDP", 5060, ("192.0.2.9",)),), 60.0)
    assert names.asked == []


def test_a_service_that_a_domain_does_not_have_is_not_looked_for_at_its_address() -> None:
    """RFC 2782: a target of `.` means that the service is decidedly not available there."""
    assert locate(Sought("no-udp.example", ALL)).servers == (Server("TCP", 5060, ("192.0.2.2",), 1, 0, 0),)
    nowhere = locate(Sought("none.example", ALL))
    assert (nowhere.servers, nowhere.is_certain) == ((), True)


def test_silence_to_one_family_leaves_the_other() -> None:
    """Name servers that drop AAAA are out there. It is asked again soon; what is known is certain enough to be used."""
    located = locate(Sought("a.example.com", ALL, "UDP", 5060), Names("AAAA"))
    assert located == Located((Server("UDP", 5060, ("192.0.2.1",)),), 30.0, True)
    lost = locate(Sought("b.example.com", ALL, "UDP", 5060), Names("A"))
    assert (lost.servers, lost.is_certain) == ((), False)
