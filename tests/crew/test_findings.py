"""Findings: what one worker has written of a target, all others read once."""

from __future__ import annotations

from sbc.crew import Findings, findings_memory


def test_each_target_has_one_worker_that_asks_it() -> None:
    memory = findings_memory()
    views = [Findings(memory, worker, 3) for worker in range(3)]
    names = [f"pbx 10.0.0.{number} 5060 UDP" for number in range(300)]
    owners = [[view.owns(name) for view in views].index(True) for name in names]
    assert all(sum(view.owns(name) for view in views) == 1 for name in names)
    assert min(owners.count(worker) for worker in range(3)) > 60


def test_a_finding_is_read_once_by_each_and_at_once_by_a_successor() -> None:
    memory = findings_memory()
    owner, other = Findings(memory, 0, 2), Findings(memory, 1, 2)
    assert other.get("pbx") is None
    owner.put("pbx", "no answer to a probe", "no answer to a probe")
    assert other.get("pbx") == ("no answer to a probe", "no answer to a probe")
    assert other.get("pbx") is None
    owner.put("pbx", "", "answered in 3 ms")
    assert other.get("pbx") == ("", "answered in 3 ms")
    assert Findings(memory, 1, 2).get("pbx") == ("", "answered in 3 ms")
    assert other.get("carrier") is None


def test_long_texts_are_cut() -> None:
    memory = findings_memory()
    Findings(memory, 0, 2).put("pbx", "f" * 500, "a" * 500)
    fault, answer = Findings(memory, 1, 2).get("pbx") or ("", "")
    assert (set(fault), set(answer)) == ({"f"}, {"a"})
    assert len(fault) + len(answer) <= 128
