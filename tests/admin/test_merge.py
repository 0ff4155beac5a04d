"""What several workers say as the answer of one node."""

from __future__ import annotations

from sbc.admin.merge import merged


def test_numbers_are_added_and_what_is_the_nodes_is_not() -> None:
    one = {"calls": 3, "uptime": 5.0, "events": {"a": 1, "b": 2}, "listeners": [{"port": 5060}], "version": "1"}
    two = {"calls": 4, "uptime": 4.0, "events": {"b": 3, "c": 4}, "listeners": [{"port": 5060}], "version": "1"}
    assert merged([one, two]) == {
        "calls": 7,
        "uptime": 5.0,
        "events": {"a": 1, "b": 5, "c": 4},
        "listeners": [{"port": 5060}],
        "version": "1",
    }


def test_rows_of_the_same_name_become_one() -> None:
    """A trunk's calls are those in all workers; its limits are the node's."""
    one = {
        "trunks": [
            {"name": "pbx", "state": "up", "calls": 2, "limits": {"calls": 9}, "targets": [{"uri": "x", "calls": 2}]}
        ]
    }
    two = {
        "trunks": [
            {"name": "pbx", "state": "down", "calls": 1, "limits": {"calls": 9}, "targets": [{"uri": "x", "calls": 1}]},
            {"name": "new", "state": "up", "calls": 0},
        ]
    }
    pbx, new = merged([one, two])["trunks"]
    assert pbx == {
        "name": "pbx",
        "state": "down",
        "calls": 3,
        "limits": {"calls": 9},
        "targets": [{"uri": "x", "calls": 3}],
    }
    assert new["name"] == "new"


def test_calls_are_listed_one_after_the_other() -> None:
    found = merged([{"total": 1, "calls": [{"id": "a"}]}, {"total": 2, "calls": [{"id": "b"}, {"id": "c"}]}])
    assert (found["total"], [row["id"] for row in found["calls"]]) == (3, ["a", "b", "c"])


def test_what_one_alone_says_stands() -> None:
    assert merged([{"done": "drained"}]) == {"done": "drained"}
    assert merged([{"done": "drained", "x": 1}, {"done": "drained", "y": True}]) == {
        "done": "drained",
        "x": 1,
        "y": True,
    }


def test_of_pauses_the_longest_of_all_workers_is_the_nodes() -> None:
    one = {"loop": {"longest_pause": 0.02, "longest_pause_lately": 0.01, "collected": 1.0}}
    two = {"loop": {"longest_pause": 0.01, "longest_pause_lately": 0.03, "collected": 2.0}}
    assert merged([one, two]) == {"loop": {"longest_pause": 0.02, "longest_pause_lately": 0.03, "collected": 3.0}}
