"""What workers are told of their node's media before anything runs; engines that run are the interop tests'."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sbc.config import Config, Media
from sbc.config import Engine as MediaEngine
from sbc.supervisor import embedded
from sbc.supervisor.anchorage import Anchorage
from sbc.supervisor.survivor import note
from sbc.supervisor.tasks import Tasks
from sbc.supervisor.words import MEDIA_BACK, MEDIA_LOST
from sbc.telemetry import Telemetry
from tests.node.fakes import FakeLogger
from tests.topology.sides import edge


class Engine(embedded.EmbeddedEngine):
    """One that is another process only in name."""

    made: Engine

    async def start(self) -> None:
        """As one that was not found again."""
        Engine.made = self
        self.port = 4711

    async def watch(self) -> None:
        """It never dies by itself."""

    def die(self) -> None:
        """And comes again."""
        self._on_loss()
        self._on_return()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Media are anchored, and no engine is named."""
    return replace(edge(), state=str(tmp_path), media=Media(mode="anchor"))


def anchorage(config: Config, said: list[str] | None = None) -> Anchorage:
    return Anchorage(lambda: config, (said if said is not None else []).append, FakeLogger())


def test_workers_are_told_where_the_engine_of_the_former_supervisor_is_and_that_it_is_not_new(config: Config) -> None:
    """Until it is ours: the sessions of their calls are there."""
    note(Path(config.state), 1, 4000)
    assert anchorage(config).told() == (4000, False)
    assert anchorage(config).status() == {}


@pytest.mark.parametrize("media", [Media(mode="bypass"), Media(engines=(MediaEngine("127.0.0.1", 2223),))])
def test_a_node_without_an_embedded_engine_has_no_port(config: Config, media: Media) -> None:
    note(Path(config.state), 1, 4000)
    assert anchorage(replace(config, media=media)).told() == (0, False)


def test_an_engine_that_was_started_is_new_to_the_first_workers_only(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come after a death find their calls' sessions in it; that it dies and comes again is said to all."""
    monkeypatch.setattr("sbc.supervisor.anchorage.EmbeddedEngine", Engine)
    said: list[str] = []

    async def scenario() -> None:
        media = anchorage(config, said)
        async with asyncio.TaskGroup() as group:
            await media.start(Tasks(group, Telemetry(FakeLogger())))
            assert media.told() == (4711, True)
            media.settle()
            assert media.told() == (4711, False)
            Engine.made.die()
            media.release()

    asyncio.run(scenario())
    assert said == [MEDIA_LOST, MEDIA_BACK]
