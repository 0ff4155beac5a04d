"""The resolver against a name server of the test's own on loopback."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from sbc.lookup import Resolver, Unanswered, is_local, nameservers
from sbc.records import Naptr, Srv

interop = pytest.mark.interop


class Server(asyncio.DatagramProtocol):
    """Answers from `zone`: (name, type) to lines of (ttl, type, text). Names that are not in it do not exist."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp = 0
        self.truncates = self.is_silent = self.is_broken = False
        self.delay = 0.0
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.is_silent:
            return
        wire = self.answer(data, self.truncates)
        send = self.transport.sendto  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(self.delay, send, wire, addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        self.over_tcp += 1
        wire = self.answer(await reader.readexactly(size), False)
        writer.write(struct.pack("!H", len(wire)) + wire)
        await writer.drain()
        writer.close()

    def answer(self, data: bytes, truncated: bool) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), question.rdtype.name
        self.asked[(name, kind)] += 1
        response = dns.message.make_response(query)
        if truncated:
            response.flags |= dns.flags.TC
        elif self.is_broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.zone:
            for ttl, type_, text in self.zone[(name, kind)]:
                owner, _, value = text.rpartition("|")
                response.answer.append(dns.rrset.from_text(owner or name, ttl, "IN", type_, value))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text("example.com.", 30, "IN", "SOA", "ns. root. 1 2 3 4 30"))
        return response.to_wire()


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Resolver, Clock]]:
    """A name server over UDP and TCP, and a resolver that asks it."""
    loop = asyncio.get_running_loop()
    server, clock = Server(), Clock()
    streams = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = streams.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", server.port))
    try:
        yield server, Resolver((("127.0.0.1", server.port),), clock), clock
    finally:
        transport.close()
        streams.close()
        await streams.wait_closed()


@interop
def test_each_kind_of_record_becomes_a_value() -> None:
    async def scenario() -> None:
        async with served() as (server, resolver, _):
            server.zone = {
                ("a.example.com.", "A"): [(60, "A", "192.0.2.1"), (60, "A", "192.0.2.2")],
                ("a.example.com.", "AAAA"): [(60, "AAAA", "2001:db8::1")],
                ("_sip._udp.example.com.", "SRV"): [(60, "SRV", "10 60 5070 A.example.com.")],
                ("none.example.com.", "SRV"): [(60, "SRV", "0 0 0 .")],
                ("example.com.", "NAPTR"): [(60, "NAPTR", '50 20 "S" "SIPS+D2T" "" _sips._tcp.example.com.')],
            }
            assert (await resolver.find("A.example.com.", "A")).records == ("192.0.2.1", "192.0.2.2")
            assert (await resolver.find("a.example.com", "AAAA")).records == ("2001:db8::1",)
            server_record = Srv(10, 60, 5070, "a.example.com")
            assert (await resolver.find("_sip._udp.example.com", "SRV")).records == (server_record,)
            assert (await resolver.find("none.example.com", "SRV")).records == (Srv(0, 0, 0, ""),)
            naptr = Naptr(50, 20, "s", "sips+d2t", "_sips._tcp.example.com")
            assert (await resolver.find("example.com", "NAPTR")).records == (naptr,)

    asyncio.run(scenario())


@interop
def test_an_alias_is_followed_and_the_shortest_time_to_live_counts() -> None:
    async def scenario() -> None:
        async with served() as (server, resolver, clock):
            chain = [(5, "CNAME", "b.example.com."), (600, "A", "b.example.com.|192.0.2.1")]
            server.zone = {("a.example.com.", "A"): chain}
            assert (await resolver.find("a.example.com", "A")).records == ("192.0.2.1",)
            clock.time += 4.9
            await resolver.find("a.example.com", "A")
            assert resolver.queries == 1
            clock.time += 0.2
            await resolver.find("a.example.com", "A")
            assert resolver.queries == 2

    asyncio.run(scenario())


@interop
def test_that_there_is_none_is_remembered_for_as_long_as_the_zone_says() -> None:
    """RFC 2308 section 5."""

    async def scenario() -> None:
        async with served() as (_, resolver, clock):
            assert (await resolver.find("no.example.com", "A")).records == ()
            clock.time += 29
            assert (await resolver.find("no.example.com", "A")).records == ()
            assert resolver.queries == 1
            clock.time += 2
            await resolver.find("no.example.com", "A")
            assert resolver.queries == 2

    asyncio.run(scenario())


@interop
def test_many_askers_make_one_query() -> None:
    async def scenario() -> None:
        async with served() as (server, resolver, _):
            server.zone = {("a.example.com.", "A"): [(60, "A", "192.0.2.1")]}
            server.delay = 0.05
            found = await asyncio.gather(*[resolver.find("a.example.com", "A") for _ in range(100)])
            assert {one.records for one in found} == {("192.0.2.1",)}
            assert server.asked == {("a.example.com.", "A"): 1}

    asyncio.run(scenario())


@interop
def test_an_answer_that_was_cut_is_asked_for_over_tcp() -> None:
    """RFC 7766."""

    async def scenario() -> None:
        async with served() as (server, resolver, _):
            server.truncates = True
            server.zone = {("a.example.com.", "A"): [(60, "A", f"192.0.2.{i}") for i in range(1, 60)]}
            assert len((await resolver.find("a.example.com", "A")).records) == 59
            assert server.over_tcp == 1

    asyncio.run(scenario())


@interop
def test_a_fault_is_no_answer_and_is_not_asked_again_at_once() -> None:
    async def scenario() -> None:
        async with served() as (server, resolver, clock):
            server.is_broken = True
            for _ in range(3):
                with pytest.raises(Unanswered):
                    await resolver.find("a.example.com", "A")
            assert resolver.queries == 2
            server.is_broken = False
            clock.time += 3
            assert (await resolver.find("a.example.com", "A")).records == ()

    asyncio.run(scenario())


@interop
def test_the_next_server_is_asked_where_the_first_is_silent() -> None:
    async def scenario() -> None:
        async with served() as (silent, _, _), served() as (server, _, _):
            silent.is_silent = True
            server.zone = {("a.example.com.", "A"): [(60, "A", "192.0.2.1")]}
            resolver = Resolver((("127.0.0.1", silent.port), ("127.0.0.1", server.port)))
            assert (await resolver.find("a.example.com", "A")).records == ("192.0.2.1",)

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["", "a..b", "x" * 70 + ".example", "."])
def test_what_is_no_name_is_not_asked(name: str) -> None:
    async def scenario() -> None:
        resolver = Resolver(())
        with pytest.raises(Unanswered):
            await resolver.find(name, "A")

    asyncio.run(scenario())


def test_name_servers_are_those_of_the_machine(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nsearch a.b\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver\n", encoding="ascii")
    assert nameservers(file) == (("192.0.2.53", 53), ("fe80::1", 53))
    assert nameservers(tmp_path / "gone") == ()


def test_names_of_this_machine_are_not_for_dns(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n192.0.2.7 PBX.corp.example pbx # gone.example\n", encoding="ascii")
    assert is_local("pbx.corp.example.", file)
    assert is_local("short", file)
    assert is_local("printer.local", file)
    assert not is_local("gone.example", file)
    assert not is_local("pbx.corp.example", tmp_path / "gone")
