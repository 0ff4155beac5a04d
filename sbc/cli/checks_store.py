"""`doctor`'s checks of what keeps the live calls: the file, and the server that they are shared by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sbc.cli.checks import Check, State

if TYPE_CHECKING:
    from sbc.config import Config


def check_file(config: Config) -> Iterator[Check]:
    """Whether the file, where there is one already, can be read."""
    import sqlite3

    path = Path(config.state) / "sbc.sqlite"
    if config.store == "memory" or not path.exists():
        return
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            database.execute("PRAGMA schema_version").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        remedy = "move it away, or name another directory with `sbc run --state DIR`"
        yield Check("state file", State.FAIL, f"{path}: {error}", remedy)


def check_store(config: Config, look: Callable[[Config], tuple[str, str, str]]) -> Iterator[Check]:
    """Whether it answers, keeps what it is given, and who has the node's name there; `look` asks it."""
    if not config.is_shared:
        return
    try:
        version, policy, holder = look(config)
    except OSError as error:
        remedy = "start it, or see state.store and state.password_file; calls go on meanwhile, on this machine alone"
        yield Check("shared store", State.FAIL, f"{config.store}: {error}", remedy)
        return
    held = f"{config.name} is {holder}" if holder else f"nobody is {config.name}"
    yield Check("shared store", State.OK, f"{config.store}, version {version}, {held}")
    if policy.startswith("allkeys"):
        remedy = "maxmemory-policy noeviction, or volatile-ttl on a server of its own"
        yield Check("shared store memory", State.WARN, f"maxmemory-policy {policy} throws live calls away", remedy)
