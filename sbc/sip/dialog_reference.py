"""Headers that name a dialog: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import get_param, parse_params


class Replaces:
    """Which dialog the new one takes the place of, seen from its receiver: `to_tag` is the receiver's own tag."""

    __slots__ = ("call_id", "early_only", "from_tag", "to_tag")

    def __init__(self, call_id: str, to_tag: str, from_tag: str, early_only: bool = False) -> None:
        self.call_id: Final = call_id
        self.to_tag: Final = to_tag
        self.from_tag: Final = from_tag
        self.early_only: Final = early_only

    def __str__(self) -> str:
        text = f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"
        return f"{text};early-only" if self.early_only else text


class Join:
    """Which dialog the new one joins, seen from its receiver: `to_tag` is the receiver's own tag."""

    __slots__ = ("call_id", "from_tag", "to_tag")

    def __init__(self, call_id: str, to_tag: str, from_tag: str) -> None:
        self.call_id: Final = call_id
        self.to_tag: Final = to_tag
        self.from_tag: Final = from_tag

    def __str__(self) -> str:
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"


class TargetDialog:
    """A dialog that sender and receiver share: `local_tag` is the sender's, `remote_tag` the receiver's."""

    __slots__ = ("call_id", "local_tag", "remote_tag")

    def __init__(self, call_id: str, local_tag: str, remote_tag: str) -> None:
        self.call_id: Final = call_id
        self.local_tag: Final = local_tag
        self.remote_tag: Final = remote_tag

    def __str__(self) -> str:
        return f"{self.call_id};local-tag={self.local_tag};remote-tag={self.remote_tag}"


def parse_replaces(text: str) -> Replaces:
    """Parse a Replaces value; raises ParseError where the Call-ID or a tag is missing."""
    call_id, to_tag, from_tag, early_only = _parse(text, "Replaces", "to-tag", "from-tag")
    return Replaces(call_id, to_tag, from_tag, early_only)


def parse_join(text: str) -> Join:
    """Parse a Join value; raises ParseError where the Call-ID or a tag is missing."""
    call_id, to_tag, from_tag, _ = _parse(text, "Join", "to-tag", "from-tag")
    return Join(call_id, to_tag, from_tag)


def parse_target_dialog(text: str) -> TargetDialog:
    """Parse a Target-Dialog value; raises ParseError where the Call-ID or a tag is missing."""
    call_id, local_tag, remote_tag, _ = _parse(text, "Target-Dialog", "local-tag", "remote-tag")
    return TargetDialog(call_id, local_tag, remote_tag)


def _parse(text: str, header: str, first: str, second: str) -> tuple[str, str, str, bool]:
    call_id, semicolon, tail = text.partition(";")
    call_id = call_id.strip()
    params = parse_params(tail) if semicolon else ()
    first_tag = get_param(params, first)
    second_tag = get_param(params, second)
    if not call_id or " " in call_id or not first_tag or not second_tag:
        raise ParseError(Fault.PARAMETER, f"malformed {header} {text[:60]!r}")
    return call_id, first_tag, second_tag, get_param(params, "early-only") is not None
