"""A node whose live calls other machines can go on with: whose they are at the start, and while it runs.

A node starts with the lease of its name. Where another has it, this one stands by; when that one is gone it takes over
its calls, once the addresses that peers speak to are here. It goes on with those that can be gone on with, and leaves
the others.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from sbc.admin import StandbyServer
from sbc.adoption import RecordError, needs, without_engine
from sbc.config import Config
from sbc.config.load import read_password
from sbc.journal import (
    COMPANY,
    Away,
    Instance,
    Place,
    Replica,
    SharedStore,
    SqliteStore,
    Standing,
    Store,
    examine_server,
    make_state,
    naming,
    open_server,
    open_store,
    standing_of,
)
from sbc.outputs import Journal
from sbc.placement import engine_name
from sbc.steering import owners_in
from sbc.supervisor.embedded import is_wanted
from sbc.telemetry import Logger

WITHOUT: Final = 10.0
"""Seconds after which a node starts though the server does not answer."""
EVERY: Final = 0.25
"""Seconds between two looks at how the server does."""
_LOOK: Final = 1.0
SLOTS: Final = "slots"
"""The file in the state directory that keeps who owns which slot: tokens outlive the node."""


class TakenOver(OSError):
    """Another node has our name and our calls."""


async def open_lasting(config: Config, logger: Logger) -> Store:
    """The store that the configuration names, with everything in it that this node is to go on with.

    Waits while another node has the name. Raises OSError or sqlite3.Error where the file cannot be used.
    """
    if not config.is_shared:
        company = 0.0 if config.workers > 1 else COMPANY  # of several workers the ledger's records come in company
        return open_store(config.store, Path(config.state), company)
    loop = asyncio.get_running_loop()
    instance = Instance(Path(config.state), socket.gethostname())
    store = SharedStore(Path(config.state), instance, open_server(place_of(config), config.name, instance.name))
    shown = {"source": config.source or "quickstart", "version": config.version}
    control = StandbyServer(Path(config.control_socket), config.name, shown, {"store": config.store})
    try:
        await _await_turn(config, store, logger, instance, control)
    except BaseException:
        await loop.run_in_executor(None, store.close)
        raise
    finally:
        await control.close()
    return store


async def _await_turn(
    config: Config, store: SharedStore, logger: Logger, instance: Instance, control: StandbyServer
) -> None:
    loop = asyncio.get_running_loop()
    alone_at = loop.time() + WITHOUT
    said = ""
    while True:
        try:
            found = await loop.run_in_executor(None, store.look)
            absent = [] if store.is_ours(found.former) else absent_addresses(config)
            if found.holder in ("", instance.name) and not absent:
                if await loop.run_in_executor(None, _take, config, store, logger):
                    return
                continue
            wait = f"addresses that are not here: {', '.join(absent)}" if absent else f"{found.holder}, which runs"
        except Away as error:
            wait = f"the server, which does not answer: {error}"
            if loop.time() > alone_at and not absent_addresses(config):
                logger.warning("the shared store is away; starting without it", reason=str(error))
                store.go_alone(str(error))
                return
        if wait != said:
            logger.warning("standing by", name=config.name, waiting_for=wait)
            if not said:
                await control.open()
            said = control.waiting_for = wait
        await asyncio.sleep(_LOOK)


def _take(config: Config, store: SharedStore, logger: Logger) -> bool:
    """The lease and what is under it; False where somebody was faster."""
    fits = Fitness(config)
    grant, unfit = store.take(fits, fits.fitted)
    if not grant.token:
        return False
    if not store.is_ours(grant.former):
        slots = store.slots()
        if owners_in(slots):
            (Path(config.state) / SLOTS).write_text(slots + "\n", encoding="ascii")
        logger.warning("taking over", name=config.name, former=grant.former, left=len(unfit))
    for call, why in unfit:
        logger.warning("call left", call=call.call, why=why)
    return True


class Fitness:
    """Whether calls of another machine can be gone on with here, and how.

    Media follow: a call whose engine we do not reach is gone on with as one whose engine is lost, and gets another.
    """

    def __init__(self, config: Config) -> None:
        absent = set(absent_addresses(config))
        self._listeners: Final = {
            (one.transport, one.host, one.port) for one in config.listeners if one.host not in absent
        }
        self._relays: Final = bool(config.media.engines) or is_wanted(config)
        self._engines: Final = {engine_name(one) for one in config.media.engines}
        self._own_engines: Final = {engine_name(one) for one in config.media.engines if _is_own_machines(one.host)}

    def __call__(self, call: Journal, _: str) -> str:
        """Why it cannot, empty where it can."""
        try:
            needed = needs(call.record)
        except RecordError as error:
            return str(error)
        for transport, host, port in needed.listeners:
            if (transport, host, port) not in self._listeners:
                return f"no listener {transport.lower()} {host} {port} is up here"
        if needed.engine and not self._relays:
            return f"media engine {needed.engine} is not here, nor is another"
        return ""

    def fitted(self, call: Journal, former: str) -> Journal:
        """The call, without its media engine where that is none of ours."""
        engine = needs(call.record).engine
        is_elsewhere = engine in self._own_engines and former.partition("/")[0] != socket.gethostname()
        if not engine or (engine in self._engines and not is_elsewhere):
            return call
        return Journal(call.call, call.kind, call.wall, without_engine(call.record))


def absent_addresses(config: Config) -> list[str]:
    """Hosts of listeners that this machine does not have now."""
    return [host for host in dict.fromkeys(one.host for one in config.listeners) if not is_here(host)]


def is_here(host: str) -> bool:
    """Whether this machine has the address now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _is_own_machines(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def place_of(config: Config) -> Place:
    """Where the server is. Raises OSError where the password cannot be read."""
    return Place(config.store, read_password(config.store_password_file), config.store_ca)


async def follow(store: Store, logger: Logger, give_up: Callable[[], None]) -> None:
    """Say once when the file takes nothing or the server goes, and when it is back; `give_up` when another node has
    taken over.
    """
    if not isinstance(store, SqliteStore | SharedStore):
        return
    standing, trouble = Standing.UP, ""
    while True:
        if bool(store.trouble) != bool(trouble):
            trouble = _tell_of_file(store, logger)
        if isinstance(store, SharedStore) and store.replica.standing is not standing:
            standing = _tell_of_server(store.replica, logger)
            if standing is Standing.LOST:
                give_up()
                return
        await asyncio.sleep(EVERY)


def _tell_of_file(store: SqliteStore | SharedStore, logger: Logger) -> str:
    trouble = store.trouble
    if trouble:
        logger.error("the journal cannot be written; calls go on, their records wait", reason=trouble)
    else:
        logger.info("the journal is written again", lost=store.lost)
    return trouble


def _tell_of_server(replica: Replica, logger: Logger) -> Standing:
    standing = replica.standing
    if standing is Standing.UP:
        logger.info("the shared store is back", calls=replica.restored, missed=replica.missed)
    elif standing is Standing.AWAY:
        logger.warning("the shared store is away; calls go on", reason=replica.why)
    else:
        logger.error("another node has taken over: this one ends", by=replica.why)
    return standing


def check_ours(store: Store) -> None:
    """At the end. Raises TakenOver where another node has taken over, so that whoever started us hears of it."""
    if isinstance(store, SharedStore) and store.replica.standing is Standing.LOST:
        raise TakenOver(f"{store.replica.why} has taken over")


def journal_status(kind: str, store: Store | None) -> dict[str, object]:
    """For operators."""
    found: dict[str, object] = {"store": kind, "lost": store.lost if store is not None else 0}
    if isinstance(store, SqliteStore | SharedStore) and store.waiting:
        found |= {"waiting": store.waiting, "why": store.trouble}
    return found | {"shared": standing_of(store.replica)} if isinstance(store, SharedStore) else found


def look_at_store(config: Config) -> tuple[str, str, str]:
    """From outside of the node: version, eviction policy and holder of the lease. Raises OSError."""
    return examine_server(place_of(config), config.name)


def keep_owners(state: Path, owners: str) -> None:
    """Keep the table of slots for the next start. Raises StateError."""
    make_state(state)
    with naming(state / SLOTS):
        (state / SLOTS).write_text(owners + "\n", encoding="ascii")


def owners_of(config: Config) -> bytes:
    """The table of slots that an earlier start has left, nothing where there is none."""
    try:
        return owners_in((Path(config.state) / SLOTS).read_text(encoding="ascii", errors="replace"))
    except OSError:
        return b""
