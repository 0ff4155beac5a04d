"""The supervisor that goes: what it keeps until all has gone well, and what it takes back where it has not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from sbc.supervisor import upgrade as module
from sbc.supervisor.bequest import Bequest
from sbc.supervisor.channel import Channel, ChannelEnded
from sbc.supervisor.crew import Hand
from sbc.supervisor.upgrade import State, Upgrade, UpgradeFailed


class FakeChannel:
    """The next supervisor: says what it was told to, then ends."""

    def __init__(self, *says: str) -> None:
        self.told: list[dict[str, Any]] = []
        self._says = [{"what": one.partition(" ")[0], "word": one.partition(" ")[2], "worker": 0} for one in says]
        self.may_end = asyncio.Event()

    def say(self, what: str, **more: Any) -> None:  # noqa: ANN401
        self.told.append({"what": what} | more)

    async def hear(self) -> dict[str, Any]:
        if self._says:
            return self._says.pop(0)
        await self.may_end.wait()
        raise ChannelEnded("gone")

    async def close(self) -> None:
        """Nothing to do."""


class FakeHand(Hand):
    """Keeps what it was told."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.words: list[str] = []

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        self.words.append(word)


class FakeLogger:
    """Says nothing."""

    def info(self, event: str, **more: object) -> None:
        """Fine."""

    def error(self, event: str, **more: object) -> None:
        """Not fine."""


class House:
    """Two workers, and what was let go of and taken back."""

    def __init__(self) -> None:
        self.own = [FakeHand(0), FakeHand(1)]
        self.steps: list[str] = []

    @property
    def hands(self) -> list[Hand]:
        return list(self.own)

    @property
    def descriptors(self) -> list[int]:
        return []

    def bequest(self, seconds: float) -> Bequest:
        return Bequest({}, 0, [1, 1], seconds, [], {}, 1, "0")

    async def release(self) -> None:
        self.steps.append("release")

    async def reclaim(self) -> None:
        self.steps.append("reclaim")

    def end(self) -> None:
        self.steps.append("end")


class Tasks:
    """Keeps what is started."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str) -> object:
        return self._group.create_task(work, name=name)


class Rehearsed(Upgrade):
    """No processes: `channel` is who would be at the other end."""

    channel: FakeChannel
    fault = ""

    async def _rehearse(self) -> str:
        if self.fault:
            raise UpgradeFailed(self.fault)
        return "2.0"

    async def _start(self, seconds: float) -> Channel:
        self._channel = self.channel  # type: ignore[assignment]
        self.successor = 4711
        await self._await("ready", 1.0, "not there")
        return self.channel  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.0)


def rehearsed(house: House, group: asyncio.TaskGroup, *says: str) -> Rehearsed:
    made = Rehearsed(house, ["python"], FakeLogger(), Tasks(group))  # type: ignore[arg-type]
    made.channel = FakeChannel(*says)
    return made


def test_code_that_does_not_load_is_told_and_nothing_is_let_go_of() -> None:
    async def play() -> None:
        house = House()
        async with asyncio.TaskGroup() as group:
            upgrade = rehearsed(house, group)
            upgrade.fault = "SyntaxError: invalid syntax"
            status, body = await upgrade.run(300)
        assert (status, upgrade.state, house.steps) == (500, State.IDLE, [])
        assert body == {"error": "not upgraded, the running version goes on: SyntaxError: invalid syntax"}

    asyncio.run(play())


@pytest.mark.parametrize(("says", "steps"), [(["failed"], []), (["ready", "failed"], ["release", "reclaim"])])
def test_whoever_fails_before_it_has_taken_over_changes_nothing(says: list[str], steps: list[str]) -> None:
    async def play() -> None:
        house = House()
        async with asyncio.TaskGroup() as group:
            upgrade = rehearsed(house, group, *says)
            status, _ = await upgrade.run(300)
        assert (status, upgrade.state, house.steps) == (500, State.IDLE, steps)
        assert all(hand.heir is None for hand in house.own)

    asyncio.run(play())


def test_the_next_supervisor_says_when_workers_make_room_and_the_last_of_them_is_the_end() -> None:
    async def play() -> None:
        house = House()
        async with asyncio.TaskGroup() as group:
            upgrade = rehearsed(house, group, "ready", "taken", "tell leave 300")
            status, body = await upgrade.run(300)
            assert (status, body["pid"], upgrade.state) == (200, 4711, State.YIELDED)
            assert (await upgrade.run(300))[0] == 409
            waiting = [group.create_task(upgrade.ended(0))]
            await asyncio.sleep(0)
            await upgrade.said(1, "left")
            await asyncio.sleep(0)
            assert house.own[0].words == ["leave 300"]
            assert house.steps == ["release"]
            waiting.append(group.create_task(upgrade.ended(1)))
            await asyncio.sleep(0)
            assert house.steps == ["release", "end"]
            upgrade.channel.may_end.set()
            for one in waiting:
                one.cancel()
        told = [one["what"] for one in upgrade.channel.told]
        assert told == ["yours", "go", "ended", "said", "ended"]

    asyncio.run(play())


def test_a_next_supervisor_that_dies_half_way_leaves_everything_to_the_former_one() -> None:
    """Who has ended is started anew, who makes room stays: confirmed calls are in the journal."""

    async def play() -> None:
        house = House()
        async with asyncio.TaskGroup() as group:
            upgrade = rehearsed(house, group, "ready", "taken")
            await upgrade.run(300)
            gone = group.create_task(upgrade.ended(0))
            await asyncio.sleep(0)
            upgrade.channel.may_end.set()
            assert await gone is False, "it is to be replaced"
        assert house.steps == ["release", "reclaim"]
        assert [hand.words for hand in house.own] == [[], ["stay"]]
        assert all(hand.heir is None for hand in house.own)
        assert upgrade.state is State.IDLE

    asyncio.run(play())
