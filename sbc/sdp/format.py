"""A `Session` to bytes, with CRLF, in the order it was read or else the RFC's."""

from __future__ import annotations

from sbc.sdp.model import Attributes, MediaDescription, Session


def format_sdp(session: Session) -> bytes:
    """The bytes of a description. A value that holds a line break is a mistake of ours and raises ValueError."""
    lines = _reorder(_session_lines(session), session.order)
    for media in session.media:
        count = f"/{media.port_count}" if media.port_count != 1 else ""
        lines.append(" ".join([f"m={media.kind}", f"{media.port}{count}", media.protocol, *media.formats]))
        lines.extend(_reorder(_media_lines(media), media.order))
    lines.append("")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break inside a value")
    return text.encode("utf-8", "surrogateescape")


def _session_lines(session: Session) -> list[str]:
    lines = [f"v={session.version}", f"o={session.origin}"]
    if session.name is not None:
        lines.append(f"s={session.name}")
    if session.information is not None:
        lines.append(f"i={session.information}")
    if session.uri is not None:
        lines.append(f"u={session.uri}")
    for email in session.emails:
        lines.append(f"e={email}")
    for phone in session.phones:
        lines.append(f"p={phone}")
    if session.connection is not None:
        lines.append(f"c={session.connection}")
    for kind, amount in session.bandwidths:
        lines.append(f"b={kind}:{amount}")
    for timing in session.times:
        lines.append(f"t={timing.start} {timing.stop}")
        for repeat in timing.repeats:
            lines.append(f"r={repeat}")
    for zone in session.zones:
        lines.append(f"z={zone}")
    if session.key is not None:
        lines.append(f"k={session.key}")
    lines.extend(session.unknown)
    lines.extend(_attribute_lines(session.attributes))
    return lines


def _media_lines(media: MediaDescription) -> list[str]:
    lines: list[str] = []
    if media.information is not None:
        lines.append(f"i={media.information}")
    if media.connection is not None:
        lines.append(f"c={media.connection}")
    for connection in media.more_connections:
        lines.append(f"c={connection}")
    for kind, amount in media.bandwidths:
        lines.append(f"b={kind}:{amount}")
    if media.key is not None:
        lines.append(f"k={media.key}")
    lines.extend(media.unknown)
    lines.extend(_attribute_lines(media.attributes))
    return lines


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _reorder(lines: list[str], order: str) -> list[str]:
    """The lines in the order of their types as read; unchanged where they are no longer the same lines by type."""
    if not order or sorted(order) != sorted([line[0] for line in lines]):
        return lines
    waiting: dict[str, list[str]] = {}
    for line in reversed(lines):
        waiting.setdefault(line[0], []).append(line)
    return [waiting[kind].pop() for kind in order]
