"""A worker process: born with orders that say which worker it is, it is that one until it is told to stop.

Its standard input is the supervisor's word: `media lost`, `media back`, what media engines tell, `stop`, and those of
`sbc/supervisor/words.py` by which it makes room for the next process; at the end of it the supervisor is gone, and a
worker without one would keep ports that the next node needs. On standard output it says `ready`, `drained` and `left`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from sbc.config import Config
from sbc.crew import Counts, Findings, Mailbox, Marks, Phones, Ring, RingStore
from sbc.journal import MemoryStore, Store, open_switches, read_live
from sbc.outputs import Journal
from sbc.steering import Table
from sbc.supervisor.berth import Berth
from sbc.supervisor.births import name_process
from sbc.supervisor.changes import changes_that_need_a_restart
from sbc.supervisor.moorings import moored
from sbc.supervisor.node import Node, Reload
from sbc.supervisor.notices import Lines
from sbc.supervisor.ports import keep_ports
from sbc.supervisor.seat import Seat, Standing
from sbc.supervisor.words import READY
from sbc.telemetry import Logger, Telemetry
from sbc.transport import Doorway, run

_HEARD: Final = 0
_SAID: Final = 1


@dataclass(frozen=True)
class Orders:
    """Who to be: descriptors by number, the supervisor's until the process has made them its own."""

    worker: int
    workers: int
    owners: str
    """The table of slots, in hexadecimal."""
    sockets: dict[str, int]
    """By the listener's index."""
    listeners: list[list[Any]]
    """Where they are, as `Moorings.told` says."""
    generation: int
    is_behind: bool
    mailbox: int
    own: list[int]
    """The boxes of its two seats, to read."""
    mailboxes: list[int]
    """All boxes, to write: the workers', then those of all seats."""
    counts: int
    phones: int
    findings: int
    ring: int
    media_port: int
    is_media_new: bool
    control: str
    adopts_after: float
    drains: float | None
    """Seconds in which the node is to end, None where it goes on."""
    marks: int
    is_steered: bool

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def descriptors(self) -> list[int]:
        """What the process has to be given."""
        memory = (self.counts, self.phones, self.findings, self.marks, self.ring)
        return [*self.sockets.values(), self.mailbox, *self.own, *self.mailboxes, *memory]

    def renumbered(self, numbers: Mapping[int, int]) -> Orders:
        """With its own numbers, by the supervisor's."""
        return replace(
            self,
            sockets={index: numbers[number] for index, number in self.sockets.items()},
            mailbox=numbers[self.mailbox],
            own=[numbers[number] for number in self.own],
            mailboxes=[numbers[number] for number in self.mailboxes],
            counts=numbers[self.counts],
            phones=numbers[self.phones],
            findings=numbers[self.findings],
            marks=numbers[self.marks],
            ring=numbers[self.ring],
        )


def run_child(orders: Orders, telemetry: Telemetry, read: Reload, known: Config) -> int:
    """Be a worker; `read` gives the node's configuration, in the place of the one known before. The exit status."""
    name_process(f"sbc worker {orders.worker}")
    config = config_now(read, known, telemetry.logger)
    berth = _berth(orders, config)
    if len(config.listeners) != len(orders.listeners):
        telemetry.logger.error("the configuration has other listeners than the node: as it was; restart the node")
        config = known
    node = Node(moored(config, orders.listeners), telemetry, read, berth)
    run(_live(node))
    return 0


def config_now(read: Reload, known: Config, logger: Logger) -> Config:
    """The configuration as it would be read now, unless that is one for another start of the node: it would have this
    worker keep its calls elsewhere than the others do, say.
    """
    fresh = read()
    if isinstance(fresh, Config):
        findings = changes_that_need_a_restart(known, keep_ports(fresh, known))
        if not findings:
            return fresh
    else:
        findings = fresh
    logger.error("the configuration is none for a node that runs; as it was", findings=len(findings))
    for finding in findings:
        logger.error("finding", text=str(finding["text"]))
    return known


async def _live(node: Node) -> None:
    asyncio.get_running_loop().add_reader(_HEARD, _hear, node, Lines())
    await node.run(lambda bound: _say(READY))


def _say(word: str) -> None:
    os.write(_SAID, f"{word}\n".encode())


def _hear(node: Node, lines: Lines) -> None:
    data = os.read(_HEARD, 65536)
    if not data:
        os._exit(1)  # the supervisor was killed: so are we, and the journal has the calls
    for word in lines.take(data):
        node.hear(word)


def _berth(orders: Orders, config: Config) -> Berth:
    table = Table(bytes.fromhex(orders.owners), orders.workers)
    standing = Standing.BEHIND if orders.is_behind else Standing.FRONT
    seat = Seat(orders.worker, orders.workers, orders.generation, standing)
    counts = Counts(orders.counts, seat.number)
    counts.clear()
    own = [socket.socket(fileno=number) for number in orders.own]
    if seat.generation % 2:
        own.reverse()
    store: Store = MemoryStore()
    if config.store != "memory":
        store = RingStore(Ring(orders.ring), open_switches(Path(config.state)))

    def live() -> list[Journal]:
        if config.store == "memory":
            return []
        return read_live(Path(config.state))

    return Berth(
        seat=seat,
        table=table,
        sockets={int(index): Doorway(fileno=number) for index, number in orders.sockets.items()},
        mailbox=Mailbox(
            socket.socket(fileno=orders.mailbox), [socket.socket(fileno=n) for n in orders.mailboxes], own[0]
        ),
        why={index: str(one[3]) for index, one in enumerate(orders.listeners) if not one[2]},
        former=own[1],
        clear_counts=Counts(orders.counts, seat.former_number).clear,
        counts=counts,
        phones=Phones(orders.phones),
        findings=Findings(orders.findings, orders.worker, orders.workers),
        store=store,
        live=live,
        adopts_after=orders.adopts_after,
        drains=orders.drains,
        mark=partial(Marks(orders.marks).set, orders.worker),
        media_port=orders.media_port,
        is_media_new=orders.is_media_new,
        control=orders.control,
        is_steered=orders.is_steered,
        say=_say,
    )
