"""One body as another realm may see it: each known kind through its model, parts one by one, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.sip import ParseError, fragment_status, parse_media_type, status_fragment
from sbc.topology.bodies.conference_info import format_conference_info, parse_conference_info
from sbc.topology.bodies.dialog_info import format_dialog_info, parse_dialog_info
from sbc.topology.bodies.message_summary import format_message_summary, parse_message_summary
from sbc.topology.bodies.multipart import Part, format_multipart, is_multipart, parse_multipart
from sbc.topology.bodies.pidf import format_pidf, parse_pidf
from sbc.topology.bodies.reginfo import format_reginfo, parse_reginfo
from sbc.topology.bodies.signals import format_keys, format_media_control, format_orders
from sbc.topology.bodies.view import View
from sbc.topology.bodies.xml import BodyRefused

MAX_NESTING: Final = 2

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "dialog": ("application/dialog-info+xml",),
    "message-summary": ("application/simple-message-summary",),
    "presence": ("application/pidf+xml",),
    "reg": ("application/reginfo+xml",),
    "conference": ("application/conference-info+xml",),
}
"""The event packages that cross (RFC 4235, 3842, 3856, 3680, 4575), with the bodies of their notifications."""


PLAIN: Final[frozenset[str]] = frozenset({"text/plain"})
"""Bodies that cross as they are: what people write to each other."""


def _sipfrag(body: bytes, view: View) -> bytes:
    status = fragment_status(body)
    if not status:
        raise BodyRefused("sipfrag without a status line")
    return status_fragment(status)


_REWRITERS: Final[dict[str, Callable[[bytes, View], bytes]]] = {
    "application/dialog-info+xml": lambda body, view: format_dialog_info(parse_dialog_info(body), view),
    "application/simple-message-summary": lambda body, view: format_message_summary(parse_message_summary(body), view),
    "application/pidf+xml": lambda body, view: format_pidf(parse_pidf(body), view),
    "application/reginfo+xml": lambda body, view: format_reginfo(parse_reginfo(body), view),
    "application/conference-info+xml": lambda body, view: format_conference_info(parse_conference_info(body), view),
    "message/sipfrag": _sipfrag,
    "application/dtmf-relay": lambda body, view: format_keys(body),
    "application/dtmf": lambda body, view: format_keys(body),
    "application/media_control+xml": lambda body, view: format_media_control(body),
    "application/broadsoft": lambda body, view: format_orders(body),
}


ACCEPT: Final = ", ".join(sorted([*PLAIN, *_REWRITERS]))
"""The Accept of our 415s: what crosses without a rule."""


class Rules:
    """Which bodies cross as they are, beside `PLAIN`: what the operator lists for the trunk that gets them."""

    __slots__ = ("passed",)

    def __init__(self, passed: frozenset[str] = frozenset()) -> None:
        self.passed: Final = passed

    def takes(self, kind: str) -> bool:
        """True for a kind that needs no model."""
        return kind in PLAIN or kind in self.passed


def rewrite_body(body: bytes, content_type: str, view: View, rules: Rules, nesting: int = 0) -> tuple[bytes, str]:
    """The body and Content-Type that the viewer gets; raises BodyRefused where it must not cross.

    A part of a multipart body that may not cross is left out, unless it must be understood: then all is refused.
    """
    if is_multipart(content_type):
        return _rewrite_parts(body, content_type, view, rules, nesting)
    try:
        kind = parse_media_type(content_type).name
    except ParseError as error:
        raise BodyRefused("malformed Content-Type") from error
    rewriter = _REWRITERS.get(kind)
    if rewriter is not None:
        return rewriter(body, view), kind
    if rules.takes(kind):
        return body, content_type if kind in rules.passed else _plain(content_type)
    raise BodyRefused(f"body {kind[:60]}")


def _rewrite_parts(body: bytes, content_type: str, view: View, rules: Rules, nesting: int) -> tuple[bytes, str]:
    if nesting >= MAX_NESTING:
        raise BodyRefused("multipart within multipart")
    kept: list[Part] = []
    for part in parse_multipart(body, content_type):
        try:
            inner, kind = rewrite_body(part.body, part.content_type, view, rules, nesting + 1)
        except BodyRefused:
            if part.is_required and part.disposition:
                raise
            continue
        kept.append(Part(kind, inner, part.is_required, part.disposition))
    if not kept:
        raise BodyRefused("multipart of which nothing may cross")
    if len(kept) == 1:
        return kept[0].body, kept[0].content_type
    boundary = view.opaque(f"{nesting}{len(body)}") + view.opaque(content_type)[1:]
    subtype = "alternative" if content_type[10:21].lower() == "alternative" else "mixed"
    return format_multipart(kept, boundary), f'multipart/{subtype};boundary="{boundary}"'


def _plain(content_type: str) -> str:
    """Without parameters but for the character set."""
    kind = parse_media_type(content_type)
    charset = kind.param("charset").lower()
    return f"{kind.name};charset={charset}" if charset in ("utf-8", "us-ascii", "iso-8859-1") else kind.name
