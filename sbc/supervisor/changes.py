"""What of a configuration cannot change while the node runs."""

from __future__ import annotations

from sbc.admin import Json
from sbc.config import Config


def changes_that_need_a_restart(old: Config, new: Config) -> list[Json]:
    """What a reload cannot change in this version: sockets, media engines and where the state is kept."""
    changed = [
        ("listen", old.listeners != new.listeners),
        (
            "dscp",
            {r.name: r.dscp_sip for r in old.realms.values()} != {r.name: r.dscp_sip for r in new.realms.values()},
        ),
        ("name_servers", old.name_servers != new.name_servers),
        ("media", old.media != new.media),
        ("state", _state_of(old) != _state_of(new)),
        ("control", old.control_socket != new.control_socket),
    ]
    return [
        {"text": f"`{key}` differs from what runs: a reload cannot change it, restart the node"}
        for key, differs in changed
        if differs
    ]


def _state_of(config: Config) -> tuple[str, ...]:
    shared = (config.name, config.store_password_file, config.store_ca) if config.is_shared else ()
    return (config.store, config.state, *shared)
