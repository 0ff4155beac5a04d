"""A configuration made ready to run on: what is compiled once, and never changed while a call holds it."""

from __future__ import annotations

from typing import Final

from sbc.call import Binding
from sbc.config import Config, Listener, Realm, Target, proves
from sbc.routing import Borders, Health, NextHop, Router
from sbc.sip import parse_uri
from sbc.topology import Audit, Passages, all_units, compile_passages
from sbc.transaction import TimerValues


class Snapshot:
    """Router, passages and audit of one configuration."""

    __slots__ = ("audit", "auth_realms", "bodies", "borders", "config", "own", "passages", "router", "timers")

    def __init__(self, config: Config, health: Health | None = None, now: float = 0.0) -> None:
        self.config: Final = config
        self.router: Final = Router(config, health, now)
        self.borders: Final = Borders(config, self.router.trunk_at)
        self.own: Final = own_addresses(config)
        self.passages: Final[Passages] = compile_passages(config)
        self.audit: Final = Audit(config)
        self.bodies: Final = frozenset([kind for trunk in config.trunks.values() for kind in trunk.bodies])
        self.auth_realms: Final = auth_realm_tokens(config)
        self.timers: Final = TimerValues(config.timers.t1, config.timers.t2, config.timers.t4)


def auth_realm_tokens(config: Config) -> frozenset[bytes]:
    """The words that the digest realms of all trunks hold, as the audit spells them: shown on purpose."""
    names = [name for trunk in config.trunks.values() for name in trunk.challenges]
    return frozenset(all_units(" ".join(names).encode("utf-8", "surrogateescape"))) if names else frozenset()


def own_addresses(config: Config) -> frozenset[tuple[str, str, int]]:
    """(transport, host, port) of every listener as it is bound and as it is shown: what leads back to this node."""
    own: set[tuple[str, str, int]] = set()
    for listener in config.listeners:
        shown = listener.shown_host
        own.add((listener.transport, listener.host, listener.port))
        own.add((listener.transport, shown[1:-1] if shown.startswith("[") else shown, listener.port))
    return frozenset(own)


def listener_for(realm: Realm, transport: str, host: str) -> Listener | None:
    """The realm's listener that is up and reaches `host` (an address, or a name) by `transport`; None: it has none."""
    ipv6 = ":" in host
    is_name = not ipv6 and not host.replace(".", "").isdigit()
    for listener in realm.listeners:
        if listener.transport == transport and listener.is_up and (is_name or (":" in listener.host) == ipv6):
            return listener
    return None


def wanted_names(config: Config, trunk: str, listener: Listener, host: str) -> tuple[str, ...]:
    """Of which one must be proved by who is called over TLS at `host`: a target, or where its dialog has moved to.

    The trunk's `tls_names`; without them that host (RFC 5922 section 7.3) or any target of the trunk. The first is the
    one to ask for (SNI). Empty for a peer that is no trunk and known by its address only: it called, or registered;
    and where the listener is not one for TLS.
    """
    if listener.transport != "TLS":
        return ()
    found = config.trunks.get(trunk)
    if found is None:
        return () if ":" in host or host.replace(".", "").isdigit() else (host,)
    if found.tls_names:
        return (host, *found.tls_names) if proves((host,), found.tls_names) else found.tls_names
    return tuple(dict.fromkeys([host, *[target.uri.host.strip("[]") for target in found.targets]]))


def registered_hop(binding: Binding) -> NextHop:
    """The way to a registered peer: where it was last seen, whatever its Contact says (it may sit behind a NAT)."""
    flow = binding.flow
    host = f"[{flow.host}]" if ":" in flow.host else flow.host
    transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return NextHop("", binding.realm, Target(parse_uri(f"sip:{host}:{flow.port}{transport}")))
