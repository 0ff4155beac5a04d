"""Which configuration a worker runs on that is born while its node runs."""

from __future__ import annotations

from dataclasses import replace

from sbc.supervisor.child import config_now
from tests.kit.node import config
from tests.node.fakes import FakeLogger


def test_a_worker_that_is_born_late_takes_what_a_reload_would_take() -> None:
    logger = FakeLogger()
    known = config()
    fresh = replace(known, drain_deadline=known.drain_deadline + 1)
    assert config_now(lambda: fresh, known, logger) is fresh
    assert logger.lines == []


def test_a_file_that_is_being_changed_for_a_restart_is_not_for_one_worker_alone() -> None:
    """It would look for its calls in another store, or count on media engines that the others do not know."""
    logger = FakeLogger()
    known = config()
    fresh = replace(known, store="sqlite" if known.store == "memory" else "memory", name_servers=(("192.0.2.53", 53),))
    assert config_now(lambda: fresh, known, logger) is known
    assert [str(fields.get("text", "")).partition(" ")[0] for _, _, fields in logger.lines] == [
        "",
        "`name_servers`",
        "`state`",
    ]


def test_a_file_that_cannot_be_read_any_more_is_told_of_and_left() -> None:
    logger = FakeLogger()
    known = config()
    assert config_now(lambda: [{"text": "node.toml, line 3: no value"}], known, logger) is known
    assert logger.lines[-1][2] == {"text": "node.toml, line 3: no value"}
