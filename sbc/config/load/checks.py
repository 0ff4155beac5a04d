"""What can only be seen with the whole file in view: names that must exist, addresses that must not meet."""

from __future__ import annotations

from ipaddress import ip_address

from policies.load import Decoded
from sbc.config.load.addresses import address_of, is_inner
from sbc.config.load.schema import CodecsTable, NodeFile, RealmTable, TargetTable

Decoding = Decoded[NodeFile]


def check_node(decoded: Decoding, file: NodeFile) -> None:
    """Add every finding to `decoded`."""
    timers = file.node.timers
    if timers.t2 < timers.t1:
        found = f"t2 = {timers.t2:g} is less than t1 = {timers.t1:g}"
        decoded.add(("node", "timers"), found, remedy="repeats start at t1 and slow down to t2")
    if 0 < timers.session < timers.min_se:
        found = f"session = {timers.session:g} is less than min_se = {timers.min_se:g}"
        decoded.add(("node", "timers"), found, remedy="a session interval lasts min_se or longer; 0 asks for none")
    _check_listeners(decoded, file)
    for name, realm in file.realm.items():
        _check_shown(decoded, name, realm)
        _check_media(decoded, name, realm)
        _check_codecs(decoded, ("realm", name), realm.codecs, file)
    for name, trunk in file.trunk.items():
        _check_codecs(decoded, ("trunk", name), trunk.codecs, file)
    _check_trunks(decoded, file)
    _check_sources(decoded, file)
    for name in file.media.interfaces:
        if name not in file.realm:
            decoded.add(("media", "interfaces", name), "no such realm", allowed=", ".join(file.realm))
    seen: set[tuple[str, int, bool]] = set()
    for index, engine in enumerate(file.media.engines):
        if engine.ng in seen:
            found = "this engine is listed already"
            decoded.add(("media", "engines", index, "ng"), found, remedy="give it more weight")
        seen.add(engine.ng)
    if file.media.streams == "own" and file.media.engines:
        found = '"own" with engines: rtpengine passes SSRCs and timestamps on'
        decoded.add(("media", "streams"), found, remedy="leave the engines out, for the embedded one, or take it away")
    _check_hidden(decoded, file)


def _check_media(decoded: Decoding, name: str, realm: RealmTable) -> None:
    """Settings of a realm's media that mean nothing together."""
    takes_dtls = realm.srtp != "never" and realm.srtp_keys != "sdes"
    if realm.srtp != "never" and not takes_dtls and not realm.sdes_without_tls and not _has_tls(realm):
        found = f'srtp = "{realm.srtp}" without a tls listener: its keys would be readable on the way'
        remedy = (
            'add a tls listener, set srtp_keys = "dtls", or set sdes_without_tls = true in a network that you trust '
            "to carry the keys"
        )
        decoded.add(("realm", name, "srtp"), found, remedy=remedy)
    if realm.ice and not takes_dtls:
        remedy = 'set srtp to "optional" or "required", and srtp_keys to "dtls" or "any"'
        decoded.add(("realm", name, "ice"), "ICE is for media with keys from DTLS", remedy=remedy)


def _check_codecs(decoded: Decoding, path: tuple[str, str], codecs: CodecsTable | None, file: NodeFile) -> None:
    """Wishes that contradict each other, or that no engine here can grant."""
    if codecs is None:
        return
    for key in ("allow", "order", "transcode"):
        both = [name for name in getattr(codecs, key) if name in codecs.strip]
        if both:
            decoded.add((*path, "codecs", key), f"{both[0]} is stripped", remedy="name it in one of the two")
    if (codecs.transcode or codecs.ptime) and not file.media.engines:
        key = "transcode" if codecs.transcode else "ptime"
        found = "the embedded media engine does not touch the audio"
        decoded.add((*path, "codecs", key), found, remedy="name an rtpengine in media.engines, or leave it out")


def _has_tls(realm: RealmTable) -> bool:
    return any(entry.transport in ("TLS", "WSS") for entry in realm.listen)


