"""Questions to name servers over UDP, and over TCP where an answer is cut; answers kept for as long as they say."""

from __future__ import annotations

import asyncio
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from sbc.records import Naptr, Record, Srv

KEPT: Final = 4096
"""Answers remembered; the oldest goes first."""
PATIENCE: Final = 0.8
"""Seconds for one server and one try; each is asked twice."""
LONGEST: Final = 3600.0
LONGEST_NEGATIVE: Final = 300.0
"""Seconds that an answer, and that there is none, are believed at most (RFC 2308 section 5)."""
AFTER_FAILURE: Final = 2.0
"""Seconds without a new try after nobody answered (RFC 2308 section 7 allows 300)."""
_RECORDS: Final = 64
"""Records taken of one answer."""


class Answer(NamedTuple):
    """What name servers said. Without records: that there are none."""

    records: tuple[Record, ...]
    seconds: float
    """For how long that may still be believed."""


_Key = tuple[str, str]
_Wait = asyncio.Future[Answer]


class Unanswered(OSError):
    """No server gave an answer: silence, refusal, or a fault of its own."""


class Resolver:
    """Asks `servers` in turn; one instance per event loop."""

    def __init__(self, servers: tuple[tuple[str, int], ...], clock: Callable[[], float] = time.monotonic) -> None:
        self.queries = 0
        """Questions that went out."""
        self._servers: Final = servers
        self._clock: Final = clock
        self._kept: Final[OrderedDict[_Key, tuple[Answer | None, float]]] = OrderedDict()
        self._asked: Final[dict[_Key, _Wait]] = {}

    async def find(self, name: str, kind: str) -> Answer:
        """Records of a name; `kind` is `A`, `AAAA`, `SRV` or `NAPTR`. Raises Unanswered."""
        key = (name.lower().removesuffix("."), kind)
        known = self._kept.get(key)
        if known is not None and known[1] > self._clock():
            return _told(known[0], known[1] - self._clock())
        waiting = self._asked.get(key)
        if waiting is not None:
            return await asyncio.shield(waiting)
        self._asked[key] = waiting = asyncio.get_running_loop().create_future()
        answer: Answer | None = None
        try:
            answer = await self._ask(*key)
            self._keep(key, answer, answer.seconds)
        except Unanswered:
            self._keep(key, None, AFTER_FAILURE)
        finally:  # who gives up takes the others with it: they may ask again
            del self._asked[key]
            if answer is None:
                waiting.set_exception(Unanswered(f"no answer for {key[0]}"))
                waiting.exception()  # seen, should nobody else wait
            else:
                waiting.set_result(answer)
        return _told(answer, answer.seconds if answer is not None else 0.0)

    def _keep(self, key: _Key, answer: Answer | None, seconds: float) -> None:
        self._kept[key] = (answer, self._clock() + seconds)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _ask(self, name: str, kind: str) -> Answer:
        try:
            query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        except (dns.exception.DNSException, UnicodeError) as error:
            raise Unanswered(f"{name[:80]} is no name") from error
        for host, port in (*self._servers, *self._servers):
            self.queries += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    response = await _over_udp(query, host, port)
                    if response.flags & dns.flags.TC:
                        response = await _over_tcp(query, host, port)
            except (TimeoutError, OSError, EOFError, dns.exception.DNSException):
                continue
            if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return _read(response)
        raise Unanswered(f"no answer for {name}")


def _told(answer: Answer | None, seconds: float) -> Answer:
    if answer is None:
        raise Unanswered("no answer, a moment ago")
    return Answer(answer.records, seconds)


def _read(response: dns.message.Message) -> Answer:
    """The records behind aliases, and for how long to believe them (a negative answer: RFC 2308)."""
    try:
        chain = cast(dns.message.QueryMessage, response).resolve_chaining()
    except dns.exception.DNSException as error:
        raise Unanswered("an answer in circles") from error
    if chain.answer is None:
        return Answer((), min(max(float(chain.minimum_ttl), 1.0), LONGEST_NEGATIVE))
    records = [record for one in list(chain.answer)[:_RECORDS] if (record := _record(one)) is not None]
    return Answer(tuple(records), min(max(float(chain.minimum_ttl), 1.0), LONGEST))


def _record(one: dns.rdata.Rdata) -> Record | None:
    if isinstance(one, A | AAAA):
        return str(one.address)
    if isinstance(one, SRV):
        return Srv(one.priority, one.weight, one.port, _text(one.target))
    if isinstance(one, NAPTR):
        flags, service = (word.decode("ascii", "replace").lower() for word in (one.flags, one.service))
        return Naptr(one.order, one.preference, flags, service, _text(one.replacement))
    return None


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the one answer that belongs to the question; others are not ours to believe."""

    def __init__(self, query: dns.message.Message) -> None:
        self.query: Final = query
        self.answer: Final[asyncio.Future[dns.message.Message]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            response = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=False)
        except dns.exception.DNSException:
            return
        if self.query.is_response(response) and not self.answer.done():
            self.answer.set_result(response)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _over_udp(query: dns.message.Message, host: str, port: int) -> dns.message.Message:
    # A socket of its own: the kernel's random port is half of what makes an answer hard to forge (RFC 5452).
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(query), remote_addr=(host, port)
    )
    try:
        transport.sendto(query.to_wire())
        return await protocol.answer
    finally:
        transport.close()


async def _over_tcp(query: dns.message.Message, host: str, port: int) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        wire = query.to_wire()
        writer.write(struct.pack("!H", len(wire)) + wire)
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        response = dns.message.from_wire(await reader.readexactly(size), ignore_trailing=True)
    finally:
        writer.close()
    if not query.is_response(response):
        raise OSError("an answer to another question")
    return response
