"""Finding dialogs, forks included."""

from __future__ import annotations

from sbc.dialog import Dialog, DialogStatistics, DialogTable
from tests.dialog.script import ALICE, BOB, UDP, response, uac


def fork(tag: str) -> Dialog:
    return uac(response(180, tag=tag))


def test_found_by_all_three_identifiers_with_its_owner() -> None:
    """RFC 3261 section 12.2.2."""
    table = DialogTable()
    dialog = fork("bob")
    table.add(dialog, "the call")

    assert table.find("c1", "ours", "bob") == (dialog, "the call")
    assert table.find("c2", "ours", "bob") is None
    assert table.find("c1", "theirs", "bob") is None
    assert table.find("c1", "ours", "eve") is None
    assert len(table) == 1


def test_forks_of_one_invite_are_told_apart_by_the_remote_tag() -> None:
    """RFC 3261 section 12.1.2: one local tag, several dialogs."""
    table = DialogTable()
    forks = [fork("b1"), fork("b2"), fork("b3")]
    for number, dialog in enumerate(forks):
        table.add(dialog, number)

    assert len(table) == 3
    for number, dialog in enumerate(forks):
        assert table.find("c1", "ours", dialog.remote_tag) == (dialog, number)


def test_forks_leave_in_any_order() -> None:
    """RFC 3261 section 13.2.2.4: all but the confirmed one end, whichever came first."""
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)):
        table = DialogTable()
        forks = [fork("b1"), fork("b2"), fork("b3")]
        for dialog in forks:
            table.add(dialog, "call")
        left = list(forks)
        for index in order:
            table.remove(forks[index])
            left.remove(forks[index])
            assert len(table) == len(left)
            assert table.find("c1", "ours", forks[index].remote_tag) is None
            for dialog in left:
                assert table.find("c1", "ours", dialog.remote_tag) == (dialog, "call")
        assert table._forks == {}


def test_calls_whose_peers_chose_one_tag_for_us_are_told_apart_by_call_id() -> None:
    """RFC 3261 section 12.2.2: an INVITE may bring a To tag that was never ours; a flood of them may bring the same."""
    table = DialogTable()
    flow = fork("b1").flow
    dialogs = [Dialog(f"c{number}", "same", "theirs", "", "", flow) for number in range(500)]
    for dialog in dialogs:
        table.add(dialog, "call")
    for dialog in dialogs:
        assert table.find(dialog.call_id, "same", "theirs") == (dialog, "call")
    assert table.find("c500", "same", "theirs") is None
    for dialog in dialogs:
        table.remove(dialog)
    assert len(table) == 0
    assert table._forks == {}


def test_adding_again_changes_the_owner_only() -> None:
    """A call may hand a dialog over (Replaces)."""
    table = DialogTable()
    first, second = fork("b1"), fork("b2")
    for dialog in (first, second, first, second):
        table.add(dialog, "old")
    table.add(first, "new")
    table.add(second, "new")

    assert len(table) == 2
    assert table.find("c1", "ours", "b1") == (first, "new")
    assert table.find("c1", "ours", "b2") == (second, "new")


def test_removing_what_is_not_there_is_harmless() -> None:
    """And never takes a dialog that shares the local tag."""
    table = DialogTable()
    table.remove(fork("b1"))
    first, second = fork("b1"), fork("b2")
    table.add(first, "call")
    table.remove(fork("b1"))
    table.add(second, "call")
    table.remove(fork("b3"))

    assert len(table) == 2


def test_removed_lets_go_of_its_owner() -> None:
    """Memory: nothing keeps an ended call alive."""
    table = DialogTable()
    dialog = fork("b1")
    table.add(dialog, "call")
    table.remove(dialog)

    assert dialog.owner is None
    assert len(table) == 0


def test_statistics_count_by_state() -> None:
    """What `sbc status` prints."""
    table = DialogTable()
    confirmed, terminated = fork("b2"), Dialog("c9", "other", "t", ALICE, BOB, UDP)
    confirmed.confirm()
    terminated.terminate()
    for dialog in (fork("b1"), confirmed, fork("b3"), terminated):
        table.add(dialog, None)

    assert table.statistics() == DialogStatistics(early=2, confirmed=1, terminated=1)


def test_owner_of_a_tag_is_found_whatever_the_remote_tag() -> None:
    """RFC 6665 section 4.4.1: a NOTIFY may come from a notifier that nobody has heard of yet."""
    table = DialogTable()
    dialog = fork("b1")
    table.add(dialog, "subscription")
    assert table.owner_of(dialog.call_id, dialog.local_tag) == "subscription"
    assert table.owner_of("another", dialog.local_tag) is None
    assert table.owner_of(dialog.call_id, "unknown") is None
