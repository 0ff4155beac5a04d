"""One worker's change of process: a row of the table each, and what must not move it."""

from __future__ import annotations

import pytest

from sbc.supervisor.relief import TRIES, Relief, Stage, Told, Whom

LEAVE = (Whom.FORMER, "leave 300")
STAY = (Whom.FORMER, "stay")
FRONT = (Whom.NEXT, "front")
FRONT_ADOPT = (Whom.NEXT, "front adopt")
ALONE = (Whom.NEXT, "alone")


def played(relief: Relief, *inputs: str) -> list[Told]:
    """What each input gives: `ready`, `next dies`, `ends`, or a word of the former process."""
    steps = {"ready": relief.next_ready, "next dies": relief.next_ended, "ends": relief.former_ended}
    return [steps[one]() if one in steps else relief.former_said(one) for one in inputs]


def test_a_change_in_order() -> None:
    """The former makes room once the next stands behind it, which reads once the former does not."""
    relief = Relief(300)
    assert relief.is_behind
    assert played(relief, "ready", "left") == [[LEAVE], [FRONT]]
    assert (relief.stage, relief.is_behind, relief.is_over) == (Stage.KEEPING, False, False)
    assert played(relief, "ends") == [[ALONE]]
    assert relief.is_over


def test_what_could_not_be_handed_on_is_adopted_from_the_journal() -> None:
    assert played(Relief(300), "ready", "left behind", "ends") == [[LEAVE], [FRONT_ADOPT], [ALONE]]


def test_a_former_process_that_dies_while_it_makes_room_leaves_its_calls_to_the_journal() -> None:
    relief = Relief(300)
    assert played(relief, "ready", "ends") == [[LEAVE], [FRONT_ADOPT, ALONE]]
    assert relief.stage is Stage.OVER


def test_a_former_process_that_dies_before_the_next_is_there_is_succeeded_by_it() -> None:
    relief = Relief(300)
    assert played(relief, "ends") == [[]]
    assert relief.is_behind
    assert played(relief, "ready") == [[FRONT_ADOPT, ALONE]]


def test_a_next_process_that_dies_half_way_is_followed_by_another_and_the_former_stays_meanwhile() -> None:
    relief = Relief(300)
    assert played(relief, "ready", "next dies", "ready", "left", "ends") == [[LEAVE], [STAY], [LEAVE], [FRONT], [ALONE]]


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_next_process_that_dies_again_and_again_is_given_up(is_ready: bool) -> None:
    """A new version that crashes must not take the calls of the old one with it."""
    relief = Relief(300)
    for _ in range(TRIES):
        assert not relief.is_over
        assert played(relief, *(["ready"] if is_ready else []), "next dies")[-1] == ([STAY] if is_ready else [])
    assert relief.stage is Stage.FAILED
    assert not relief.is_behind


def test_a_next_process_that_dies_in_front_is_an_ordinary_death() -> None:
    """The former reads no more: whoever comes after the dead one adopts from the journal at its start."""
    relief = Relief(300)
    assert played(relief, "ready", "left", "next dies") == [[LEAVE], [FRONT], []]
    assert not relief.is_behind
    assert played(relief, "ready", "ends") == [[], [ALONE]]


@pytest.mark.parametrize(
    ("before", "strange"),
    [
        ([], ["left", "left behind"]),
        (["ready"], ["ready", "hello"]),
        (["ready", "left"], ["left", "left behind", "ready"]),
        (["ready", "left", "ends"], ["ready", "next dies", "left", "ends"]),
    ],
)
def test_what_has_no_row_changes_nothing(before: list[str], strange: list[str]) -> None:
    relief = Relief(300)
    played(relief, *before)
    stage = relief.stage
    assert played(relief, *strange) == [[]] * len(strange)
    assert relief.stage is stage
