"""Networks to names: the longest prefix that holds an address, IPv4 and IPv6."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_CACHE_LIMIT: Final = 16384  # addresses remembered; a flood of new ones starts the table afresh


class PrefixTable:
    """A dictionary a prefix length, asked from the longest to the shortest. The first name given to a network stays.

    Answers are remembered by the address as written, within a bound, since the same few peers send most packets.
    """

    __slots__ = ("_cache", "_four", "_four_lengths", "_six", "_six_lengths")

    def __init__(self) -> None:
        self._four: dict[int, dict[int, str]] = {}
        self._six: dict[int, dict[int, str]] = {}
        self._four_lengths: list[int] = []
        self._six_lengths: list[int] = []
        self._cache: dict[str, str] = {}

    def add(self, network: str, name: str) -> None:
        """Give a network (or one address) to `name`. Raises ValueError for text that is neither."""
        value = ip_network(network, strict=False)
        tables = self._four if value.version == 4 else self._six
        lengths = self._four_lengths if value.version == 4 else self._six_lengths
        shift = value.max_prefixlen - value.prefixlen
        if value.prefixlen not in tables:
            tables[value.prefixlen] = {}
            lengths.append(value.prefixlen)
            lengths.sort(reverse=True)
        tables[value.prefixlen].setdefault(int(value.network_address) >> shift, name)
        self._cache = {}

    def find(self, address: str) -> str:
        """The name of the longest network that holds `address`; an empty string for none, or where it is no address.

        An IPv4 address mapped into IPv6 is looked up as IPv4: it is what a dual-stack socket shows of an IPv4 peer.
        """
        name = self._cache.get(address)
        if name is None:
            name = self._find(address)
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache = {}
            self._cache[address] = name
        return name

    def _find(self, address: str) -> str:
        try:
            value = ip_address(address)
        except ValueError:
            return ""
        if isinstance(value, IPv6Address) and value.ipv4_mapped is not None:
            value = value.ipv4_mapped
        number = int(value)
        tables = self._four if value.version == 4 else self._six
        for length in self._four_lengths if value.version == 4 else self._six_lengths:
            name = tables[length].get(number >> (value.max_prefixlen - length))
            if name is not None:
                return name
        return ""
