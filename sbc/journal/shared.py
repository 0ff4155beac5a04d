"""A store that other nodes can go on from: the file of `SqliteStore`, and the live calls on a server beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sbc.journal.instance import Instance
from sbc.journal.replica import Replica, Standing
from sbc.journal.server import Away, Grant, Server
from sbc.journal.store import SqliteStore, open_store, read_live
from sbc.outputs import Journal, Record, TargetChanged

Fits = Callable[[Journal, str], str]
"""Why a call that this other instance had cannot be gone on with here; empty where it can."""
Fitted = Callable[[Journal, str], Journal]
"""A call that this other instance had, as it is gone on with here."""


class SharedStore:
    """A `Store`. Records go to the file first, so that whatever becomes of the server the node has them itself.

    Before the first `append`, `take` must have got the lease, or `go_alone` been called. `replica` says how the server
    does.
    """

    def __init__(self, state: Path, instance: Instance, server: Server) -> None:
        store = open_store("sqlite", state)
        assert isinstance(store, SqliteStore)
        self._file: Final = store
        self._server: Final = server
        self._instance: Final = instance
        self.replica: Final = Replica(server, instance.name, lambda: self._read(state))

    @property
    def lost(self) -> int:
        """Records that the file could not keep; what the server has missed, it is told of later."""
        return self._file.lost

    @property
    def trouble(self) -> str:
        """Why the file takes nothing at the moment."""
        return self._file.trouble

    @property
    def waiting(self) -> int:
        """Records that the file has not taken so far."""
        return self._file.waiting

    def look(self) -> Grant:
        """Who has the lease, and who had it last. Raises Away."""
        return self._server.look()

    def is_ours(self, former: str) -> bool:
        """Whether the file knows best: nobody else has kept these calls since."""
        return former in ("", self._instance.name)

    def take(self, fits: Fits, fitted: Fitted = lambda call, _: call) -> tuple[Grant, list[tuple[Journal, str]]]:
        """Get the lease, unless another has it, and the calls that are left under it: those that cannot be gone on
        with, each with the reason, stay on the server.

        Where another instance kept them last, those of our file are of no account any more. Raises Away.
        """
        grant = self._server.take()
        unfit: list[tuple[Journal, str]] = []
        if not grant.token:
            return grant, unfit
        if not self.is_ours(grant.former):
            left = {call.call: (call, former or grant.former) for call, former in self._server.left()}
            for call, former in left.values():
                why = fits(call, former) if former != self._instance.name else ""
                if why:
                    unfit.append((call, why))
            misfits = {call.call for call, _ in unfit}
            fit = [one for one in left.values() if one[0].call not in misfits]
            ours = self._instance.name
            self._file.replace_live([call if former == ours else fitted(call, former) for call, former in fit])
            self._server.set_aside([left[call] for call in misfits])
        self.replica.start(grant.token)
        return grant, unfit

    def go_alone(self, why: str) -> None:
        """Begin without the server, which may give us the lease when it is back."""
        self.replica.start("", why)

    def append(self, record: Record) -> None:
        """To the file, then to the server."""
        self._file.append(record)
        self.replica.append(record)

    def switch(self, change: TargetChanged) -> None:
        """Each node's own."""
        self._file.switch(change)

    def disabled(self) -> list[tuple[str, str]]:
        """What an earlier process on this directory was told."""
        return self._file.disabled()

    def live(self) -> list[Journal]:
        """What is to be gone on with, at the start."""
        return self._file.live()

    def flush(self) -> None:
        """Wait for the file."""
        self._file.flush()

    def slots(self) -> str:
        """Who owned which slot on the node before us. Raises Away."""
        return self._server.slots()

    def close(self) -> None:
        """Write what is waiting, and let the next node begin."""
        self._file.flush()
        self.replica.close()
        self._file.close()
        self._instance.close()

    def _read(self, state: Path) -> list[Journal]:
        self._file.flush()
        try:
            return read_live(state)
        except sqlite3.Error as error:
            raise Away(f"not told of our calls, as the journal cannot be read: {error}") from error


def standing_of(replica: Replica) -> dict[str, object]:
    """For operators."""
    found: dict[str, object] = {
        "state": replica.standing.value,
        "since": round(replica.since, 3),
        "waiting": replica.waiting,
        "missed": replica.missed,
        "restored": replica.restored,
    }
    return found | {"why": replica.why} if replica.standing is not Standing.UP else found
