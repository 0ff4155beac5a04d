"""The parties of a conversation that the suites of both engines have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rtpengine.engines import Peer


def _party() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def caller() -> Iterator[Peer]:
    """Side A."""
    yield from _party()


@pytest.fixture
def callee() -> Iterator[Peer]:
    """Side B."""
    yield from _party()


@pytest.fixture
def stranger() -> Iterator[Peer]:
    """Somebody else."""
    yield from _party()
