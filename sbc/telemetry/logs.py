"""The logger: lines for people or JSON, built without a global, so that tests can have their own."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import structlog

from sbc.telemetry.sink import Sink

FORMATS: Final = ("auto", "text", "json")
LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

Event = MutableMapping[str, Any]
Render = Callable[[object, str, Event], Any]
"""One of structlog's processors."""


class Lines:
    """A logger whose line costs a call a dictionary in a queue: the sink's thread has structlog make text of it."""

    def __init__(self, sink: Sink, render: Render, least: int) -> None:
        self._sink: Final = sink
        self._render: Final = render
        self._least: Final = least

    def debug(self, event: str, **fields: object) -> None:
        """For developers."""
        if self._least <= logging.DEBUG:
            self._put("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """The normal course of things."""
        if self._least <= logging.INFO:
            self._put("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Somebody should look some time."""
        if self._least <= logging.WARNING:
            self._put("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Somebody should look now."""
        self._put("error", event, fields)

    def _put(self, level: str, event: str, fields: dict[str, object]) -> None:
        if fields.get("exc_info") is True:  # what is being handled here is not handled there
            fields["exc_info"] = sys.exc_info()
        self._sink.msg(partial(self._line, level, event, fields, time.time()))

    def _line(self, level: str, event: str, fields: dict[str, object], now: float) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        stamp = f"{seconds}.{int(now * 1000) % 1000:03d}Z"
        line: Event = {**fields, "event": event, "level": level, "time": stamp}
        return str(self._render(None, level, structlog.processors.format_exc_info(None, level, line)))


def build_logger(sink: Sink, style: str, level: str) -> Lines:
    """A logger that writes to `sink` in `style` (`text` or `json`) what is at least as grave as `level`."""
    return Lines(sink, _render_text if style == "text" else structlog.processors.JSONRenderer(), LEVELS[level])


def _render_text(_: object, __: str, event: Event) -> str:
    """`time level event key=value…`; a value that came from a peer cannot end the line or move the cursor."""
    when = str(event.pop("time"))[11:-1]
    level = str(event.pop("level"))
    text = str(event.pop("event"))
    trace = event.pop("exception", "")
    pairs = "".join(f" {key}={_quote(value)}" for key, value in event.items() if value != "")
    return f"{when} {level:<7} {_escape(text)}{pairs}" + (f"\n{trace}" if trace else "")


def _quote(value: object) -> str:
    text = str(value)
    if text.isprintable() and not any(char in text for char in ' "='):
        return text
    return f'"{_escape(text)}"'


def _escape(text: str) -> str:
    if text.isprintable():
        return text.replace('"', '\\"')
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text.replace('"', '\\"'))
