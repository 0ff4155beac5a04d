"""multipart bodies (RFC 2046, RFC 5621): taken apart, and put together with a boundary of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.sip import ParseError, parse_content_disposition, parse_media_type
from sbc.topology.bodies.xml import BodyRefused

MAX_PARTS: Final = 16
_LONGEST_BOUNDARY: Final = 70  # RFC 2046 section 5.1.1
_MAX_HEADERS: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `is_required`: a receiver that does not understand it must refuse the whole (RFC 5621 section 3.1)."""

    content_type: str
    body: bytes
    is_required: bool = True
    disposition: str = ""
    content_id: str = ""
    """By which a header field refers to it (RFC 2392), without brackets; empty for none."""

    @property
    def kind(self) -> str:
        """The type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()


def is_multipart(content_type: str) -> bool:
    """True for a body made of parts."""
    return content_type[:10].lower() == "multipart/"


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """The parts of a body; raises BodyRefused where it does not follow the grammar or is over a bound."""
    try:
        boundary = parse_media_type(content_type).param("boundary")
    except ParseError as error:
        raise BodyRefused("malformed Content-Type") from error
    if not boundary or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise BodyRefused("multipart without a boundary")
    mark = b"--" + boundary.encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise BodyRefused("multipart that does not end")
    if len(pieces) - 2 > MAX_PARTS:
        raise BodyRefused("multipart with too many parts")
    return [_part(piece) for piece in pieces[1:-1]]


def format_multipart(parts: list[Part], boundary: str) -> bytes:
    """The parts with a boundary that must stand in none of them."""
    out: list[bytes] = []
    for part in parts:
        head = f"--{boundary}\r\nContent-Type: {part.content_type}\r\n"
        if part.disposition:
            head += f"Content-Disposition: {part.disposition}\r\n"
        if part.content_id:
            head += f"Content-ID: <{part.content_id}>\r\n"
        out.append(head.encode("utf-8", "surrogateescape") + b"\r\n" + part.body + b"\r\n")
    return b"".join(out) + f"--{boundary}--\r\n".encode()


def _part(piece: bytes) -> Part:
    line, newline, rest = piece.partition(b"\r\n")
    if line.strip(b" \t") or not newline:
        raise BodyRefused("malformed multipart boundary")
    if rest.startswith(b"\r\n"):
        return Part("text/plain", rest[2:])
    head, _, body = rest.partition(b"\r\n\r\n")
    lines = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    if len(lines) > _MAX_HEADERS:
        raise BodyRefused("multipart part with too many headers")
    kind, required, shown, name_of = "text/plain", True, "", ""
    for field in lines:
        name, _, value = field.decode("utf-8", "surrogateescape").partition(":")
        key = name.strip().lower()
        if key == "content-type":
            kind = value.strip()
        elif key == "content-disposition":
            try:
                disposition = parse_content_disposition(value.strip())
            except ParseError as error:
                raise BodyRefused("malformed Content-Disposition") from error
            required = disposition.is_required
            shown = disposition.disposition + ("" if required else ";handling=optional")
        elif key == "content-id":
            name_of = value.strip().removeprefix("<").removesuffix(">")
        elif key == "content-transfer-encoding" and value.strip().lower() not in ("7bit", "8bit", "binary"):
            raise BodyRefused("encoded multipart part")
    return Part(kind, body, required, shown, name_of)
