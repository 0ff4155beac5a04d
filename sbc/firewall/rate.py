"""How much one source may send: a leaky bucket a source, in bounded memory."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final

_SLACK: Final = 1e-9  # seconds: sums of floats must not turn away a packet that is exactly on time


def source_key(host: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 one, since whoever has one has them all.

    An IPv4 address mapped into IPv6 counts as itself. `host` is an address without brackets or zone.
    """
    if ":" not in host:
        return host
    address = IPv6Address(host)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return f"{int(address) >> 64:x}/64"


class RateLimiter:
    """Admits `rate` packets a second from each source, and up to `burst` at once after silence (GCRA).

    One number a source is kept: the instant at which its bucket is empty again. The table has two generations of
    `capacity` / 2 sources each; when the young one is full it becomes the old one, and the former old one is forgotten.
    A flood from more sources than that gives each of them a fresh burst, but never grows the table.
    """

    __slots__ = ("_half", "_interval", "_old", "_tolerance", "_young", "refused")

    def __init__(self, rate: float, burst: int, capacity: int = 65536) -> None:
        self._interval: Final = 1.0 / rate
        self._tolerance: Final = (burst - 1) / rate + _SLACK
        self._half: Final = max(1, capacity // 2)
        self._young: dict[str, float] = {}
        self._old: dict[str, float] = {}
        self.refused = 0
        """Packets turned away so far."""

    def admit(self, source: str, now: float) -> bool:
        """True where one more packet of `source` is within its rate. A refused packet costs the source nothing."""
        empty_at = self._young.get(source)
        if empty_at is None:
            empty_at = self._old.get(source, now)
        if empty_at < now:
            empty_at = now
        if empty_at - now > self._tolerance:
            self.refused += 1
            return False
        if len(self._young) >= self._half and source not in self._young:
            self._old = self._young
            self._young = {}
        self._young[source] = empty_at + self._interval
        return True

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
