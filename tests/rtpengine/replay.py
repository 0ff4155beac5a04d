"""The recorded exchanges of the real daemon, and what of a reply may differ from one run to the next."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import rtpengine
from rtpengine import Value

SHARED: Final = Path(__file__).resolve().parents[3] / "shared"
TRANSCRIPTS: Final = SHARED / "reference" / "ng-transcripts.jsonl"


class Recorded:
    """One exchange: exact bytes, cookie included; None where there was no reply."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.number: Final[int] = entry["seq"]
        self.scenario: Final[str] = entry["scenario"]
        self.name: Final[str] = entry["name"]
        self.profile: Final[str] = entry["profile"]
        self.transport: Final[str] = entry["transport"]
        self.http: Final[dict[str, Any]] = entry.get("http", {})
        """Of an exchange over HTTP: path, status, content types."""
        self.request: Final = base64.b64decode(entry["request_b64"])
        response = entry["response_b64"]
        self.response: Final = None if response is None else base64.b64decode(response)

    def __repr__(self) -> str:
        return f"{self.number} {self.scenario}: {self.name}"


def recorded() -> Iterator[Recorded]:
    """All of them, in order; skips the test where they are not at hand."""
    if not TRANSCRIPTS.exists():
        pytest.skip("no folder 'shared' beside the repository")
    with TRANSCRIPTS.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if "seq" in entry:
                yield Recorded(entry)


_VOLATILE_KEYS: Final = frozenset(
    {
        "created",
        "created_us",
        "last signal",
        "last packet",
        "local port",
        "SSRC",
        "statistics",
        "packets",
        "bytes",
        "errors",
    }
)
_VOLATILE_FLAGS: Final = (b"ICE controlling",)
"""The daemon takes a role in ICE even where there is none."""
_PORT: Final = re.compile(rb"^(m=\w+ |a=rtcp:)(?!0\b|9\b)\d+", re.MULTILINE)
_SECRET: Final = re.compile(
    rb"^(a=ice-ufrag:|a=ice-pwd:|a=fingerprint:sha-256 |a=rtpengine:|a=crypto:\d+ \S+ inline:)[\w:+/]+", re.MULTILINE
)
_CANDIDATE: Final = re.compile(rb"^(a=candidate:)\w+( \d UDP \d+ \S+ )\d+", re.MULTILINE)


def masked(reply: bytes | None) -> Value | None:
    """A reply's dictionary with what is volatile taken out; the cookie and the encoding count."""
    if reply is None:
        return None
    cookie, _, payload = reply.partition(b" ")
    if payload[:1] == b"{":
        return {"cookie": cookie, "json": _mask(_bytes(json.loads(payload)))}
    return {"cookie": cookie, "bencode": _mask(rtpengine.decode(payload))}


def _bytes(value: Any) -> Value:  # noqa: ANN401 - what json.loads gives
    match value:
        case str():
            return value.encode()
        case list():
            return [_bytes(item) for item in value]
        case dict():
            return {key: _bytes(item) for key, item in value.items()}
        case _:
            return int(value)


def _mask(value: Value) -> Value:
    match value:
        case dict():
            return {key: b"*" if key in _VOLATILE_KEYS else _mask(item) for key, item in value.items()}
        case list():
            return [_mask(item) for item in value if item not in _VOLATILE_FLAGS]
        case bytes():
            return _CANDIDATE.sub(rb"\1*\2*", _SECRET.sub(rb"\1*", _PORT.sub(rb"\1*", value)))
        case _:
            return value