def _check_listeners(decoded: Decoding, file: NodeFile) -> None:
    seen: dict[tuple[str, str, int], str] = {}
    for name, realm in file.realm.items():
        for index, entry in enumerate(realm.listen):
            if not entry.port:
                continue
            first = seen.setdefault((entry.transport, entry.host, entry.port), name)
            if first != name or realm.listen.index(entry) != index:
                found = f"{entry.transport.lower()}:{entry.host}:{entry.port} is listened on already, in realm {first}"
                decoded.add(("realm", name, "listen", index), found, remedy="each realm needs addresses of its own")


def _check_shown(decoded: Decoding, name: str, realm: RealmTable) -> None:
    """An untrusted realm whose listeners the world can reach must not be shown a host that it cannot."""
    if realm.trusted or all(is_inner(entry.host) for entry in realm.listen):
        return
    for key, host in (("advertise", realm.advertise), ("domain", realm.domain)):
        if host is not None and is_inner(host):
            found = f"{host} is a private address, and would be shown to an untrusted realm"
            decoded.add(("realm", name, key), found, remedy="name a host that peers of this realm can reach")


def _check_trunks(decoded: Decoding, file: NodeFile) -> None:
    own = {(e.transport, e.host, e.port) for realm in file.realm.values() for e in realm.listen}
    for name, trunk in file.trunk.items():
        if not trunk.targets and not trunk.sources and not trunk.tls_names:
            remedy = "add targets to call it, sources or tls_names to be called by it, or both"
            decoded.add(("trunk", name), "neither targets nor sources", remedy=remedy)
        realm = file.realm.get(trunk.realm)
        if realm is None:
            decoded.add(("trunk", name, "realm"), f'no realm "{trunk.realm}"', allowed=", ".join(file.realm))
            continue
        for index, target in enumerate(trunk.targets):
            _check_target(decoded, ("trunk", name, "targets", index, "uri"), target, trunk.realm, realm, own)


def _check_target(
    decoded: Decoding,
    path: tuple[str | int, ...],
    target: TargetTable,
    realm_name: str,
    realm: RealmTable,
    own: set[tuple[str, str, int]],
) -> None:
    """A target must be reachable through a listener of its realm, and must not be this node."""
    is_tls = target.uri.scheme == "sips"
    transport = "TLS" if is_tls else (target.uri.param("transport") or "udp").upper()
    port = target.uri.port or (5061 if transport == "TLS" else 5060)
    address = address_of(target.uri.host)
    if address is not None and (transport, str(address), port) in own:
        decoded.add(path, f"{target.uri} is a listener of this node", remedy="calls would come back for ever")
        return
    listeners = [entry for entry in realm.listen if entry.transport == transport]
    if not listeners:
        found = f"{target.uri} needs {transport}, and realm {realm_name} has no listener for it"
        decoded.add(path, found, remedy=f'add "{transport.lower()}:..." to realm.{realm_name}.listen')
    elif address is not None and all(ip_address(entry.host).version != address.version for entry in listeners):
        found = (
            f"{target.uri} is IPv{address.version}, and realm {realm_name} has no {transport} listener of that family"
        )
        decoded.add(path, found, remedy=f"add one to realm.{realm_name}.listen")


def _check_sources(decoded: Decoding, file: NodeFile) -> None:
    """One network is one trunk's, within a realm: who calls must not depend on the order of the file."""
    seen: dict[tuple[str, str], str] = {}
    for name, trunk in file.trunk.items():
        for index, network in enumerate(trunk.sources):
            first = seen.setdefault((trunk.realm, network), name)
            if first != name or trunk.sources.index(network) != index:
                found = f"{network} is a source of trunk {first} already"
                decoded.add(("trunk", name, "sources", index), found, remedy="a network speaks as one trunk")


def _check_hidden(decoded: Decoding, file: NodeFile) -> None:
    """What an untrusted realm is shown on purpose cannot be hidden from it."""
    for index, token in enumerate(file.audit.hide):
        for name, realm in file.realm.items():
            if realm.trusted:
                continue
            hosts = {realm.advertise, realm.domain, *(entry.host for entry in realm.listen)}
            if token.lower() in {host.lower() for host in hosts if host is not None}:
                found = f"{token} is what realm {name} is shown, and would stop every message to it"
                decoded.add(("audit", "hide", index), found, remedy="leave it out")
