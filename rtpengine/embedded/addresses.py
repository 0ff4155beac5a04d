"""Addresses as the relay compares them: the text that the kernel prints for a source, and nothing that media must not
go to."""

from __future__ import annotations

import socket
from typing import Final, TypeAlias

Endpoint: TypeAlias = "tuple[str, int] | tuple[str, int, int, int]"
"""A socket address as `recvfrom` gives it and `sendto` takes it: IPv6 has flow label and scope behind the port."""

ZERO: Final = ("0.0.0.0", "::")
"""An address that stands for hold (RFC 2543 section B.5, RFC 3264 section 8.4)."""


def family_of(host: str) -> str:
    """`IP4` or `IP6`, of a canonical address."""
    return "IP6" if ":" in host else "IP4"


def canonical_address(text: str, family: str) -> str:
    """The address of a connection field in the kernel's spelling, or an empty string where it is no numeric unicast
    address.

    Multicast and limited broadcast are refused: the relay would multiply what it is sent. A name is refused too, as no
    part of the engine resolves names; and so is a zone, which only has a meaning on the peer's machine. The zero
    address is left to the caller.
    """
    try:
        if family == "IP4":
            raw = socket.inet_pton(socket.AF_INET, text)
            if raw[0] >= 224:
                return ""
            return socket.inet_ntop(socket.AF_INET, raw)
        if family == "IP6" and "%" not in text:
            raw = socket.inet_pton(socket.AF_INET6, text)
            if raw[0] == 0xFF:
                return ""
            return socket.inet_ntop(socket.AF_INET6, raw)
    except (OSError, ValueError):
        return ""
    return ""


def endpoint(host: str, port: int) -> Endpoint:
    """A socket address of a canonical address."""
    return (host, port, 0, 0) if ":" in host else (host, port)
