"""Messages to bytes: the one serializer."""

from __future__ import annotations

from sbc.sip.message import Request, Response


def format_message(message: Request | Response) -> bytes:
    """The bytes of a message, Content-Length last and always ours.

    A header value is written as it is held. A line break in one, which parsing never lets in, would add a header: it is
    a mistake of ours and raises ValueError.
    """
    if isinstance(message, Request):
        lines = [f"{message.method} {message.request_uri} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.status} {message.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in message.fields if name != "Content-Length"]
    written = "".join(lines)
    if "\n" in written or "\r" in written:
        raise ValueError("a line break inside a header value")
    body = message.body
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
