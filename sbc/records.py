"""What DNS says of a name, as values: the records that locating a SIP server needs (RFC 3263)."""

from __future__ import annotations

from typing import NamedTuple


class Srv(NamedTuple):
    """A server of a service (RFC 2782). `host` has no closing dot; `.`, which says that there is none, is left out."""

    priority: int
    weight: int
    port: int
    host: str


class Naptr(NamedTuple):
    """A transport that a domain offers (RFC 3263 section 4.1, RFC 3403). Text in lower case, no closing dot."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


Record = str | Srv | Naptr
"""A and AAAA records are their address."""
