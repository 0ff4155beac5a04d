"""What a worker process is given by its supervisor, in the place of what a node with one worker makes for itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from sbc.config import Config
from sbc.crew import Counts, Findings, Mailbox, Phones
from sbc.journal import Store
from sbc.outputs import Journal
from sbc.steering import Table
from sbc.supervisor.seat import Seat, Standing


@dataclass(frozen=True)
class Berth:
    """One worker's place on the node."""

    seat: Seat
    table: Table
    sockets: dict[int, socket.socket]
    """By the listener's index; shared with nobody (UDP), or with all (streams), and kept by the supervisor."""
    mailbox: Mailbox
    counts: Counts
    phones: Phones
    findings: Findings
    store: Store
    live: Callable[[], list[Journal]]
    """The calls that there are, all workers'; waits for the disk."""
    adopts_after: float
    """Seconds after which its own of those are adopted."""
    drains: float | None
    """Seconds in which the last calls are to end, None where the node goes on."""
    mark: Callable[[str], None]
    """Says which call is being adopted, to whoever finds us dead."""
    media_port: int
    """The embedded engine's, 0 where there is none."""
    is_media_new: bool
    """Its sessions, if it ever had any, are gone."""
    control: str
    """The worker's own control socket, for the supervisor."""
    is_steered: bool
    """The kernel gives each datagram to its owner."""
    why: dict[int, str]
    """Why those listeners that have no socket are not up."""
    former: socket.socket
    """The box of the process before this one, or after it."""
    clear_counts: Callable[[], None]
    """Forgets what the process before this one carried."""
    say: Callable[[str], None]
    """A word to the supervisor."""

    @property
    def worker(self) -> int:
        """Its number."""
        return self.seat.worker

    @property
    def is_behind(self) -> bool:
        """There is a process before this one, which makes room."""
        return self.seat.standing is Standing.BEHIND

    @property
    def slots(self) -> tuple[bytes, frozenset[int]]:
        """What this worker mints with, and what the others do."""
        return self.table.slots(self.worker), self.table.others(self.worker)

    def fitted(self, config: Config) -> Config:
        """The configuration with what is this worker's own."""
        trunks = config.trunks
        if self.worker:  # one of us registers, for all
            trunks = {name: replace(trunk, register=None) for name, trunk in trunks.items()}
        return replace(config, trunks=trunks, control_socket=self.control)
