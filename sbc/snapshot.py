"""A configuration made ready to run on: what is compiled once, and never changed while a call holds it."""

from __future__ import annotations

from typing import Final

from sbc.call import Binding
from sbc.config import Config, Listener, Realm, Target
from sbc.routing import NextHop, Router
from sbc.sip import parse_uri
from sbc.topology import Audit, Passages, compile_passages
from sbc.transaction import TimerValues


class Snapshot:
    """Router, passages and audit of one configuration."""

    __slots__ = ("audit", "config", "passages", "router", "timers")

    def __init__(self, config: Config) -> None:
        self.config: Final = config
        self.router: Final = Router(config)
        self.passages: Final[Passages] = compile_passages(config)
        self.audit: Final = Audit(config)
        self.timers: Final = TimerValues(config.timers.t1, config.timers.t2, config.timers.t4)


def listener_for(realm: Realm, transport: str, host: str) -> Listener | None:
    """The realm's listener that can reach `host` (an address, or a name) by `transport`; None where there is none."""
    ipv6 = ":" in host
    is_name = not ipv6 and not host.replace(".", "").isdigit()
    for listener in realm.listeners:
        if listener.transport == transport and (is_name or (":" in listener.host) == ipv6):
            return listener
    return None


def registered_hop(binding: Binding) -> NextHop:
    """The way to a registered peer: where it was last seen, whatever its Contact says (it may sit behind a NAT)."""
    flow = binding.flow
    host = f"[{flow.host}]" if ":" in flow.host else flow.host
    transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return NextHop("", binding.realm, Target(parse_uri(f"sip:{host}:{flow.port}{transport}")))
