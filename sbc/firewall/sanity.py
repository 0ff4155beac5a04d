"""What every request must pass, whoever sends it: RFC 3261 section 8.2 as a UAS and section 16.3 as the next hop."""

from __future__ import annotations

from enum import Enum
from typing import Final

from sbc.firewall.overload import is_emergency
from sbc.sip import Request

KNOWN_METHODS: Final[frozenset[str]] = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)
"""Methods with an RFC. Another one is answered 501; one of these that we do not serve, 405 with `ALLOW`."""

ALLOW: Final = (
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, REGISTER, REFER"
)
"""The Allow header of our own messages."""

SUPPORTED: Final = "100rel, timer, replaces, norefersub, tdialog, 199"
"""The Supported header of our own messages: what either side of a call may use of us."""

SUPPORTED_OPTIONS: Final[frozenset[str]] = frozenset({"100rel", "timer", "replaces", "norefersub", "tdialog", "199"})
"""Option tags that a peer may require of us."""

_SCHEMES: Final[frozenset[str]] = frozenset({"sip", "sips", "tel"})
_NEVER_REFUSED: Final[frozenset[str]] = frozenset({"ACK", "CANCEL"})
_ENDS_HERE: Final[frozenset[str]] = frozenset({"BYE", "OPTIONS"})
_NAMED: Final = 32  # option tags named in one refusal: an answer must not outgrow its request


class Reason(Enum):
    """Why a request was refused; the value names the counter and the log field."""

    UNKNOWN_METHOD = "unknown-method"
    URI_SCHEME = "uri-scheme"
    TOO_MANY_HOPS = "too-many-hops"
    BAD_EXTENSION = "bad-extension"
    CONTENT_ENCODING = "content-encoding"


class Verdict:
    """A refusal: the status to answer, the reason, and for a 420 the option tags that belong in Unsupported."""

    __slots__ = ("reason", "status", "unsupported")

    def __init__(self, status: int, reason: Reason, unsupported: tuple[str, ...] = ()) -> None:
        self.status: Final = status
        self.reason: Final = reason
        self.unsupported: Final = unsupported

    def __repr__(self) -> str:
        return f"<Verdict {self.status} {self.reason.value}>"


def sanity(request: Request) -> Verdict | None:
    """The refusal a request deserves, or None.

    In the order of RFC 3261 section 8.2: method (501), scheme of the Request-URI (416), hops (483, section 16.3),
    required extensions (420), encoding of the body (415). ACK and CANCEL are never refused: the one has no answer, the
    other must stop what it names, and both have their Require ignored (section 8.2.2.3). A BYE or OPTIONS out of hops
    is let in, for it ends here (section 11.2). Merged requests (482) are the transaction table's to find.
    """
    method = request.method
    if method in _NEVER_REFUSED:
        return None
    if method not in KNOWN_METHODS:
        return Verdict(501, Reason.UNKNOWN_METHOD)
    if request.uri.scheme not in _SCHEMES and not is_emergency(request):
        return Verdict(416, Reason.URI_SCHEME)
    if request.max_forwards == 0 and method not in _ENDS_HERE:
        return Verdict(483, Reason.TOO_MANY_HOPS)
    if request.get("Require") is not None or request.get("Proxy-Require") is not None:
        unsupported = _unsupported(request)
        if unsupported:
            return Verdict(420, Reason.BAD_EXTENSION, unsupported)
    if request.get("Content-Encoding") is not None and not _is_identity(request):
        return Verdict(415, Reason.CONTENT_ENCODING)
    return None


def _unsupported(request: Request) -> tuple[str, ...]:
    """The first option tags asked for and not served, each once, in that order (sections 8.2.2.3 and 16.3)."""
    asked = dict.fromkeys(request.tokens("Require") + request.tokens("Proxy-Require"))
    return tuple([tag for tag in asked if tag.lower() not in SUPPORTED_OPTIONS][:_NAMED])


def _is_identity(request: Request) -> bool:
    """True where the body is not encoded after all (section 20.12)."""
    return not request.body or all(coding.lower() == "identity" for coding in request.tokens("Content-Encoding"))
