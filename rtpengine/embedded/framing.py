"""A datagram's payload to a request dictionary and back, in bencode or JSON: the first byte decides, and the reply
follows it."""

from __future__ import annotations

import json
from typing import Any

from rtpengine.bencode import BencodeError, Value, decode, encode
from rtpengine.embedded.description import Fault
from rtpengine.embedded.wishes import Request


def decode_payload(payload: bytes) -> tuple[Request, bool]:
    """The request, and whether it came as JSON. Raises `Fault` with the daemon's words."""
    if not payload:
        raise Fault("Invalid data (no payload)")
    if payload[0] == 0x64:  # d
        return _bencoded(payload), False
    if payload[0] == 0x7B:  # {
        return _json(payload), True
    raise Fault("Invalid NG data format")


def encode_payload(reply: dict[str, Value], *, as_json: bool) -> bytes:
    """The reply's bytes."""
    return json.dumps(_to_json(reply), ensure_ascii=False).encode("utf-8", "replace") if as_json else encode(reply)


def is_json(payload: bytes) -> bool:
    """Whether a request that could not be decoded gets its error as JSON."""
    return payload[:1] == b"{"


def _bencoded(payload: bytes) -> Request:
    try:
        request = decode(payload, lenient=True)
    except BencodeError:
        raise Fault("Could not decode bencode dictionary") from None
    if not isinstance(request, dict):
        raise Fault("Could not decode bencode dictionary")
    return request


def _json(payload: bytes) -> Request:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        raise Fault("Failed to parse JSON document") from None
    request = _from_json(document)
    if not isinstance(request, dict):
        raise Fault("Could not decode bencode dictionary")
    return request


def _from_json(value: Any) -> Value:  # noqa: ANN401 - what json.loads gives
    """JSON to what bencode would have given; null and floats have no counterpart there."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case bool() | int():
            return int(value)
        case list():
            return [_from_json(item) for item in value]
        case dict():
            return {str(key): _from_json(item) for key, item in value.items()}
        case _:
            raise Fault("Could not decode bencode dictionary")


def _to_json(value: Value) -> Any:  # noqa: ANN401 - what json.dumps takes
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case list():
            return [_to_json(item) for item in value]
        case dict():
            return {key: _to_json(item) for key, item in value.items()}
        case _:
            return value
