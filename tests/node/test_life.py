"""The life around a node: what the collector is told of its memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from sbc.supervisor.life import settle_memory


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector as it was, afterwards."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Call:
    """A cycle, as calls and their legs are."""

    def __init__(self) -> None:
        self.leg = self


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("is_clean", [False, True])
def test_what_was_there_is_walked_no_more_and_a_call_that_comes_later_is_let_go_when_it_ends(is_clean: bool) -> None:
    """Adopted calls are calls that come later: a frozen cycle would stay for ever."""
    before = [Call() for _ in range(1000)]
    settle_memory(is_clean=is_clean)
    assert gc.get_freeze_count() > len(before)
    call = Call()
    gone = weakref.ref(call)
    del call
    gc.collect()
    assert gone() is None
