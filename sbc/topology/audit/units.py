"""Bytes to lexical units in one canonical form, so that a token is found however it is spelt.

A unit is a run of letters, digits, dots and dashes. Case is folded, %-escapes are resolved, an IPv6 address is one
unit in the form of RFC 5952. IPv4 addresses inside a longer run (`gw-10.20.0.5`, `foo10.20.0.5`) and those written with
dashes or underscores (`ip-10-20-0-5`) become units only in `all_units`.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address
from typing import Final

from sbc.octets import holds

_KEPT: Final = b"abcdefghijklmnopqrstuvwxyz0123456789.-"
_HEX: Final = b"0123456789abcdef"


def _table(kept: bytes) -> bytes:
    out = bytearray(b" " * 256)
    for byte in kept:
        out[byte] = byte
        if 97 <= byte <= 122:
            out[byte - 32] = byte
    return bytes(out)


FOLD: Final = _table(_KEPT)
"""Translates a message to its units, set apart by spaces."""
_IPV6: Final = _table(_HEX + b":.")
_DASHED: Final = bytes.maketrans(b"_", b"-")
_NUMBERS: Final = _DASHED.translate(_table(b"0123456789-"))
_DOTTED: Final = _table(b"0123456789.")
_DIGITS_AND_DOT: Final = b"0123456789."
_DOT: Final = ord(".")  # `in` takes numbers as they are, and bytes by way of an exception
_UNDERSCORE: Final = ord("_")
_PERCENT: Final = ord("%")
_HEX_DIGITS: Final = b"0123456789abcdefABCDEF"


def units(data: bytes) -> list[bytes]:
    """The plain units of a text without escapes: what every message is checked for."""
    return data.translate(FOLD).split()


def unescape(data: bytes) -> bytes:
    """`data` with each %-escape resolved once (RFC 3261 section 19.1.2); a broken escape stays as it is."""
    if _PERCENT not in data:
        return data
    parts = data.split(b"%")
    out = [parts[0]]
    for part in parts[1:]:
        try:
            out.append(bytes([int(part[:2], 16)]) + part[2:] if len(part) > 1 and part[:2].isalnum() else b"%" + part)
        except ValueError:
            out.append(b"%" + part)
    return b"".join(out)


def may_hide_host(data: bytes, words: list[bytes]) -> bool:
    """False for most messages without a word that ends with a dot, an IPv4 address inside a longer word, or one that is
    written with dashes: `words` show the host of none of them.

    `words` are the units of `data`, but for those too short to hold a host and a dot. Branches with three numbers
    behind a dash come in every message of some peers: these dashes have to be between four groups of digits, the inner
    ones of three at most.
    """
    for word in words:
        if _DOT in word:
            parts = word.split(b".")
            if not parts[-1] or len(parts) > 4 or (len(parts) == 4 and word.translate(None, _DIGITS_AND_DOT)):
                return True
    return _is_dashed((data.replace(b"_", b"-") if _UNDERSCORE in data else data).split(b"-"))


def _is_dashed(parts: list[bytes]) -> bool:
    inner = [part for part in parts if len(part) <= 3 and part.isdigit()]
    if len(inner) < 2:
        return False
    count = 0
    for part in parts:
        if count >= 3 and part[:1].isdigit():
            return True
        if count and len(part) <= 3 and part.isdigit():
            count += 1
        elif part:
            count = 1 if part[-1:].isdigit() else 0
    return False


def may_hold_ipv6(data: bytes) -> bool:
    """False for a message without an IPv6 address: one has a double colon, or seven colons between digits."""
    return holds(data, b"::") or holds(data.translate(None, _HEX_DIGITS), b":::::::")


def inner_units(data: bytes) -> list[bytes]:
    """The IPv4 addresses inside longer words, and those that are written with dashes or underscores, in dotted form."""
    return _quads(data.translate(_DOTTED), b".") + _quads(data.translate(_NUMBERS), b"-")


def _quads(data: bytes, mark: bytes) -> list[bytes]:
    found = []
    for run in data.split():
        if run.count(mark) < 3:
            continue
        groups = [group for group in run.split(mark) if group]
        for start in range(len(groups) - 3):
            quad = b".".join(groups[start : start + 4])
            if is_ipv4(quad):
                found.append(quad)
    return found


def ipv6_units(data: bytes) -> list[bytes]:
    """The IPv6 addresses, each as RFC 5952 writes it; of one that maps an IPv4 address, that address as well."""
    found = []
    for run in data.translate(_IPV6).split():
        if run.count(b":") >= 2:
            # What stands before or behind may be cut from it: `sip:2001:db8::5`, `2001:db8::5:`, `face2001:db8::5`.
            for text in (run, run.rstrip(b":."), run.strip(b":."), run[1:], run[max(run.find(b":") - 4, 0) :]):
                address = parse_ipv6(text)
                if address is not None:
                    found.append(str(address).encode())
                    if address.ipv4_mapped is not None:
                        found.append(str(address.ipv4_mapped).encode())
                    break
    return found


def all_units(data: bytes) -> set[bytes]:
    """Every unit in every form: for the rare message that a first look found suspicious."""
    if _PERCENT in data:
        data = data + b"\n" + unescape(data)
    found = set(units(data))
    found.update([unit.rstrip(b".") for unit in found])
    found.update(inner_units(data))
    found.update(ipv6_units(data))
    return found


def parse_ipv6(text: bytes) -> IPv6Address | None:
    """An IPv6 address without brackets and zone, or None."""
    if len(text) > 45 or text.count(b":") > 7:
        return None
    try:
        return IPv6Address(text.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        return None


def is_ipv4(unit: bytes) -> bool:
    """True for four decimal numbers below 256 with dots between."""
    parts = unit.split(b".")
    if len(parts) != 4:
        return False
    return all(part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts)


def canonical_host(host: str) -> bytes:
    """A host as its unit: IPv6 without brackets in the form of RFC 5952, names and IPv4 in lower case."""
    text = host.strip().strip("[]").partition("%")[0].lower().rstrip(".").encode("utf-8", "surrogateescape")
    if b":" in text:
        address = parse_ipv6(text)
        return text if address is None else str(address).encode()
    return text


def pair_needle(host: bytes, port: int) -> bytes:
    """Host and port as a message writes them."""
    return (b"[%s]:%d" if b":" in host else b"%s:%d") % (host, port)
