"""What several workers say of one node, as one answer of the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Json = dict[str, Any]

_SAME: Final = frozenset(
    {"certificates", "configuration", "days", "deadline", "delay", "every", "let_in", "limits", "listeners", "pid"}
    | {"port", "priority", "share", "since", "uptime", "version", "weight", "worker"}
)
"""Not added up: the first worker's word is the node's."""
_LONGEST: Final = frozenset({"longest_collection", "longest_pause", "longest_pause_lately"})
"""The greatest of all workers'."""
_NAMES: Final = ("uri", "name", "id")
"""What a row of a list is known by."""
_WORST: Final = ("disabled", "drained", "draining", "down", "probing", "degraded", "up", "running")
"""States, the gravest first."""


def merged(bodies: Sequence[Json]) -> Json:
    """Numbers added up, lists joined by name, the gravest of different states."""
    whole = dict(bodies[0])
    for body in bodies[1:]:
        for key, value in body.items():
            whole[key] = _joined(key, whole[key], value) if key in whole else value
    return whole


def _joined(key: str, one: Any, other: Any) -> Any:  # noqa: ANN401 - JSON
    if key in _SAME or type(one) is not type(other):
        return one
    if isinstance(one, bool):
        return one or other
    if isinstance(one, int | float) and key in _LONGEST:
        return max(one, other)
    if isinstance(one, int | float):
        return one + other
    if isinstance(one, dict):
        return merged([one, other])
    if isinstance(one, list):
        return _rows(one, other)
    if key == "state" and one in _WORST and other in _WORST:
        return min(one, other, key=_WORST.index)
    return one


def _rows(one: list[Any], other: list[Any]) -> list[Any]:
    found: dict[object, Any] = {}
    for row in (*one, *other):
        name = next((row[key] for key in _NAMES if key in row), id(row)) if isinstance(row, dict) else row
        found[name] = merged([found[name], row]) if name in found and isinstance(row, dict) else row
    return list(found.values())
