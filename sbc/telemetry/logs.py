"""The logger: lines for people or JSON, built without a global, so that tests can have their own."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any, Final, cast

import structlog
from structlog.typing import FilteringBoundLogger

from sbc.telemetry.sink import Sink

FORMATS: Final = ("auto", "text", "json")
LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def build_logger(sink: Sink, style: str, level: str) -> FilteringBoundLogger:
    """A logger that writes to `sink` in `style` (`text` or `json`) what is at least as grave as `level`."""
    render = _render_text if style == "text" else structlog.processors.JSONRenderer()

    def finish(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        event = structlog.processors.add_log_level(logger, method, event)
        event = structlog.processors.format_exc_info(logger, method, event)
        return str(render(logger, method, _stamp(event)))

    def hand_over(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[object], dict[str, Any]]:
        """The rest is for the sink's thread: a call does not wait for its log line to be rendered."""
        event["time"] = time.time()
        if event.get("exc_info") is True:  # what is being handled here is not handled there
            event["exc_info"] = sys.exc_info()
        return (partial(finish, logger, method, event),), {}

    wrapper = structlog.make_filtering_bound_logger(LEVELS[level])
    logger = structlog.wrap_logger(sink, processors=[hand_over], wrapper_class=wrapper)
    # Bound once, for what wrap_logger gives binds anew for each line: half of what a line costs a call.
    return cast(FilteringBoundLogger, logger.bind())


def _stamp(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    now = float(event["time"])
    event["time"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
    return event


def _render_text(_: object, __: str, event: MutableMapping[str, Any]) -> str:
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
