"""Messages to take apart in tests: one good request and response, and ways to spoil them."""

from __future__ import annotations

INVITE = (
    b"INVITE sip:bob@example.net SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-1;rport\r\n"
    b'From: "Alice" <sip:alice@example.org>;tag=a1\r\n'
    b"To: <sip:bob@example.net>\r\n"
    b"Call-ID: c1@198.51.100.10\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Max-Forwards: 70\r\n"
    b"Contact: <sip:alice@198.51.100.10:5060;transport=udp>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)
OK = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 203.0.113.1:5070;branch=z9hG4bK-9\r\n"
    b"From: <sip:alice@example.org>;tag=a1\r\n"
    b"To: <sip:bob@example.net>;tag=b1\r\n"
    b"Call-ID: c1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:bob@203.0.113.9>\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)


def invite(*extra: str, without: str = "") -> bytes:
    """The INVITE with more header lines at its end, and without those that begin with `without`."""
    return changed(INVITE, extra, without)


def ok(*extra: str, without: str = "") -> bytes:
    """The 200 with more header lines at its end, and without those that begin with `without`."""
    return changed(OK, extra, without)


def changed(message: bytes, extra: tuple[str, ...], without: str) -> bytes:
    """A message with header lines taken away and added."""
    head, _, body = message.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not (without and line.startswith(without.encode() + b":"))]
    return b"\r\n".join([*lines, *[line.encode("utf-8", "surrogateescape") for line in extra]]) + b"\r\n\r\n" + body
