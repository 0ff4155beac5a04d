"""What one supervisor leaves to the next: descriptors, and what both must agree on about the configuration."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sbc.config import Config
from sbc.supervisor.embedded import command_line, is_wanted
from sbc.supervisor.ports import keep_ports

FORMAT: Final = 2
"""Of everything that two supervisors, and their workers, say to each other, memory included. Another one is refused."""


@dataclass(frozen=True)
class Bequest:
    """As the supervisor that goes offers it."""

    estate: dict[str, Any]
    control: int
    """The control socket, listening."""
    generations: list[int]
    """Of the processes that are to come, by worker."""
    seconds: float
    """How long those before them may take to make room."""
    listeners: list[list[Any]]
    """As `listeners_of` says: the ports as chosen at the start, the hosts as they are now."""
    fixed: dict[str, str]
    """What may not differ, by key of the file."""
    pid: int
    version: str
    format: int = FORMAT

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def read(told: dict[str, Any]) -> Bequest:
        """What `told` has told. Raises ValueError for what another version means by it."""
        if told.get("format") != FORMAT:
            raise ValueError(
                f"the running version hands over in format {told.get('format')}, this one takes format {FORMAT}: "
                "drain and start instead"
            )
        return Bequest(**told)


def listeners_of(config: Config) -> list[list[Any]]:
    """As two supervisors compare them."""
    return [[one.transport, one.host, one.port, one.realm, one.interface, one.is_up] for one in config.listeners]


def with_known(config: Config, listeners: list[list[Any]]) -> Config:
    """The configuration with what the former supervisor knows better: ports that it has chosen, and what has become of
    addresses since.
    """
    if len(config.listeners) != len(listeners):
        return config
    pairs = zip(config.listeners, listeners, strict=True)
    known = [replace(one, host=it[1], port=it[2], interface=it[4], is_up=it[5]) for one, it in pairs]
    return keep_ports(config, replace(config, listeners=tuple(known)))


def fixed_in(config: Config) -> dict[str, str]:
    """What sockets, shared memory and the journal depend on, so that an upgrade cannot change it."""
    embedded = command_line(config, 0)[1:] if is_wanted(config) else []
    shared = (config.name, config.store_password_file, config.store_ca) if config.is_shared else ()
    return {
        "workers": str(config.workers),
        "dscp": repr({realm.name: realm.dscp_sip for realm in config.realms.values()}),
        "media": repr((config.media.mode, [repr(one) for one in config.media.engines], config.media.ports, embedded)),
        "state": repr((config.store, config.state, shared)),
        "control": config.control_socket,
    }


def objections(bequest: Bequest, config: Config) -> list[str]:
    """Why a node with this configuration, its ports as chosen, cannot go on with the bequest."""
    now = fixed_in(config)
    differing = [key for key, value in bequest.fixed.items() if now.get(key) != value]
    if listeners_of(config) != bequest.listeners:
        differing.insert(0, "listen")
    return [
        f"`{key}` differs from what runs: an upgrade cannot change it, drain and start instead" for key in differing
    ]
