"""What a rule may know about a request: plain values that the engine fills in, so that a policy never sees SIP."""

from __future__ import annotations

from typing import Final

_SEPARATORS: Final = str.maketrans("", "", "-.() ")  # RFC 3966 section 3: visual separators carry no meaning
_NUMBER_CHARS: Final[frozenset[str]] = frozenset("0123456789*#ABCDabcd")


def number_of(user: str) -> str:
    """The telephone number in the user part of a SIP URI or in a tel URI, or an empty string where it holds none.

    User parameters and a password are cut off, visual separators removed (RFC 3966 section 3). `alice` is no number,
    nor is `+`. Escapes are not resolved: a digit has no reason to be escaped (RFC 3261 section 19.1.2).
    """
    digits = user
    if ";" in digits or ":" in digits:
        digits = digits.partition(";")[0].partition(":")[0]
    plain = digits[1:] if digits.startswith("+") else digits
    if not _NUMBER_CHARS.issuperset(plain):
        digits = digits.translate(_SEPARATORS)
        plain = digits[1:] if digits.startswith("+") else digits
    if not plain or not _NUMBER_CHARS.issuperset(plain) or plain[0] in "ABCDabcd":
        return ""
    return digits


class Source:
    """Who sends the request: the realm it came in through, the trunk it speaks as, its address.

    `trunk` is an empty string and `stranger` true where no trunk is known by that address.
    """

    __slots__ = ("address", "port", "realm", "stranger", "transport", "trunk")

    def __init__(self, realm: str, trunk: str, address: str, port: int = 5060, transport: str = "UDP") -> None:
        self.realm: Final = realm
        self.trunk: Final = trunk
        self.stranger: Final = not trunk
        self.address: Final = address
        self.port: Final = port
        self.transport: Final = transport


class Party:
    """A URI of the request in a rule's words; `number` is the user read as a telephone number."""

    __slots__ = ("_number", "host", "scheme", "user")

    def __init__(self, user: str, host: str, scheme: str = "sip") -> None:
        self.user: Final = user
        self.host: Final = host
        self.scheme: Final = scheme
        self._number: str | None = None

    @property
    def number(self) -> str:
        """The telephone number, or an empty string."""
        if self._number is None:
            self._number = number_of(self.user)
        return self._number


class Message:
    """The request itself: method, User-Agent and the three URIs a rule may ask about."""

    __slots__ = ("from_", "method", "to", "uri", "user_agent")

    def __init__(self, method: str, uri: Party, from_: Party, to: Party, user_agent: str = "") -> None:
        self.method: Final = method
        self.uri: Final = uri
        self.from_: Final = from_
        self.to: Final = to
        self.user_agent: Final = user_agent


class Facts:
    """Everything `evaluate` may look at for one request."""

    __slots__ = ("message", "source")

    def __init__(self, source: Source, message: Message) -> None:
        self.source: Final = source
        self.message: Final = message
