"""What media engines tell unasked, on its way to the workers of a node."""

from __future__ import annotations

import pytest

from sbc.supervisor.notices import Crier, Lines, tell

SESSION = "sbc-00000000000000aa-00112233445566778899aa"


class Hand:
    """Keeps what a worker would read."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """A line."""
        assert may_be_lost
        self.said.append(word)


class Roster:
    """All of them."""

    def __init__(self, hands: list[Hand]) -> None:
        self.hands = hands

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """A line to each."""
        for hand in self.hands:
            hand.say(word, may_be_lost=may_be_lost)


class Told:
    """Keeps what a worker hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def media_timed_out(self, session: str) -> None:
        """A timeout."""
        self.heard.append((session,))

    def key_heard(self, session: str, tag: str, key: str, duration: int) -> None:
        """A key."""
        self.heard.append((session, tag, key, duration))


def test_every_worker_is_told_of_keys_and_timeouts() -> None:
    """A call may have moved from the worker that made its session: nobody but the owner knows."""
    roster = Roster([Hand(), Hand()])
    crier = Crier(roster)
    crier.media_timed_out(SESSION)
    crier.key_heard(SESSION, 'a "tag"\nof two lines', "#", 120)
    for hand in roster.hands:
        told = Told()
        for line in Lines().take("".join(f"{word}\n" for word in hand.said).encode()):
            tell(line, told)
        assert told.heard == [(SESSION,), (SESSION, 'a "tag"\nof two lines', "#", 120)]


@pytest.mark.parametrize(
    "line",
    ["", "media lost", "[", '["media_timed_out", 1]', '["key_heard", "s", "t", "1"]', '{"a": 1}', "[" * 5000, "7"],
)
def test_what_is_no_notice_is_nothing(line: str) -> None:
    """The supervisor says other words by the same pipe."""
    told = Told()
    tell(line, told)
    assert told.heard == []


def test_lines_are_whole_however_the_pipe_cuts_them() -> None:
    """One read may end within a line, or bring several."""
    lines = Lines()
    assert [lines.take(data) for data in (b"media ", b"lost\nst", b"op\n\n")] == [[], ["media lost"], ["stop", ""]]


def test_a_line_without_an_end_is_given_up() -> None:
    """Nothing grows, and what comes after it is heard."""
    lines = Lines()
    assert lines.take(b"x" * (Lines.LONGEST + 1)) == []
    assert lines.take(b"rest\nstop\n") == ["rest", "stop"]
