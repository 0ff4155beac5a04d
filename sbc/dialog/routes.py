"""Route sets, remote targets and party values as text, as a request needs them (RFC 3261 sections 12.1, 12.2)."""

from __future__ import annotations

from typing import Final

from sbc.sip import Fault, Message, ParseError, Uri, address_end, parse_address, parse_uri, split_list, split_outside

_LONGEST: Final = 8192  # characters of a route set or a target: each of our requests has to carry them


def record_routes(message: Message) -> tuple[str, ...]:
    """The Record-Route URIs as Route values `<uri>`, in their order; raises ParseError.

    A URI in brackets is kept as written, parameters and case included (section 12.1.1); header parameters are not part
    of a route set.
    """
    values = message.get_all("Record-Route")
    if not values:
        return ()
    if sum([len(value) for value in values]) > _LONGEST:
        raise ParseError(Fault.PARAMETER, f"a route set of more than {_LONGEST} characters")
    return tuple([_bracketed(part) for value in values for part in split_list(value)])


def _bracketed(value: str) -> str:
    uri = parse_address(value).uri
    if not uri.is_sip:
        raise ParseError(Fault.SCHEME, f"a {uri.scheme} URI cannot be a route")
    if value.startswith("<"):
        return f"<{value[1 : value.index('>')].strip()}>"
    return f"<{uri}>"


def reversed_record_routes(message: Message) -> tuple[str, ...]:
    """The route set of a UAC (section 12.1.2). Malformed values give an empty one: a response cannot be refused."""
    if message.get("Record-Route") is None:
        return ()
    try:
        return record_routes(message)[::-1]
    except ParseError:
        return ()


def contact_target(message: Message) -> str:
    """The remote target that a message names: its first Contact URI, fit for a Request-URI.

    Empty where there is none, or none that a request can be sent to (12.1.1 wants sip or sips).
    """
    value = message.get("Contact")
    if value is None or value == "*" or len(value) > _LONGEST:
        return ""
    try:
        if value.startswith("<"):
            text = value[1 : value.index(">")].strip()
            uri = parse_uri(text)
            return request_uri_of(uri, text) if uri.is_sip else ""
        uri = message.contacts[0].uri
    except ParseError:
        return ""
    return request_uri_of(uri, str(uri)) if uri.is_sip else ""


def party_target(value: str) -> str:
    """The URI in a From or To value, for a peer that sent no Contact; the empty string where that is malformed too."""
    try:
        uri = parse_address(value).uri
    except ParseError:
        return ""
    return request_uri_of(uri, str(uri))


def request_uri_of(uri: Uri, text: str) -> str:
    """`text`, which is `uri` as written, without what section 19.1.1 table 1 keeps out of a Request-URI."""
    if not uri.headers and uri.param("method") is None:
        return text
    params = tuple([param for param in uri.params if param[0] != "method"])
    return str(Uri(uri.scheme, uri.user, uri.host, uri.port, params, "", uri.opaque))


def is_strict(route: str) -> bool:
    """True for a Route value `<uri>` without the `lr` parameter (section 12.2.1.1)."""
    return parse_uri(route[1:-1]).param("lr") is None


def without_tag(value: str) -> str:
    """A From or To value as written, but for its tag parameter."""
    end = address_end(value)
    if value.startswith(";tag=", end) and value.find(";", end + 1) < 0:
        return value[:end]
    parts = split_outside(value[end:], ";")
    if len(parts) == 1:
        return value
    kept = [part for part in parts[1:] if part.partition("=")[0].strip().lower() != "tag"]
    return ";".join([(value[:end] + parts[0]).rstrip(), *kept])
