"""Processes that a nursery forks: children of whoever asked for them, each alone with its orders."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sbc.supervisor.offspring import Nursery, Worker
from tests.node.fakes import FakeLogger

pytestmark = pytest.mark.interop

NURSERY = """
import os, random, secrets, sys
from sbc.supervisor.births import tend

def be(orders, numbers):
    while word := os.read(0, 100).decode().strip():
        if word == "end":
            return orders["status"]
        found = {
            "descriptors": sorted(os.listdir("/proc/self/fd"))[:-1],
            "group": os.getpgid(0) == os.getpid(),
            "random": (random.random(), secrets.token_hex(8)),
            "shared": os.write(numbers[orders["pipe"]], b"from a worker") if "pipe" in orders else 0,
        }
        os.write(1, f"{found.get(word, word)}\\n".encode())
    return 1

sys.exit(tend(be))
"""


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    found = Nursery(["-c", NURSERY], FakeLogger())
    try:
        yield found
    finally:
        await found.close()


async def says(worker: Worker, word: str) -> str:
    worker.say(word)
    async with asyncio.timeout(60):
        return (await worker.said.readline()).decode().strip()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_a_worker_is_a_child_of_ours_that_outlives_its_nursery() -> None:
    """Its exit status is known, and how it was killed; the next one comes from another nursery."""

    async def run() -> None:
        async with nursery() as found:
            one, other = [await found.bear({"status": 7}, []) for _ in range(2)]
            assert (parent_of(one.pid), parent_of(other.pid)) == (os.getpid(), os.getpid())
            await found.close()
            assert await says(one, "hello") == "hello"
            later = await found.bear({"status": 0}, [])
            assert await says(later, "hello") == "hello"
            one.say("end")
            other.kill()
            later.say("end")
            assert [await worker.wait() for worker in (one, other, later)] == [7, -signal.SIGKILL, 0]
            assert await one.said.read() == b""
            one.say("too late")
            one.kill()

    asyncio.run(run())


def test_a_worker_has_what_it_was_given_and_nothing_else() -> None:

    async def run() -> None:
        reader, writer = os.pipe()
        async with nursery() as found:
            workers = [await found.bear({"status": 0, "pipe": writer}, [writer]) for _ in range(2)]
            os.close(writer)
            for worker in workers:
                assert len((await says(worker, "descriptors")).split(",")) == 4, "its pipes, stderr, and the one given"
                assert await says(worker, "group") == "True", "a Ctrl-C is for the supervisor"
                assert await says(worker, "shared") == "13"
                worker.say("end")
                await worker.wait()
        assert os.read(reader, 4096) == b"from a worker" * 6
        os.close(reader)

    asyncio.run(run())


def test_what_workers_mint_by_is_not_shared() -> None:
    """Tokens of one must not be those of the other, nor tell them."""

    async def run() -> None:
        async with nursery() as found:
            workers = [await found.bear({"status": 0}, []) for _ in range(2)]
            drawn = [await says(worker, "random") for worker in workers]
            numbers = [set(one.strip("()").split(", ")) for one in drawn]
            assert not numbers[0] & numbers[1]
            for worker in workers:
                worker.kill()
                await worker.wait()

    asyncio.run(run())


def test_a_nursery_that_was_killed_is_asked_no_more_and_another_is() -> None:

    async def run() -> None:
        async with nursery() as found:
            others = set(children_of(os.getpid()))  # of earlier tests: their end may be under way
            first = await found.bear({"status": 0}, [])
            (pid,) = set(children_of(os.getpid())) - others - {first.pid}
            os.kill(pid, signal.SIGKILL)
            second = await found.bear({"status": 0}, [])
            assert await says(second, "hello") == "hello"
            assert await says(first, "hello") == "hello"
            for worker in (first, second):
                worker.kill()
                await worker.wait()

    asyncio.run(run())


def test_a_nursery_that_cannot_begin_bears_nothing() -> None:
    """Whoever asked goes on, and asks again."""

    async def run() -> None:
        found = Nursery(["-c", "raise SystemExit(3)"], FakeLogger())
        with pytest.raises(OSError, match=r"gone|Broken pipe|reset"):
            await found.bear({"status": 0}, [])
        await found.close()

    asyncio.run(run())


def test_a_nursery_outlives_a_signal_that_is_for_the_node() -> None:
    """SIGTERM to everybody, as some service managers send it: workers that drain may still need one."""

    async def run() -> None:
        found = Nursery(["-c", NURSERY], FakeLogger())
        others = set(children_of(os.getpid()))  # of earlier tests: their end may be under way
        worker = await found.bear({"status": 0}, [])
        (pid,) = set(children_of(os.getpid())) - others - {worker.pid}
        os.kill(pid, signal.SIGTERM)
        second = await found.bear({"status": 0}, [])
        assert pid in children_of(os.getpid())
        for one in (worker, second):
            one.say("end")
            await one.wait()
        await found.close()

    asyncio.run(run())


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if parent_of(int(entry.name)) == pid:
                found.append(int(entry.name))
    return found
