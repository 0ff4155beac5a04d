"""Port 0 in a listener means any free one: chosen before anything is built, since Via and Contact show it."""

from __future__ import annotations

import socket
from dataclasses import replace

from sbc.config import Config, Listener


def choose_ports(config: Config) -> Config:
    """The configuration with a free port in the place of each 0."""
    if all(listener.port for listener in config.listeners):
        return config
    return _with_listeners(config, [listener if listener.port else _chosen(listener) for listener in config.listeners])


def keep_ports(config: Config, running: Config) -> Config:
    """As `choose_ports` for a reload: the ports that were chosen at the start."""
    if len(config.listeners) != len(running.listeners):
        return config
    pairs = zip(config.listeners, running.listeners, strict=True)
    return _with_listeners(config, [new if new.port else replace(new, port=old.port) for new, old in pairs])


def _with_listeners(config: Config, listeners: list[Listener]) -> Config:
    realms = {
        name: replace(realm, listeners=tuple(listeners[old.index] for old in realm.listeners))
        for name, realm in config.realms.items()
    }
    return replace(config, listeners=tuple(listeners), realms=realms)


def _chosen(listener: Listener) -> Listener:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listener.transport == "UDP" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        probe.bind((listener.host, 0))
        return replace(listener, port=int(probe.getsockname()[1]))
