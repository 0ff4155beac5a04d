"""From a name to servers: NAPTR, SRV and addresses, asked for as far as each step needs (RFC 3263 section 4)."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from sbc.lookup import AFTER_FAILURE, Answer, Resolver, Unanswered, is_local
from sbc.records import Located, Naptr, Record, Server, Sought, Srv
from sbc.routing import default_port, default_transport, guesses, mixed, offers_sip, services, srv_name

OF_SYSTEM: Final = 60.0
"""Seconds for which the system's resolver is believed, which does not tell how long it is."""
HALF: Final = 30.0
"""The same where the name servers answered for one family of addresses and said nothing to the other."""
SERVERS: Final = 32
"""Servers of one name at most; the rest is left out."""


class _Trust:
    """What the answers on one way allow: the shortest of their lives, and whether there was one to each question."""

    __slots__ = ("is_certain", "seconds")

    def __init__(self) -> None:
        self.seconds = float("inf")
        self.is_certain = True

    def heed(self, answer: Answer) -> None:
        """One more answer."""
        self.seconds = min(self.seconds, answer.seconds)

    def doubt(self) -> None:
        """No answer: soon to be asked again."""
        self.is_certain = False
        self.seconds = min(self.seconds, AFTER_FAILURE)


class Locator:
    """Asks the name servers; and the system for what they cannot know. Without a resolver the system alone."""

    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver: Final = resolver

    async def locate(self, sought: Sought) -> Located:
        """The servers of a name, in no more order than their numbers; never raises but for being cancelled."""
        trust = _Trust()
        servers = await self._servers(sought, trust)
        found = [server for server in servers if server.addresses]
        seconds = trust.seconds if trust.seconds != float("inf") else AFTER_FAILURE
        return Located(tuple(found), seconds, trust.is_certain)

    async def _servers(self, sought: Sought, trust: _Trust) -> list[Server]:
        transport = sought.transport or default_transport(sought.transports, sought.is_secure)
        if sought.port:  # then neither NAPTR nor SRV is asked (sections 4.1, 4.2)
            return [Server(transport, sought.port, await self._addresses(sought.name, trust))]
        ways: list[tuple[str, str]] | None
        if self._resolver is None or is_local(sought.name):
            ways = []
        elif sought.transport:
            ways = [(sought.transport, name)] if (name := srv_name(sought.name, sought.transport)) else []
        else:
            ways = await self._ways(sought, trust)
        if ways is None:
            return []
        servers = await self._chosen(ways, trust)
        if servers is not None:
            return servers
        return [Server(transport, default_port(transport), await self._addresses(sought.name, trust))]

    async def _ways(self, sought: Sought, trust: _Trust) -> list[tuple[str, str]] | None:
        """Transports with the names of their SRV records; None where the domain offers none of ours."""
        found = [one for one in await self._find(sought.name, "NAPTR", trust) if isinstance(one, Naptr)]
        if not offers_sip(found):
            return guesses(sought.name, sought.transports, sought.is_secure)
        return services(found, sought.transports, sought.is_secure) or None

    async def _chosen(self, ways: list[tuple[str, str]], trust: _Trust) -> list[Server] | None:
        """What the SRV records name; None where there are none. One of `.` says that there is no such service.

        Where they all do, the domain has none (RFC 2782).
        """
        answers = await asyncio.gather(*[self._find(name, "SRV", trust) for _, name in ways])
        found = [
            (rank, transport, record)
            for rank, ((transport, _), records) in enumerate(zip(ways, answers, strict=True))
            for record in records
            if isinstance(record, Srv)
        ][:SERVERS]
        if not found:
            return None
        found = [one for one in found if one[2].host]
        hosts = list(dict.fromkeys([record.host for _, _, record in found]))
        addresses = dict(zip(hosts, await asyncio.gather(*[self._addresses(h, trust) for h in hosts]), strict=True))
        return [
            Server(transport, record.port, addresses[record.host], rank, record.priority, record.weight)
            for rank, transport, record in found
        ]

    async def _find(self, name: str, kind: str, trust: _Trust) -> tuple[Record, ...]:
        assert self._resolver is not None
        try:
            answer = await self._resolver.find(name, kind)
        except Unanswered:
            trust.doubt()
            return ()
        trust.heed(answer)
        return answer.records

    async def _addresses(self, name: str, trust: _Trust) -> tuple[str, ...]:
        """Both families by turns. Where no name server answers the system is asked too: it may know another way."""
        if self._resolver is not None and not is_local(name):
            six, four = await asyncio.gather(self._family(name, "AAAA"), self._family(name, "A"))
            found = tuple(mixed(_texts(six), _texts(four)))
            for answer in (six, four):
                if answer is not None:
                    trust.heed(answer)
                elif found:  # some name servers never say a word to AAAA: the other family is as good as ever
                    trust.heed(Answer((), HALF))
                else:
                    trust.doubt()
            if found or (six is not None and four is not None):
                return found
        try:
            entries = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # no such name, or none that a resolver takes
            return ()
        trust.heed(Answer((), OF_SYSTEM))
        return tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in entries))

    async def _family(self, name: str, kind: str) -> Answer | None:
        assert self._resolver is not None
        try:
            return await self._resolver.find(name, kind)
        except Unanswered:
            return None


def _texts(answer: Answer | None) -> list[str]:
    return [record for record in answer.records if isinstance(record, str)] if answer is not None else []
