"""Event and Subscription-State (RFC 6665 sections 8.2.1 and 8.2.3)."""

from __future__ import annotations

from typing import Final

from sbc.sip.cseq import MAX_UINT32
from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params


class Event:
    """An event package in lower case with its parameters; `id` tells subscriptions of one dialog apart."""

    __slots__ = ("package", "params")

    def __init__(self, package: str, params: Params = ()) -> None:
        self.package: Final = package
        self.params: Final = params

    @property
    def id(self) -> str:
        """The `id` parameter, or an empty string."""
        return get_param(self.params, "id") or ""

    def __str__(self) -> str:
        return self.package + format_params(self.params)


class SubscriptionState:
    """`active`, `pending`, `terminated` or an extension, in lower case, with its parameters."""

    __slots__ = ("params", "state")

    def __init__(self, state: str, params: Params = ()) -> None:
        self.state: Final = state
        self.params: Final = params

    @property
    def reason(self) -> str:
        """The `reason` parameter in lower case, or an empty string."""
        return (get_param(self.params, "reason") or "").lower()

    @property
    def expires(self) -> int | None:
        """Seconds left, or None where they are not told."""
        return _seconds(get_param(self.params, "expires"))

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before subscribing again, or None where they are not told."""
        return _seconds(get_param(self.params, "retry-after"))

    def __str__(self) -> str:
        return self.state + format_params(self.params)


def parse_event(text: str) -> Event:
    """Parse an Event value; raises ParseError."""
    package, params = _parse(text, "Event")
    return Event(package, params)


def parse_subscription_state(text: str) -> SubscriptionState:
    """Parse a Subscription-State value; raises ParseError."""
    state, params = _parse(text, "Subscription-State")
    return SubscriptionState(state, params)


def _parse(text: str, header: str) -> tuple[str, Params]:
    head, semicolon, tail = text.partition(";")
    head = head.strip()
    if not is_token(head):
        raise ParseError(Fault.PARAMETER, f"malformed {header} {text[:60]!r}")
    return head.lower(), parse_params(tail) if semicolon else ()


def _seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_UINT32:
        return None
    return int(text)
