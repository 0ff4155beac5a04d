"""From checked tables to the frozen model, and from the model back to what an operator reads."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from policies import Document
from sbc.config.codecs import ANY, Codecs
from sbc.config.load.addresses import bracketed
from sbc.config.load.certificates import own_pair, place, shown_tls
from sbc.config.load.credentials import auth_of, register_of, shown_register
from sbc.config.load.profiles import profiles_of
from sbc.config.load.schema import (
    CapacityTable,
    CodecsTable,
    EngineTable,
    NodeFile,
    RealmLimitsTable,
    RealmTable,
    TlsTable,
    TrunkTable,
)
from sbc.config.model import (
    UNLIMITED,
    Audit,
    Bounds,
    Capacity,
    Config,
    Engine,
    Listener,
    Media,
    Nat,
    Probe,
    Realm,
    Redirect,
    Target,
    Timers,
    Tls,
    Trunk,
)
from sbc.config.profile import DEFAULT_PROFILE, Profile
from sbc.sip import Limits


def build(file: NodeFile, document: Document, source: str, folder: Path) -> Config:
    """The configuration that a node file without findings means."""
    realms: dict[str, Realm] = {}
    profiles = profiles_of(file)
    listeners: list[Listener] = []
    for name, table in file.realm.items():
        own = _listeners(name, table, len(listeners))
        listeners.extend(own)
        domain = table.domain or table.advertise or bracketed(own[0].host)
        # The embedded engine names its interfaces after the realms; a daemon's names are its operator's.
        interface = file.media.interfaces.get(name, "" if file.media.engines else name)
        realms[name] = Realm(name, own, domain, table.trusted, table.dscp.sip, table.dscp.rtp, interface)
        if table.limits != RealmLimitsTable():
            realms[name] = replace(realms[name], **table.limits.model_dump())
        if table.tls is not None:
            realms[name] = replace(realms[name], tls=_tls(table.tls, folder))
        realms[name] = _media(realms[name], table)
        realms[name] = replace(realms[name], nat=Nat(**table.nat.model_dump()))
        profile = profiles.get(table.profile)
        if profile is not None:
            realms[name] = replace(realms[name], profile=profile, refer=profile.refer)
        if table.refer is not None:
            realms[name] = replace(realms[name], refer=table.refer)
    timers, limits = file.node.timers, file.node.limits
    return Config(
        name=file.node.name,
        realms=realms,
        trunks={name: _trunk(name, table, folder, profiles) for name, table in file.trunk.items()},
        listeners=tuple(listeners),
        policy=document,
        timers=Timers(**timers.model_dump()),
        limits=Limits(limits.message_bytes, limits.headers),
        bounds=Bounds(limits.calls, limits.transactions, limits.delay),
        media=Media(
            mode=file.media.mode,
            engines=tuple(map(_engine, file.media.engines)),
            has_own_streams=file.media.streams == "own",
            ends_feedback=file.media.feedback == "end",
            ports=file.media.ports,
            fast_path=file.media.fast_path,
            timeout=file.media.timeout,
            sweep=file.media.sweep,
            timeouts=file.media.timeouts,
            keys=file.media.keys,
            quality=file.media.quality,
            lost_after=file.media.lost_after,
        ),
        audit=Audit(file.audit.mode, tuple(file.audit.hide)),
        workers=file.node.workers,
        name_servers=tuple(file.node.name_servers),
        drain_deadline=file.node.drain_deadline,
        store=file.state.store,
        store_password_file=place(file.state.password_file, folder) if file.state.password_file else "",
        store_ca=place(file.state.ca, folder) if file.state.ca else "",
        control_socket=file.control.socket,
        source=source,
    )


def _media(realm: Realm, table: RealmTable) -> Realm:
    """How media run toward a realm."""
    return replace(
        realm,
        srtp=table.srtp,
        srtp_keys=table.srtp_keys,
        sdes_without_tls=table.sdes_without_tls,
        ice=table.ice,
        rtcp_mux=table.rtcp_mux,
        codecs=_codecs(table.codecs),
    )


def _codecs(table: CodecsTable) -> Codecs:
    made = Codecs(tuple(table.allow), tuple(table.strip), tuple(table.order), tuple(table.transcode), table.ptime)
    return ANY if made == ANY else made


def _listeners(realm: str, table: RealmTable, first: int) -> tuple[Listener, ...]:
    return tuple(
        [
            Listener(
                first + index, realm, entry.transport, entry.host, entry.port, entry.interface, table.advertise or ""
            )
            for index, entry in enumerate(table.listen)
        ]
    )


def _tls(table: TlsTable, folder: Path) -> Tls:
    own = own_pair(table.certificate, table.key, folder)
    named = [(name, own_pair(f"{stem}.pem", f"{stem}.key", folder)) for name, stem in table.sni.items()]
    return Tls(own, place(table.ca, folder) if table.ca else "", table.verify_client, tuple(named))


def _trunk(name: str, table: TrunkTable, folder: Path, profiles: dict[str, Profile]) -> Trunk:
    targets = [Target(one.uri, one.priority, one.weight, _capacity(one.limits)) for one in table.targets]
    trunk = Trunk(name, table.realm, tuple(targets), tuple(table.sources), limits=_capacity(table.limits))
    if table.probe is not None:
        trunk = replace(trunk, probe=Probe(table.probe.every, table.probe.down_after, table.probe.up_after))
    if table.tls_names:
        trunk = replace(trunk, tls_names=tuple(table.tls_names))
    trunk = replace(trunk, alias=table.alias, large_requests=table.large_requests)
    if table.crank_back is not None:
        trunk = replace(trunk, crank_back=frozenset(table.crank_back))
    if table.redirect.mode != "refuse":
        hosts = tuple(table.redirect.hosts)
        trunk = replace(trunk, redirect=Redirect(table.redirect.mode, table.redirect.limit, hosts))
    if table.options != "answer":
        trunk = replace(trunk, options=table.options)
    if table.codecs is not None:
        trunk = replace(trunk, codecs=_codecs(table.codecs))
    if table.bodies:
        trunk = replace(trunk, bodies=frozenset(table.bodies))
    if table.challenges:
        trunk = replace(trunk, challenges=tuple(table.challenges))
    profile = profiles.get(table.profile)
    if profile is not None:
        trunk = replace(trunk, profile=profile, refer=profile.refer)
        if profile.redirect and "redirect" not in table.model_fields_set:
            trunk = replace(trunk, redirect=Redirect(profile.redirect))
    if table.refer is not None:
        trunk = replace(trunk, refer=table.refer)
    if table.auth is not None:
        trunk = replace(trunk, auth=auth_of(table.auth, folder))
    if table.register_ is not None:
        trunk = replace(trunk, register=register_of(table.register_, table))
    return trunk


def _capacity(table: CapacityTable) -> Capacity:
    return Capacity(table.calls, table.calls_per_second, table.duration)


def effective(config: Config) -> dict[str, object]:
    """Everything the node would run on, defaults filled in and names resolved, in the words of the node file."""
    policy = config.policy
    return {
        "source": config.source or "quickstart",
        "node": {
            "name": config.name,
            "workers": config.workers,
            "name_servers": [f"{bracketed(host)}:{port}" for host, port in config.name_servers],
            "drain_deadline": config.drain_deadline,
            "timers": {
                "t1": config.timers.t1,
                "t2": config.timers.t2,
                "t4": config.timers.t4,
                "failover": config.timers.failover,
                "ringing": config.timers.ringing,
                "call": config.timers.call,
                "liveness": config.timers.liveness,
                "session": config.timers.session,
                "subscription": config.timers.subscription,
                "min_se": config.timers.min_se,
            },
            "limits": {
                "message_bytes": config.limits.message_bytes,
                "headers": config.limits.headers,
                **asdict(config.bounds),
            },
        },
        "policy": {
            "name": policy.name,
            "source": policy.source,
            "rules": [rule.name for rule in policy.rules],
            "headers": len(policy.headers),
            "translations": len(policy.translations),
            "tests": len(policy.tests),
        },
        "realm": {name: _effective_realm(realm) for name, realm in config.realms.items()},
        "trunk": {name: _effective_trunk(trunk) for name, trunk in config.trunks.items()},
        "media": _effective_media(config),
        "audit": {"mode": config.audit.mode, "hide": list(config.audit.hide)},
        "state": {"store": config.store, "directory": config.state}
        | ({"password_file": config.store_password_file} if config.store_password_file else {})
        | ({"ca": config.store_ca} if config.store_ca else {}),
        "control": {"socket": config.control_socket},
    }


def _engine(table: EngineTable) -> Engine:
    host, port, is_http = table.ng
    http = table.http or ((host, port) if is_http else None)
    return Engine(host, port, table.weight, http, is_http, table.json_)


def _effective_media(config: Config) -> dict[str, object]:
    return {
        "mode": config.media.mode,
        "engines": [
            {
                "ng": f"{'http' if engine.is_http else 'udp'}:{bracketed(engine.host)}:{engine.port}",
                "weight": engine.weight,
                "json": engine.as_json,
            }
            | ({"http": _place(engine.http)} if engine.http is not None else {})
            for engine in config.media.engines
        ],
        "ports": f"{config.media.ports[0]}-{config.media.ports[1]}",
        "fast_path": config.media.fast_path,
        "streams": "own" if config.media.has_own_streams else "pass",
        "feedback": "end" if config.media.ends_feedback else "pass",
        "timeout": config.media.timeout,
        "sweep": config.media.sweep,
        "timeouts": _place(config.media.timeouts) if config.media.timeouts is not None else "",
        "keys": _place(config.media.keys) if config.media.keys is not None else "",
        "quality": config.media.quality,
        "lost_after": config.media.lost_after,
        "interfaces": {realm.name: realm.media_interface for realm in config.realms.values() if realm.media_interface},
    }


def _place(place: tuple[str, int]) -> str:
    return f"{bracketed(place[0])}:{place[1]}"


def _effective_realm(realm: Realm) -> dict[str, object]:
    shown: dict[str, object] = {
        "listen": [
            f"{listener.transport.lower()}:{bracketed(listener.host)}:{listener.port}" for listener in realm.listeners
        ],
        "advertise": realm.listeners[0].shown_host,
        "domain": realm.domain,
        "trusted": realm.trusted,
        "dscp": {"sip": realm.dscp_sip, "rtp": realm.dscp_rtp},
        "srtp": realm.srtp,
        "srtp_keys": realm.srtp_keys,
        "sdes_without_tls": realm.sdes_without_tls,
        "ice": realm.ice,
        "rtcp_mux": realm.rtcp_mux,
        "codecs": asdict(realm.codecs),
        "limits": {
            "connections": realm.connections,
            "connections_per_source": realm.connections_per_source,
            "subscriptions": realm.subscriptions,
        },
        "profile": _effective_profile(realm.profile),
        "refer": realm.refer or ("terminate" if realm.trusted else "refuse"),
        "nat": {**asdict(realm.nat), "roam": realm.may_roam},
    }
    if realm.tls is not None:
        shown["tls"] = shown_tls(realm.tls)
    return shown


def _effective_trunk(trunk: Trunk) -> dict[str, object]:
    shown: dict[str, object] = {
        "realm": trunk.realm,
        "targets": [_effective_target(target) for target in trunk.targets],
        "sources": list(trunk.sources),
        "crank_back": sorted(trunk.crank_back),
        "alias": trunk.alias,
        "large_requests": trunk.large_requests,
    }
    if trunk.tls_names:
        shown["tls_names"] = list(trunk.tls_names)
    if trunk.redirect.mode != "refuse":
        shown["redirect"] = {**asdict(trunk.redirect), "hosts": list(trunk.redirect.hosts)}
    if trunk.options != "answer":
        shown["options"] = trunk.options
    if trunk.codecs is not None:
        shown["codecs"] = asdict(trunk.codecs)
    if trunk.bodies:
        shown["bodies"] = sorted(trunk.bodies)
    if trunk.auth is not None:
        shown["auth"] = {"username": trunk.auth.username}
    if trunk.register is not None:
        shown["register"] = shown_register(trunk.register)
    if trunk.challenges:
        shown["challenges"] = list(trunk.challenges)
    if trunk.profile is not None:
        shown["profile"] = _effective_profile(trunk.profile)
    if trunk.refer:
        shown["refer"] = trunk.refer
    if trunk.limits != UNLIMITED:
        shown["limits"] = _effective_capacity(trunk.limits)
    if trunk.probe is not None:
        shown["probe"] = {"method": "OPTIONS", **asdict(trunk.probe)}
    return shown


def _effective_profile(profile: Profile) -> dict[str, str]:
    """The name, and the switches that are not as without a profile."""
    chosen = {key: value for key, value in profile.choices.items() if value != getattr(DEFAULT_PROFILE, key)}
    return {"name": profile.name, **chosen}


def _effective_target(target: Target) -> dict[str, object]:
    shown: dict[str, object] = {"uri": str(target.uri), "priority": target.priority, "weight": target.weight}
    if target.limits != UNLIMITED:
        shown["limits"] = _effective_capacity(target.limits)
    return shown


def _effective_capacity(limits: Capacity) -> dict[str, object]:
    return {key: value for key, value in asdict(limits).items() if value}
