"""application/simple-message-summary (RFC 3842): how many messages wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.topology.bodies.view import View
from sbc.topology.bodies.xml import BodyRefused, number_of

_CLASSES: Final[frozenset[str]] = frozenset(
    {"voice-message", "fax-message", "pager-message", "multimedia-message", "text-message", "video-message", "none"}
)
_MOST_LINES: Final = 64


@dataclass(frozen=True, slots=True)
class Count:
    """Messages of one class: new and old, and how many of each are urgent."""

    name: str
    new: str
    old: str
    urgent: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """Whether messages wait, for whom, and how many."""

    waiting: bool
    account: str
    counts: tuple[Count, ...]


def parse_message_summary(body: bytes) -> MessageSummary:
    """Read a summary; raises BodyRefused where it does not say whether messages wait. Message headers are not read."""
    head = body.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    lines = head.decode("utf-8", "replace").split("\n")
    if len(lines) > _MOST_LINES:
        raise BodyRefused("message summary over its bounds")
    waiting, account = "", ""
    counts: list[Count] = []
    for line in lines:
        name, _, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()
        if key == "messages-waiting":
            waiting = value.lower()
        elif key == "message-account":
            account = value
        elif key in _CLASSES:
            count = _count(key, value)
            if count is not None:
                counts.append(count)
    if waiting not in ("yes", "no"):
        raise BodyRefused("message summary without Messages-Waiting")
    return MessageSummary(waiting == "yes", account, tuple(counts))


def format_message_summary(summary: MessageSummary, view: View) -> bytes:
    """Write it for a viewer, the account at the viewer's domain."""
    lines = [f"Messages-Waiting: {'yes' if summary.waiting else 'no'}"]
    account = view.uri(summary.account)
    if account:
        lines.append(f"Message-Account: {account}")
    for count in summary.counts:
        name = "-".join([part.capitalize() for part in count.name.split("-")])
        urgent = f" ({count.urgent[0]}/{count.urgent[1]})" if count.urgent is not None else ""
        lines.append(f"{name}: {count.new}/{count.old}{urgent}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _count(name: str, value: str) -> Count | None:
    plain, _, tail = value.partition("(")
    new, old = _pair(plain)
    if not new or not old:
        return None
    urgent = _pair(tail.partition(")")[0])
    return Count(name, new, old, urgent if urgent[0] and urgent[1] else None)


def _pair(text: str) -> tuple[str, str]:
    first, _, second = text.partition("/")
    return number_of(first), number_of(second)
