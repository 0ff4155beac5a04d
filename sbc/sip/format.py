"""Messages to bytes: the one serializer."""

from __future__ import annotations

from sbc.sip.message import Message, Request, Response


def format_message(message: Request | Response) -> bytes:
    """The bytes of a message, Content-Length last and always ours.

    A header value is written as it is held; values with a line break never occur, since parsing unfolds them and
    what we build has none.
    """
    if isinstance(message, Request):
        start = f"{message.method} {message.request_uri} SIP/2.0\r\n"
    else:
        start = f"SIP/2.0 {message.status} {message.reason_phrase}\r\n"
    return format_head(start, message)


def format_head(start: str, message: Message) -> bytes:
    """Start line (with its line end), headers and body."""
    lines = [f"{name}: {value}\r\n" for name, value in message.fields if name != "Content-Length"]
    body = message.body
    head = f"{start}{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body
