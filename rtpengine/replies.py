"""A reply's bytes to a typed value. The engine is not trusted: what does not have the right shape is not there."""

from __future__ import annotations

from enum import Enum
from typing import Final

from rtpengine.bencode import BencodeError, Value
from rtpengine.errors import GarbledReply, Refused
from rtpengine.wire import decode_body, decode_json, typed_body

_VIEWS: Final = ("result", "sdp", "warning", "error-reason", "message")


class Result(Enum):
    """The `result` key; a word not listed here reads as ERROR."""

    OK = "ok"
    PONG = "pong"
    ERROR = "error"
    LOAD_LIMIT = "load limit"


class Reply:
    """What the engine answered. `body` is the whole dictionary, string values as bytes; the rest are views of it.

    `plain` is what JSON was decoded to, None for bencode: a long reply of which few values are read stays as it came.
    """

    __slots__ = ("_body", "error_reason", "plain", "result", "sdp", "warning")

    def __init__(self, body: dict[str, Value], plain: dict[str, object] | None = None) -> None:
        self._body: dict[str, Value] | None = body if plain is None else None
        self.plain: Final = plain
        result = _text(body, "result")
        try:
            self.result = Result(result)
        except ValueError:
            self.result = Result.ERROR
        sdp = body.get("sdp")
        self.sdp: Final = sdp if isinstance(sdp, bytes) else b""
        self.warning: Final = _text(body, "warning")
        reason = _text(body, "error-reason") or _text(body, "message")
        if self.result is Result.ERROR and not reason:
            reason = f"result {result!r} without a reason"
        self.error_reason: Final = reason
        """Bounded, printable text: fit for a log line."""

    @property
    def body(self) -> dict[str, Value]:
        """The whole dictionary."""
        if self._body is None:
            self._body = typed_body(self.plain)
        return self._body

    @property
    def refusal(self) -> Refused | None:
        """The reply as an exception where it is a no, or None."""
        match self.result:
            case Result.OK | Result.PONG:
                return None
            case Result.LOAD_LIMIT:
                return Refused(self.error_reason or "load limit", limit=True)
            case Result.ERROR:
                return Refused(self.error_reason)

    def check(self) -> None:
        """Raise `Refused` where the reply is a no."""
        refusal = self.refusal
        if refusal is not None:
            raise refusal

    def __repr__(self) -> str:
        return f"<Reply {self.result.value} {self.error_reason}>"


def _text(body: dict[str, Value], key: str) -> str:
    """A string value as one printable line of at most 200 characters; empty where it is missing or of another type."""
    raw = body.get(key)
    if not isinstance(raw, bytes):
        return ""
    text = raw[:200].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)


def split_cookie(data: bytes) -> tuple[bytes, bytes]:
    """A datagram's cookie and payload; both are empty where there is no cookie."""
    cookie, blank, payload = data.partition(b" ")
    return (cookie, payload) if blank else (b"", b"")


def decode_reply(data: bytes) -> tuple[bytes, Reply]:
    """The cookie and the reply; raises `GarbledReply`."""
    cookie, payload = split_cookie(data)
    if not cookie:
        raise GarbledReply("no cookie")
    try:
        if payload[:1] == b"{":
            plain = decode_json(payload)
            return cookie, Reply(typed_body({key: plain[key] for key in _VIEWS if key in plain}), plain)
        body = decode_body(payload)
    except BencodeError as error:
        raise GarbledReply(str(error)) from error
    if not isinstance(body, dict):
        raise GarbledReply("the payload is no dictionary")
    return cookie, Reply(body)
