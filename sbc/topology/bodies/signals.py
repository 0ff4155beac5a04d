"""Keys and orders of INFO: small bodies that each vendor writes differently, built again from the words that matter.

`application/dtmf-relay` and `application/dtmf` (no RFC), `application/media_control+xml` (RFC 5168),
`application/broadsoft` (a vendor's orders to a phone).
"""

from __future__ import annotations

from typing import Final

from sbc.topology.bodies.xml import BodyRefused

_KEYS: Final[frozenset[str]] = frozenset("0123456789ABCDabcd*#!")
_FLASHES: Final[frozenset[str]] = frozenset({"flash", "hf"})
_MOST_KEYS: Final = 16
_LONGEST: Final = 1024
_LONGEST_DURATION: Final = 6
_ORDERS: Final[frozenset[str]] = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")
_MOST_ORDERS: Final = 8
_LONGEST_ORDER: Final = 40
_REFRESH: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>\r\n<media_control><vc_primitive><to_encoder><picture_fast_update/>'
    b"</to_encoder></vc_primitive></media_control>\r\n"
)


def format_keys(body: bytes) -> bytes:
    """The key, and how long it is pressed where that is said: lines `Signal=5` and `Duration=160`, or the key alone."""
    key, duration, is_named = "", "", False
    for line in body[:_LONGEST].decode("latin-1").splitlines():
        name, equals, value = line.partition("=")
        name, value = name.strip().lower(), value.strip()
        if name == "signal" and equals and not is_named:
            key, is_named = value, True
        elif name == "duration" and value.isascii() and value.isdigit() and len(value) <= _LONGEST_DURATION:
            duration = value
        elif not equals and not key:
            key = line.strip()
    if not key or not (key.lower() in _FLASHES or (len(key) <= _MOST_KEYS and _KEYS.issuperset(key))):
        raise BodyRefused("no key")
    if not is_named:
        return key.encode()
    return f"Signal={key}\r\n".encode() + (f"Duration={duration}\r\n".encode() if duration else b"")


def format_media_control(body: bytes) -> bytes:
    """The request for a whole picture (RFC 5168 section 5), the one order that the format has."""
    if b"picture_fast_update" not in body[:_LONGEST]:
        raise BodyRefused("media control without an order")
    return _REFRESH


def format_orders(body: bytes) -> bytes:
    """Lines of words and numbers, such as `play tone`."""
    lines = [line.strip() for line in body[:_LONGEST].decode("latin-1").splitlines() if line.strip()]
    if not lines or len(lines) > _MOST_ORDERS:
        raise BodyRefused("no orders")
    if any(len(line) > _LONGEST_ORDER or not _ORDERS.issuperset(line) for line in lines):
        raise BodyRefused("orders with something else in them")
    return "".join([f"{line}\r\n" for line in lines]).encode()
