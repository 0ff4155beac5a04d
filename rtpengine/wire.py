"""A command as a datagram or a body: a cookie, a blank, and a dictionary in bencode or JSON."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from rtpengine.bencode import BencodeError, Value, decode, encode

MAX_DEPTH: Final = 24


class Request(Protocol):
    """Anything that has a command's dictionary."""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""


def encode_request(cookie: bytes, command: Request, *, as_json: bool = False) -> bytes:
    """`cookie`, a blank, the command in bencode or JSON; the reply comes in the same form.

    A retransmission must be these very bytes: an engine that has seen the cookie repeats its reply without looking
    further, so a cookie must be unique over all controllers, processes and restarts. JSON has no bytes: what is no
    UTF-8 cannot be sent in it, and raises `ValueError`.
    """
    if not cookie or b" " in cookie:
        raise ValueError("a cookie is one or more bytes without a blank")
    request = command.to_dict()
    body = json.dumps(_plain(request), ensure_ascii=False).encode() if as_json else encode(request)
    return b"%b %b" % (cookie, body)


def decode_body(payload: bytes) -> Value:
    """A payload in either form; the first byte tells. Raises `BencodeError` for both."""
    if payload[:1] != b"{":
        return decode(payload)
    try:
        return _typed(json.loads(payload), 0)
    except (ValueError, RecursionError) as error:
        raise BencodeError(f"malformed JSON: {error}", 0) from error


def decode_json(payload: bytes) -> dict[str, object]:
    """A JSON payload as Python has it. Raises `BencodeError`."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BencodeError(f"malformed JSON: {error}", 0) from error
    if not isinstance(found, dict):
        raise BencodeError("JSON without a dictionary", 0)
    return found


def typed_body(plain: dict[str, object] | None) -> dict[str, Value]:
    """The same as `decode_body` gives it; nothing where it is nested too deeply."""
    try:
        body = _typed(plain, 0)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _plain(value: Value) -> Any:  # noqa: ANN401 - what json.dumps takes
    match value:
        case bytes():
            return value.decode()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _typed(value: Any, depth: int) -> Value:  # noqa: ANN401 - what json.loads gives
    """As `decode` would give it: strings as bytes; a float is cut, and null is an empty string."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case bool() | int():
            return int(value)
        case float():
            return int(value) if -1e18 < value < 1e18 else 0
        case list():
            return [_typed(item, depth + 1) for item in value]
        case dict():
            return {str(key): _typed(item, depth + 1) for key, item in value.items()}
        case _:
            return b""
