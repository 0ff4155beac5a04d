"""What the node asks a media engine when it meets it, and what it says of what is missing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import rtpengine
from rtpengine.client import Client
from sbc.supervisor.greeting import Greeter

UNKNOWN = rtpengine.Reply({"result": b"error", "error-reason": b"Unrecognized command"})
STATISTICS = rtpengine.Reply(
    {"result": b"ok", "statistics": {"interfaces": [{"name": b"pub", "address": b"192.0.2.1"}], "lacking": [b"x"]}}
)


class Engine:
    """Answers as release 10.5.3 does, or not at all."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.is_there = is_there

    async def request(self, command: rtpengine.Request) -> rtpengine.Reply:
        """One command."""
        if not self.is_there:
            raise rtpengine.Unreachable("no reply to 2 copies in 2 s")
        name = command.to_dict()["command"]
        if name == "statistics":
            return STATISTICS
        return rtpengine.Reply({"result": b"error"}) if name == "subscribe request" else UNKNOWN


class Ear:
    """Hears of engines, and log lines."""

    def __init__(self) -> None:
        self.known: list[tuple[int, frozenset[str], str]] = []
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def media_known(self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities) -> None:
        """What an engine has."""
        self.known.append((engine, interfaces, capabilities.release))

    def __getattr__(self, level: str) -> Any:  # noqa: ANN401 - any level of a logger
        return lambda event, **fields: self.lines.append((level, event, fields))


def greet(engine: Engine, wanted: dict[str, str]) -> Ear:
    """Meet it."""
    ear = Ear()
    greeter = Greeter(["192.0.2.9:2223"], wanted, ear, ear)
    asyncio.run(greeter.greet(0, cast(Client, engine)))
    return ear


def test_release_and_interfaces_are_known_from_the_start() -> None:
    """Before a call needs them."""
    ear = greet(Engine(), {"outside": "pub"})
    assert ear.known == [(0, frozenset({"pub"}), "before 11.3")]
    ((level, event, fields),) = ear.lines
    assert (level, event, fields["interfaces"]) == ("info", "media engine", ["pub"])
    assert "mesh" in cast(list[str], fields["lacks"])
    assert "subscribe request" not in cast(list[str], fields["lacks"])


def test_interface_that_the_engine_lacks_is_an_error_in_the_log() -> None:
    """With the realm that needs it, and what there is."""
    ear = greet(Engine(), {"outside": "pub", "inside": "priv"})
    errors = [fields for level, _, fields in ear.lines if level == "error"]
    assert errors == [{"engine": "192.0.2.9:2223", "realm": "inside", "interface": "priv", "has": ["pub"]}]


def test_engine_that_does_not_answer_is_met_later() -> None:
    """Nothing is held against it."""
    ear = greet(Engine(is_there=False), {"outside": "pub"})
    assert ear.known == []
    assert [level for level, _, _ in ear.lines] == ["warning"]
