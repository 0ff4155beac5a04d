"""The logger: lines for people or JSON, built without a global, so that tests can have their own."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Final, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

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
    render: Processor = _render_text if style == "text" else _render_json
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        _stamp,
        structlog.processors.format_exc_info,
        render,
    ]
    wrapper = structlog.make_filtering_bound_logger(LEVELS[level])
    return cast(FilteringBoundLogger, structlog.wrap_logger(sink, processors=processors, wrapper_class=wrapper))


def _stamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    second, thousandth = divmod(int(time.time() * 1000), 1000)
    event["time"] = f"{_second(second)}.{thousandth:03d}Z"
    return event


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    """Thousands of lines share one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _render_json(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """One object a line. Nearly every value is a text, and an encoder made for each line costs more than the texts."""
    pairs = [
        f'"{key}": {encode_basestring_ascii(value) if type(value) is str else json.dumps(value, default=repr)}'
        for key, value in event.items()
    ]
    return f"{{{', '.join(pairs)}}}"


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
