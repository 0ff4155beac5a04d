"""Who is calling whom, as the other side may see it: the user crosses, the host behind it does not."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address
from typing import Final

from sbc.sip import Address, Message, Uri, plain_user

ANONYMOUS: Final = "<sip:anonymous@anonymous.invalid>"
NOBODY: Final = f'"Anonymous" {ANONYMOUS}'
"""The From of a caller who wants to be nobody (RFC 3323 section 4.1.1.3)."""
_NOWHERE: Final = "anonymous.invalid"
PRIVATE: Final[frozenset[str]] = frozenset({"id", "user", "header"})
"""Words of Privacy by which a caller's identity stays in the trust domain."""
_NUMBER: Final[frozenset[str]] = frozenset("+0123456789-.()*#abcdefABCDEF")
_GLOBAL: Final[frozenset[str]] = frozenset("+0123456789-.()")
_SEPARATED: Final[frozenset[str]] = frozenset("+0123456789-.()/ ")
_IPV4: Final[frozenset[str]] = frozenset("0123456789.")
_IPV6: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF:.")


def hide_identity(address: Address, domain: str) -> str:
    """A From or To value without its tag, or an identity header's, with `domain` for its host.

    Display name and user cross on purpose. Of the URI the password, the port, user parameters (RFC 4694, 4904) and
    URI parameters go, but for `user=phone`; so do a user and a display name that are an address, or name one
    (`gw-10.20.0.5`), and whatever a user hides behind an escaped `@`. A `tel` URI has no host and stays, with a
    `phone-context` that is a number or `domain` (RFC 3966 section 5.1.5). The anonymous URI of RFC 3323 stays as it
    is. Any other scheme becomes anonymous: we cannot tell what it shows.
    """
    uri = address.uri
    if uri.scheme == "tel":
        return _named(address.display, _tel(uri.opaque, domain))
    if not uri.is_sip:
        return ANONYMOUS
    if uri.host == _NOWHERE:
        return _named(address.display, f"sip:anonymous@{_NOWHERE}")
    user = _bare_user(uri.user)
    if not user:
        return _named(address.display, f"{uri.scheme}:{domain}")
    phone = ";user=phone" if uri.params and uri.param("user") == "phone" else ""
    return _named(address.display, f"{uri.scheme}:{user}@{domain}{phone}")


def shown_user(uri: Uri) -> str:
    """The user or number alone; empty where that is an address, or nobody's whom a call could be for."""
    if uri.scheme == "tel":
        number = uri.opaque.partition(";")[0]
        return number if _NUMBER.issuperset(number) else ""
    return _bare_user(uri.user) if uri.is_sip else ""


def asks_for_privacy(message: Message) -> bool:
    """True where the sender wants its identity kept from who is not trusted (RFC 3323 section 4.2, RFC 3325 9.3)."""
    return not PRIVATE.isdisjoint(privacy_words(message))


def privacy_words(message: Message) -> set[str]:
    """What the sender asks for in Privacy, in lower case."""
    value = message.get("Privacy")
    if value is None:
        return set()
    return {word.strip().lower() for word in value.replace(",", ";").split(";")}


def _named(display: str, uri: str) -> str:
    if not display or ((display.count(".") > 2 or display.count(":") > 1) and _holds_address(display)):
        return f"<{uri}>"
    return f"{display} <{uri}>"


def _bare_user(user: str) -> str:
    if ";" in user or ":" in user:
        user = user.partition(";")[0].partition(":")[0]
    if "%" in user:
        user = user.replace("%3A", "%3a").replace("%3B", "%3b").partition("%40")[0]
        user = plain_user(user.partition("%3a")[0].partition("%3b")[0])
    if user[:1] == "[" or (user.count(".") > 2 and _holds_address(user)):
        return ""
    octets = user.replace("-", ".").replace("_", ".").split(".") if user[:1].isdigit() else []
    # Four octets between dots or dashes: an address. `1-800-555-1234` is none.
    return "" if _is_quad(octets) else user


def _holds_address(text: str) -> bool:
    """True for a text with an IP address in it; a number with dots in it is none, but for four octets and no more."""
    text = text.replace("\\", "").strip('" ')
    if _SEPARATED.issuperset(text):
        return _is_quad(text.split("."))
    for run in _runs(text, _IPV4):
        groups = run.split(".")
        if any(_is_quad(groups[start : start + 4]) for start in range(len(groups) - 3)):
            return True
    return any(map(_is_ipv6, _runs(text, _IPV6)))


def _runs(text: str, kept: frozenset[str]) -> list[str]:
    return "".join([char if char in kept else " " for char in text]).split()


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _is_quad(groups: list[str]) -> bool:
    return len(groups) == 4 and all(map(_is_octet, groups))


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255


def _tel(opaque: str, domain: str) -> str:
    number, _, tail = opaque.partition(";")
    if not number or not _NUMBER.issuperset(number):
        return f"sip:anonymous@{_NOWHERE}"
    if number[0] == "+":
        return f"tel:{number}"
    for part in tail.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "phone-context" and value[:1] == "+" and _GLOBAL.issuperset(value):
            return f"tel:{number};phone-context={value}"
    return f"tel:{number};phone-context={domain}"
