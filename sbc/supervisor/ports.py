"""Port 0 in a listener means any free one: chosen before anything is built, since Via and Contact show it."""

from __future__ import annotations

import socket
from dataclasses import replace

from sbc.config import Config, Listener


def choose_ports(config: Config) -> Config:
    """The configuration with a free port in the place of each 0."""
    if all(listener.port for listener in config.listeners):
        return config
    return with_listeners(config, [listener if listener.port else _chosen(listener) for listener in config.listeners])


def keep_ports(config: Config, running: Config) -> Config:
    """As `choose_ports` for a reload: the ports that were chosen at the start, and what became of addresses since."""
    if len(config.listeners) != len(running.listeners):
        return config
    pairs = zip(config.listeners, running.listeners, strict=True)
    return with_listeners(config, [_kept(new, old) for new, old in pairs])


def _kept(new: Listener, old: Listener) -> Listener:
    new = new if new.port else replace(new, port=old.port)
    is_same = new.interface == old.interface if new.interface else new.host == old.host
    return replace(new, host=old.host, is_up=old.is_up) if is_same else new


def without(config: Config, indexes: frozenset[int]) -> Config:
    """The configuration with these listeners down."""
    return with_listeners(config, [replace(one, is_up=one.index not in indexes) for one in config.listeners])


def with_listeners(config: Config, listeners: list[Listener]) -> Config:
    """The configuration with these in the place of its own; a realm that was shown by an old address is by the new."""
    realms = {
        name: replace(
            realm,
            listeners=tuple(listeners[old.index] for old in realm.listeners),
            domain=_moved(realm.domain, realm.listeners[0], listeners[realm.listeners[0].index]),
        )
        for name, realm in config.realms.items()
    }
    return replace(config, listeners=tuple(listeners), realms=realms)


def _moved(domain: str, old: Listener, new: Listener) -> str:
    return new.shown_host if domain == old.shown_host else domain


def _chosen(listener: Listener) -> Listener:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listener.transport == "UDP" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        probe.bind((listener.host, 0))
        return replace(listener, port=int(probe.getsockname()[1]))
