"""What a request asks for. Keys of the wrong shape and unknown words are ignored, as the real daemon ignores them."""

from __future__ import annotations

from typing import Final, TypeAlias

from rtpengine.bencode import Value
from rtpengine.embedded.addresses import canonical_address
from rtpengine.embedded.description import PROFILES, Fault
from rtpengine.embedded.sdes import SUITES

Request: TypeAlias = "dict[str, Value]"


def text(request: Request, key: str) -> str:
    """A string value; empty where it is missing or no string."""
    value = request.get(key)
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""


def required(request: Request, key: str) -> str:
    """A string value that has to be there."""
    value = text(request, key)
    if not value:
        raise Fault(f"No {key} in message")
    return value


def words(request: Request, key: str) -> list[str]:
    """The strings of a list value, blanks as hyphens; empty where it is missing or no list."""
    value = request.get(key)
    if not isinstance(value, list):
        return []
    return [item.decode("utf-8", "replace").replace(" ", "-") for item in value if isinstance(item, bytes)]


def number(request: Request, key: str) -> int | None:
    """An integer, or a string of digits; None where it is missing or neither."""
    value = request.get(key)
    if isinstance(value, int):
        return value
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 9:
        return int(value)
    return None


DEFAULT_TOS: Final = 184
"""EF (RFC 3246), as the real daemon marks media that nobody has a wish for."""


class Wishes:
    """The options of an offer or answer that this engine knows."""

    __slots__ = (
        "address_family",
        "can_inject",
        "direction",
        "dtls",
        "dtls_reverse",
        "generates_mid",
        "has_load_limit",
        "hides_rtcp",
        "ice",
        "is_latching",
        "is_strict",
        "is_trickling",
        "keeps_direction",
        "label",
        "osrtp",
        "protects_loop",
        "protocol",
        "received_from",
        "records",
        "replaces_origin",
        "replaces_zero",
        "rtcp_mux",
        "signalled_from",
        "strips_extensions",
        "suites",
        "tos",
        "veil_names",
        "veils",
    )

    def __init__(self, request: Request) -> None:
        flags = words(request, "flags")
        self.is_strict: Final = "strict-source" in flags
        self.is_latching: Final = "port-latching" in flags and "no-port-latching" not in flags
        self.hides_rtcp: Final = "no-rtcp-attribute" in flags
        replace = words(request, "replace")
        self.replaces_origin: Final = "origin" in replace
        self.replaces_zero: Final = "zero-address" in replace
        """A zero address, as ICE leaves in c=, is shown as ours all the same."""
        self.keeps_direction: Final = "original-sendrecv" in flags
        """The direction stays as and where it was written."""
        self.protects_loop: Final = "loop-protect" in flags
        self.strips_extensions: Final = "strip-extmap" in flags
        self.veils: Final = "veil-streams" in flags
        """Audio crosses under SSRCs, sequence numbers and timestamps of ours; an extension of this engine."""
        names = _raw(request, "veil-names")
        self.veil_names: Final = (names[0][:64], names[1][:64]) if len(names) == 2 else ("", "")
        """Of the sender's and the receiver's veil: those of another session go on under the same name."""
        self.can_inject: Final = "inject-DTMF" in flags
        self.generates_mid: Final = "generate-mid" in flags
        self.ice: Final = text(request, "ICE")
        """`force`, `remove`, `default`, `optional`, `force-relay`, or empty: as `default`."""
        self.records: Final = "record-call" in flags or text(request, "record call") in ("yes", "on")
        self.is_trickling: Final = "trickle-ICE" in flags
        self.dtls: Final = text(request, "DTLS")
        """`off`, `passive`, `active`, or empty."""
        self.dtls_reverse: Final = text(request, "DTLS-reverse")
        """The role to take toward the sender of an offer."""
        self.rtcp_mux: Final = frozenset(words(request, "rtcp-mux"))
        self.has_load_limit: Final = "load-limit" in words(request, "supports")
        self.label: Final = text(request, "label") or text(request, "from-label")
        self.osrtp: Final = frozenset(words(request, "OSRTP"))
        """`offer`, `accept` (RFC 8643)."""
        protocol = text(request, "transport protocol") or text(request, "transport-protocol")
        self.protocol: Final = protocol if protocol in PROFILES else ""
        self.suites: Final = _suites(words(request, "SDES"))
        """Names of the suites that may be offered and answered with; empty: SDES is off."""
        family = text(request, "address family")
        self.address_family: Final = family if family in ("IP4", "IP6") else ""
        tos = number(request, "TOS")
        self.tos: Final = tos if tos is not None and 0 <= tos <= 255 else DEFAULT_TOS
        self.direction: Final = _raw(request, "direction")[:2]
        source = _raw(request, "received-from")
        told = source[1] if len(source) == 2 else ""
        stands_in = "SIP-source-address" in flags
        self.received_from: Final = told if stands_in else ""
        """The address that signalling came from, where it is to stand for the one in the SDP."""
        self.signalled_from: Final = "" if stands_in else canonical_address(told, "IP6" if ":" in told else "IP4")
        """The same where it only helps to tell the peer's media from a stranger's; the real daemon ignores it then."""


def _suites(sdes: list[str]) -> frozenset[str]:
    """`off`, `no-<suite>`, `only-<suite>`."""
    if "off" in sdes:
        return frozenset()
    only = frozenset(word.removeprefix("only-") for word in sdes if word.startswith("only-"))
    return frozenset(name for name in SUITES if f"no-{name}" not in sdes and (not only or name in only))


def _raw(request: Request, key: str) -> list[str]:
    """The strings of a list as they are."""
    value = request.get(key)
    if not isinstance(value, list):
        return []
    return [item.decode("utf-8", "surrogateescape") for item in value if isinstance(item, bytes)]
