"""Events to log lines and counters."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol, assert_never

from sbc.outputs import (
    CallAdopted,
    CallAnswered,
    CallEnded,
    CallMeasured,
    CallMoved,
    CallReanchored,
    CallStarted,
    Dropped,
    DropReason,
    Event,
    Leaked,
    LoadChanged,
    MediaEngineLost,
    Refused,
    RegistrationChanged,
    TargetChanged,
    known,
)
from sbc.telemetry.flood import Flood
from sbc.wire import Flow

_QUIET: Final = frozenset({DropReason.KEEPALIVE})
"""Discarded by design: counted, never logged."""

_ROUTINE: Final = "idle"
_STOPPING: Final = "shutting down"


class Logger(Protocol):
    """What telemetry asks of a logger."""

    def debug(self, event: str, **fields: object) -> object:
        """For developers."""

    def info(self, event: str, **fields: object) -> object:
        """The normal course of things."""

    def warning(self, event: str, **fields: object) -> object:
        """Somebody should look some time."""

    def error(self, event: str, **fields: object) -> object:
        """Somebody should look now."""


class Telemetry:
    """The only place that logs calls. Events are counted; what a peer can cause at will is summed up in a flood."""

    def __init__(self, logger: Logger) -> None:
        self.logger: Final = logger
        self.counters: Final[Counter[str]] = Counter()
        self._flood: Final = Flood()

    def record(self, event: Event, now: float) -> None:
        """Log and count one event; `now` is monotonic."""
        match event:
            case CallStarted():
                self._call_started(event)
            case CallAnswered():
                self.counters["calls.answered"] += 1
                self.logger.info("call answered", call=event.call)
            case CallAdopted():
                self.counters["calls.adopted"] += 1
                self.logger.info("call adopted", call=event.call)
            case CallMoved():
                self.counters["calls.moved"] += 1
                self.logger.info("call moved here from another worker", call=event.call)
            case CallReanchored():
                self.counters["calls.reanchored"] += 1
                self.logger.info(
                    "call reanchored", call=event.call, engine=event.engine, silence=round(event.silence, 2)
                )
            case MediaEngineLost():
                self.counters["media.engines-lost"] += 1
                log = self.logger.error if event.calls else self.logger.warning
                log("media engine lost", engine=event.engine, calls=event.calls)
            case CallMeasured():
                self._call_measured(event)
            case CallEnded():
                self._call_ended(event)
            case Dropped():
                self._dropped(event, now)
            case Refused():
                self._refused(event, now)
            case Leaked():
                self._leaked(event, now)
            case TargetChanged():
                self.counters[f"targets.{event.state}"] += 1
                log = self.logger.warning if event.state == "down" else self.logger.info
                log("target", trunk=event.trunk, target=event.target, state=event.state, reason=event.reason)
            case RegistrationChanged():
                self.counters[f"registrations.{event.state}"] += 1
                log = self.logger.warning if event.state == "failed" else self.logger.info
                log("registration", trunk=event.trunk, state=event.state, reason=event.reason)
            case LoadChanged():
                self.counters["overload.begun" if event.is_overloaded else "overload.ended"] += 1
                self.logger.warning("overload", begins=event.is_overloaded, delay=round(event.delay, 3))
            case _:
                assert_never(event)

    def undeliverable(self, host: str, port: int, transport: str, reason: str, now: float) -> None:
        """A message did not leave or did not arrive."""
        self.counters["undeliverable"] += 1
        if self._flood.admit(f"undeliverable: {reason}", host, now):
            self.logger.warning("undeliverable", reason=reason, peer=f"{host}:{port}", transport=transport)

    def handshake_failed(self, flow: Flow, reason: str, certificate: str, now: float) -> None:
        """A TLS client was turned away; `certificate` is what it showed."""
        self.counters["tls.refused"] += 1
        if self._flood.admit(f"TLS refused: {reason}", flow.host, now):
            fields = {"certificate": certificate} if certificate else {}
            peer = f"{flow.host}:{flow.port}"
            self.logger.warning("TLS client refused", reason=reason, peer=peer, listener=flow.listener, **fields)

    def connection_ended(self, host: str, port: int, transport: str, reason: str, now: float) -> None:
        """We closed a stream connection, or did not take it."""
        if reason != _STOPPING and self._flood.admit(f"connection ended: {reason}", host, now):
            log = self.logger.info if reason == _ROUTINE else self.logger.warning
            log("connection ended", reason=str(reason), peer=f"{host}:{port}", transport=transport)

    def failure(self, what: str, error: BaseException, now: float, **fields: object) -> None:
        """Our own code raised: a bug. The trace is logged, once for each kind while it floods."""
        self.counters["internal-errors"] += 1
        if self._flood.admit("internal error", f"{what}: {type(error).__name__}", now):
            self.logger.error("internal error", doing=what, exc_info=error, **fields)

    def tick(self, now: float) -> None:
        """Sum up what the last window kept back; to be called every few seconds."""
        for summary in self._flood.due(now):
            self.logger.warning("and more of the same", what=summary.kind, source=summary.source, count=summary.count)

    def close(self) -> None:
        """Sum up what is still kept back."""
        for summary in self._flood.flush():
            self.logger.warning("and more of the same", what=summary.kind, source=summary.source, count=summary.count)

    def _call_started(self, event: CallStarted) -> None:
        self.counters["calls.started"] += 1
        self.logger.info(
            "call started",
            call=event.call,
            caller=event.caller,
            callee=event.callee,
            ingress=event.ingress,
            egress=event.egress,
            rule=event.rule,
        )

    def _call_ended(self, event: CallEnded) -> None:
        self.counters["calls.ended"] += 1
        self.counters[f"calls.status.{event.status // 100}xx"] += 1
        talked = event.end - event.answer if event.answer else 0.0
        self.logger.info(
            "call ended",
            call=event.call,
            status=event.status,
            duration=round(talked, 1),
            released_by=event.released_by,
            cause=event.cause,
            trunk=event.trunk,
        )

    def _call_measured(self, event: CallMeasured) -> None:
        """Beside `call ended`, by its call: what each peer sent, and how it says that it heard the other."""
        self.counters[f"audio.{event.audio}"] += 1
        log = self.logger.warning if event.audio in ("one-way", "none") else self.logger.info
        unheard = {"unheard": event.unheard} if event.unheard else {}
        sides = {"caller": known(event.caller), "callee": known(event.callee)}
        log("call quality", call=event.call, audio=event.audio, **unheard, **sides)

    def _dropped(self, event: Dropped, now: float) -> None:
        reason = event.reason.value
        self.counters[f"dropped.{reason}"] += 1
        if event.reason in _QUIET:
            return
        if self._flood.admit(f"dropped: {reason}", event.flow.host, now):
            self.logger.warning("dropped", reason=reason, detail=event.detail, **_peer(event))

    def _refused(self, event: Refused, now: float) -> None:
        self.counters[f"refused.{event.status}"] += 1
        if self._flood.admit(f"refused: {event.status} {event.method}", event.flow.host, now):
            self.logger.info("refused", status=event.status, method=event.method, detail=event.detail, **_peer(event))

    def _leaked(self, event: Leaked, now: float) -> None:
        self.counters[f"leaked.{event.action}"] += 1
        if self._flood.admit(f"leak {event.action}: {event.place}", event.realm, now):
            self.logger.error(
                "leak", action=event.action, realm=event.realm, token=event.token, place=event.place, call=event.call
            )


def _peer(event: Dropped | Refused) -> dict[str, object]:
    flow = event.flow
    return {"peer": f"{flow.host}:{flow.port}", "transport": flow.transport, "listener": flow.listener}
