"""What the control socket offers, one row an operation: the server routes by it and OpenAPI is written from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from sbc.admin.trace import Recorder

Json = dict[str, object]


class Node(Protocol):
    """The running node as its operators see it. Every method is called on the event loop and does not wait."""

    @property
    def recorder(self) -> Recorder:
        """Recent messages, oldest first."""

    def status(self) -> Json:
        """The node at one glance."""

    @property
    def active_calls(self) -> int:
        """How many live calls there are."""

    def calls(self, most: int) -> list[Json]:
        """Live calls, the oldest first, so many at the most: a row for each of 100,000 would hold up all of them."""

    def call(self, call: str) -> Json | None:
        """One live call in detail."""

    async def quality(self, call: str) -> Json | None:
        """What the media of a live call are like, asked for now; None where nobody can say."""

    def hangup(self, call: str) -> bool:
        """End a live call; False: there is none of this id."""

    def media_engines(self) -> list[Json]:
        """The pool of media engines, in the order of the configuration."""

    def switch_media(self, engine: str, is_enabled: bool) -> bool:
        """New sessions for a media engine, or none; False: there is none of this name."""

    def trunks(self) -> list[Json]:
        """Trunks with their targets, in the order of the configuration."""

    def trunk(self, trunk: str) -> Json | None:
        """One trunk."""

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool) -> bool:
        """In or out of service, as a whole (empty `target`) or one target; False: there is none of these names."""

    def probe_trunk(self, trunk: str, target: str) -> bool:
        """Ask the targets now; what they say is in `trunk` later. False: there is none of these names."""

    def drain(self, deadline: float | None) -> Json:
        """Refuse new calls, stop when the last is over or after `deadline` seconds (None: as configured)."""

    async def reload(self) -> list[Json]:
        """Read the configuration again and swap it in; findings, empty when it was taken."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter."""

    name: str
    place: str
    """`path` or `query`."""
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: how it is asked for and what it says."""

    id: str
    method: str
    path: str
    summary: str
    answer: str
    """What a 200 holds, by the name of its schema."""
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[tuple[int, str], ...] = ()
    """Other status codes and what they mean."""
    media_type: str = "application/json"


_CALL: Final = Parameter("call", "path", "string", "The call's id, as `GET /calls` lists it.")
_ENGINE: Final = Parameter("engine", "path", "string", "The engine's name, as `GET /media` has it.")
_NO_ENGINE: Final = ((404, "no such media engine"),)
_TRUNK: Final = (
    Parameter("trunk", "path", "string", "The trunk's name."),
    Parameter("target", "query", "string", "Only the target with this URI, written as `GET /trunks` has it."),
)
_NO_TRUNK: Final = ((404, "no such trunk, or no such target of it"),)

OPERATIONS: Final = (
    Operation("status", "GET", "/status", "The node at one glance: listeners, calls, counters", "Status"),
    Operation(
        "calls",
        "GET",
        "/calls",
        "Live calls",
        "Calls",
        (Parameter("limit", "query", "integer", "At most this many (default 1000); `total` says how many there are."),),
    ),
    Operation("call", "GET", "/calls/{call}", "One live call", "Call", (_CALL,), ((404, "no live call of this id"),)),
    Operation(
        "hangup",
        "POST",
        "/calls/{call}/hangup",
        "End a call from here: BYE or CANCEL to both sides",
        "Done",
        (_CALL,),
        ((404, "no live call of this id"),),
    ),
    Operation("media", "GET", "/media", "Media engines: state, weight, calls", "MediaEngines"),
    Operation(
        "enable_media",
        "POST",
        "/media/{engine}/enable",
        "Give a media engine new sessions again",
        "Done",
        (_ENGINE,),
        _NO_ENGINE,
    ),
    Operation(
        "drain_media",
        "POST",
        "/media/{engine}/drain",
        "No new sessions for a media engine; those it has go on. Lasts until enabled or restarted",
        "Done",
        (_ENGINE,),
        _NO_ENGINE,
    ),
    Operation("trunks", "GET", "/trunks", "Trunks: state, calls against limits, targets", "Trunks"),
    Operation("trunk", "GET", "/trunks/{trunk}", "One trunk", "Trunk", _TRUNK[:1], _NO_TRUNK),
    Operation(
        "enable_trunk",
        "POST",
        "/trunks/{trunk}/enable",
        "Let calls go to a trunk, and come from it, again",
        "Done",
        _TRUNK,
        _NO_TRUNK,
    ),
    Operation(
        "disable_trunk",
        "POST",
        "/trunks/{trunk}/disable",
        "No new calls to a trunk or from it, or none to one target; live calls go on. Lasts until enabled or restarted",
        "Done",
        _TRUNK,
        _NO_TRUNK,
    ),
    Operation(
        "probe_trunk",
        "POST",
        "/trunks/{trunk}/probe",
        "Ask the targets with OPTIONS now; `GET /trunks/{trunk}` has the outcome once `probe.is_due` is false",
        "Done",
        _TRUNK,
        _NO_TRUNK,
    ),
    Operation(
        "drain",
        "POST",
        "/drain",
        "Refuse new calls with 503, stop when the last call is over",
        "Done",
        (Parameter("deadline", "query", "number", "Seconds until calls that remain are ended (default: configured)."),),
        ((400, "deadline is not a number of seconds"),),
    ),
    Operation(
        "drain_worker",
        "POST",
        "/workers/{worker}/drain",
        "Have another process be this worker: new calls go there, live ones move or end with the old one. "
        "`GET /status` has the course of it under `supervisor.relieving`",
        "Done",
        (
            Parameter("worker", "path", "integer", "Its number, from 0."),
            Parameter("deadline", "query", "number", "Seconds until what remains is ended (default: configured)."),
        ),
        (
            (400, "deadline is not a number of seconds"),
            (404, "no such worker"),
            (409, "a change is under way, or the node is one process"),
        ),
    ),
    Operation(
        "upgrade",
        "POST",
        "/upgrade",
        "Have the version that is installed now take over: answered once it has, while its workers relieve the others",
        "Done",
        (Parameter("deadline", "query", "number", "Seconds until what remains is ended (default: configured)."),),
        (
            (400, "deadline is not a number of seconds"),
            (409, "a change is under way, or the node is one process"),
            (500, "the new version did not take over; the running one goes on, and why"),
        ),
    ),
    Operation(
        "reload",
        "POST",
        "/reload",
        "Read the configuration again; live calls keep the one they began with",
        "Done",
        (),
        ((422, "the configuration has errors, all listed; the old one stays in force"),),
    ),
    Operation(
        "trace",
        "GET",
        "/trace",
        "Recent messages of a call, one JSON object a line",
        "Message",
        (
            Parameter("call", "query", "string", "A call's id or the beginning of it, a leg's Call-ID, or `all`."),
            Parameter("follow", "query", "integer", "1: stay and send what comes."),
        ),
        ((400, "no call was named"),),
        "application/x-ndjson",
    ),
    Operation("openapi", "GET", "/openapi.json", "This description", "Document"),
)
