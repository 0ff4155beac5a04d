"""Fixtures of the interop tests: one rig and one node a file, judged after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.needs import need
from tests.rig.rig import Rig


@pytest.fixture(scope="module")
def edge() -> Iterator[Rig]:
    """A rig with a node as `node_file` writes it, shared by the tests of a file."""
    need("sipp")
    with Rig() as rig:
        rig.start()
        yield rig
        assert rig.node.stop() == 0, f"the node did not end cleanly\n{rig.node.log()[-3000:]}"
        rig.node.assert_sound_log()


@pytest.fixture
def rig(edge: Rig) -> Iterator[Rig]:
    """The same, fresh for a test; after it the node holds no call and has logged no exception."""
    edge.begin()
    yield edge
    edge.assert_clean_end()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Rig]:
    """A rig whose node gives up early: T1 of 100 ms, two seconds of ringing, two seconds of call."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(timers={"t1": 0.1, "ringing": 2, "call": 6, "liveness": 1.5})
        yield rig
        assert rig.node.stop() == 0, f"the node did not end cleanly\n{rig.node.log()[-3000:]}"
        rig.node.assert_sound_log()


@pytest.fixture(scope="module")
def six_edge() -> Iterator[Rig]:
    """A rig whose trunks are IPv6 addresses."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(six=True)
        yield rig


@pytest.fixture
def six(six_edge: Rig) -> Iterator[Rig]:
    """The same, fresh for a test."""
    six_edge.begin()
    yield six_edge
    six_edge.assert_clean_end()
