"""Events to log lines and counters.

In: the engine's events and what the transports could not deliver. Out: one line a call start, answer and end, one line
with a named reason for each message dropped (floods are summed up), counters for `sbc status`. A thread writes.

Not for: deciding; nothing reads back what is logged here. Call records are the journal's.
"""

from sbc.telemetry.flood import Flood, Summary
from sbc.telemetry.logs import FORMATS, LEVELS, build_logger
from sbc.telemetry.sink import Sink
from sbc.telemetry.telemetry import Logger, Telemetry

__all__ = ["FORMATS", "LEVELS", "Flood", "Logger", "Sink", "Summary", "Telemetry", "build_logger"]
