"""Messages to bytes: the one serializer."""

from __future__ import annotations

from sbc.sip.message import Message, Request, Response


def format_message(message: Request | Response) -> bytes:
    """The bytes of a message, Content-Length last and always ours.

    A header value is written as it is held. A line break in one, which parsing never lets in, would add a header: it is
    a mistake of ours and raises ValueError.
    """
    if isinstance(message, Request):
        start = f"{message.method} {message.request_uri} SIP/2.0\r\n"
    else:
        start = f"SIP/2.0 {message.status} {message.reason_phrase}\r\n"
    return format_head(start, message)


def format_head(start: str, message: Message) -> bytes:
    """Start line (with its line end), headers and body."""
    body = message.body
    lines = [f"{name}: {value}\r\n" for name, value in message.fields if name != "Content-Length"]
    text = f"{start}{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
    head = text.encode("utf-8", "surrogateescape")
    breaks = len(lines) + 3
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks:
        raise ValueError("a line break inside a header value")
    return head + body
