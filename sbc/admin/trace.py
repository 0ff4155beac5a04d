"""Reads the engine's ring of recent messages: what belongs to one call, and what is new since last asked."""

from __future__ import annotations

from collections import deque
from typing import Final

from sbc.wire import Flow

Record = tuple[float, str, str, Flow, bytes]
"""Wall time, call id or an empty string, `in` or `out`, flow, bytes."""

Recorder = deque[Record]
EVERYTHING: Final = "all"


class Trace:
    """The messages of one call, oldest first. `fresh` gives each message once.

    `call` is a call's id or the beginning of one, the Call-ID of either leg as a phone or a peer knows it, or `all`.
    """

    __slots__ = ("_call", "_calls", "_last", "_needle")

    def __init__(self, call: str) -> None:
        self._call: Final = call
        self._needle: Final = call.encode("utf-8", "surrogateescape")
        self._calls: Final[set[str]] = set()
        self._last: Record | None = None

    def fresh(self, recorder: Recorder) -> list[dict[str, object]]:
        """The messages that came since the last time, as the JSON objects of the API."""
        unseen: list[Record] = []
        for record in reversed(recorder):
            if record is self._last:
                break
            unseen.append(record)
        if not unseen:
            return []
        self._last = unseen[0]
        unseen.reverse()
        for record in unseen:
            if record[1] and self._names(record):
                self._calls.add(record[1])
        return [_as_json(record) for record in unseen if self._belongs(record)]

    def _belongs(self, record: Record) -> bool:
        return self._call == EVERYTHING or record[1] in self._calls or (not record[1] and self._has_call_id(record[4]))

    def _names(self, record: Record) -> bool:
        return record[1].startswith(self._call) or self._has_call_id(record[4])

    def _has_call_id(self, data: bytes) -> bool:
        if self._needle not in data:
            return False
        for line in data.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"call-id", b"i"):
                return value.strip() == self._needle
        return False


def _as_json(record: Record) -> dict[str, object]:
    wall, call, direction, flow, data = record
    return {
        "time": round(wall, 6),
        "call": call,
        "direction": direction,
        "transport": flow.transport,
        "listener": flow.listener,
        "peer": f"[{flow.host}]:{flow.port}" if ":" in flow.host else f"{flow.host}:{flow.port}",
        "message": data.decode("utf-8", "backslashreplace"),
    }
