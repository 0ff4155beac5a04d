"""The shape of a node file in TOML. Keys that this version does not perform yet are known here, and refused."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from policies.load import NOT_YET, Table, refuse, shown
from sbc.config.load.addresses import ListenEntry, address_of, parse_host, parse_listen
from sbc.sip import ParseError, Uri, parse_uri

WORKERS: Final = 16
"""Most processes of a node: a worker mints with 15 of 256 slots."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.!#$&^_+-]{1,64}/[a-z0-9.!#$&^_+-]{1,64}")
_HIDE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@+-]*|\[[0-9A-Fa-f:.]+\](?::\d+)?")
_ENGINE: Final = re.compile(r"(udp|http):(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})")
_CODEC: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}(?:/[0-9]{4,6})?")
_HTTP: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})")
_USER: Final = re.compile(r"(?:[A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-Fa-f]{2}){1,128}")
_STORE: Final = re.compile(
    r"(?:redis|valkey)s?://(?:[^\s:@/]*(?P<password>:[^\s@/]*)?@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?:/\d{0,4})?"
)
_NAME_SERVER: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(\d{1,5}))?")
_PORTS: Final = re.compile(r"(\d{1,5})\s*-\s*(\d{1,5})")

_TLS_NAMES: Final = 'a name as certificates bear it, "sip.carrier.example", or "*.carrier.example" for one label more'

# RFC 4594 and RFC 8837: the names of code points that operators write.
_CODE_POINTS: Final[dict[str, int]] = {
    "be": 0,
    "df": 0,
    **{f"cs{number}": 8 * number for number in range(8)},
    **{f"af{row}{drop}": 8 * row + 2 * drop for row in range(1, 5) for drop in range(1, 4)},
    "va": 44,
    "ef": 46,
}


def _name(value: object) -> Any:  # noqa: ANN401 - pydantic checks what comes out
    if isinstance(value, str) and not _NAME.fullmatch(value):
        refuse(f"the name {shown(value)}", allowed="letters, digits, '.', '_' and '-', at most 63")
    return value


Name = Annotated[str, BeforeValidator(_name)]
Listen = Annotated[ListenEntry, PlainValidator(parse_listen)]
Host = Annotated[str, PlainValidator(parse_host)]


def _uri(value: object) -> Uri:
    allowed = '"sip:198.51.100.10", "sip:pbx.example.net:5080;transport=tcp"'
    try:
        uri = parse_uri(value) if isinstance(value, str) else None
    except ParseError:
        uri = None
    if uri is None or not uri.is_sip or uri.headers or uri.user:
        refuse(shown(value), allowed=allowed, remedy="a target has no user part and no headers" if uri else "")
    transport = (uri.param("transport") or "").lower()
    if transport in ("ws", "wss"):
        refuse(f"{shown(value)}: WebSocket is {NOT_YET}", allowed=allowed)
    if transport not in ("", "udp", "tcp", "tls"):
        refuse(f"transport={transport}", allowed="udp, tcp, tls")
    if uri.scheme == "sips" and transport == "udp":
        refuse(f"{shown(value)}: sips means TLS", allowed="sips without a transport, or sip")
    return uri


def _tls_name(value: object) -> str:
    if not isinstance(value, str):
        refuse(shown(value), allowed=_TLS_NAMES)
    name = parse_host(value.removeprefix("*."))
    if value.startswith("*.") and "." not in name:
        refuse(f"{shown(value)} would take every name below a top-level domain", allowed=_TLS_NAMES)
    return ("*." if value.startswith("*.") else "") + (name[1:-1] if name.startswith("[") else name)


def _network(value: object) -> str:
    try:
        return str(ip_network(value)) if isinstance(value, str) else _no_network(value)
    except ValueError:
        return _no_network(value)


def _no_network(value: object) -> str:
    try:
        meant = f'did you mean "{ip_network(value, strict=False)}"?' if isinstance(value, str) else ""
    except ValueError:
        meant = ""
    refuse(f"{shown(value)} is no network", allowed='"198.51.100.0/28", "2001:db8::/64" or one address', remedy=meant)


def _body(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, str) and not _MEDIA_TYPE.fullmatch(value):
        refuse(shown(value), allowed='a content type in lower case without parameters, such as "application/isup"')
    if value == "application/sdp":
        refuse(f"{shown(value)}: session descriptions always cross, built anew", remedy="leave it out")
    return value


def _auth_realm(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, str) and not (0 < len(value) <= 255 and value.isprintable()):
        refuse(shown(value), allowed='the realm of a digest challenge as it is sent, such as "example.net"')
    return value


def _code_point(value: object) -> int:
    if isinstance(value, str) and value.lower() in _CODE_POINTS:
        return _CODE_POINTS[value.lower()]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 63:
        refuse(shown(value), allowed='0 to 63, or a name such as "cs3", "af41", "ef"')
    return value


def _engine(value: object) -> tuple[str, int, bool]:
    """Host, port, and whether it is spoken to by HTTP."""
    found = _ENGINE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < int(found[4]) <= 65535:
        refuse(shown(value), allowed='"udp:HOST:PORT" or "http:HOST:PORT", such as "udp:127.0.0.1:2223"')
    return found[2] or found[3], int(found[4]), found[1] == "http"


def _http(value: object) -> tuple[str, int]:
    found = _HTTP.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < int(found[3]) <= 65535:
        refuse(shown(value), allowed='"HOST:PORT", such as "127.0.0.1:8080"')
    return found[1] or found[2], int(found[3])


def _name_server(value: object) -> tuple[str, int]:
    """An address with or without a port, IPv6 in brackets where there is one."""
    text = value if isinstance(value, str) else ""
    found = _NAME_SERVER.fullmatch(text)
    host, port = (found[1] or found[2], int(found[3] or 53)) if found is not None else (text, 53)
    address = address_of(host)
    if address is None or not 0 < port <= 65535:
        refuse(shown(value), allowed='an address, "192.0.2.53", or one with a port, "[2001:db8::53]:5353"')
    return str(address), port


def _ports(value: object) -> tuple[int, int]:
    found = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        refuse(shown(value), allowed='"FIRST-LAST", such as "30000-39999"')
    first, last = int(found[1]), int(found[2])
    if first < 1024 or last > 65535 or last - first < 3:
        refuse(shown(value), allowed="ports from 1024 to 65535, and at least four: a call takes two pairs")
    return first, last


def _hide(value: object) -> str:
    """A token or a network; it is compared as a whole unit, so that three characters are the least that make sense."""
    if isinstance(value, str) and "/" in value:
        return _network(value)
    if not isinstance(value, str) or len(value) < 3 or not _HIDE.fullmatch(value):
        refuse(
            shown(value), allowed='a host, an address, a network or a word, such as "pbx.corp.local", "10.20.0.0/16"'
        )
    return value


def _store(value: object) -> str:
    if value in ("memory", "sqlite"):
        return str(value)
    found = _STORE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < int(found["port"] or 1) <= 65535 or found["password"]:
        allowed = '"memory", "sqlite", or a server: "redis://HOST:PORT/0", "rediss://...", "valkey://..."'
        if found is not None and found["password"]:
            refuse("a password in the URL", allowed=f"{allowed}, with state.password_file beside it")
        refuse(shown(value), allowed=allowed)
    return found[0]


def _workers(value: object) -> Any:  # noqa: ANN401
    if value == "auto":
        return min(len(os.sched_getaffinity(0)), WORKERS)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= WORKERS:
        refuse(f"{shown(value)} workers", allowed=f'1 to {WORKERS}, or "auto": one a core')
    return value


def _fast_path(value: object) -> Any:  # noqa: ANN401
    if value in ("nft", "tcx"):
        refuse(f"{shown(value)}: relaying in the kernel is {NOT_YET}", allowed='"none", "auto"')
    return value


class TimersTable(Table):
    """`[node.timers]`, seconds."""

    t1: float = Field(default=0.5, ge=0.05, le=10)
    t2: float = Field(default=4.0, ge=0.05, le=60)
    t4: float = Field(default=5.0, ge=0.05, le=60)
    failover: float = Field(default=4.0, ge=0, le=60)
    ringing: float = Field(default=180.0, ge=1, le=3600)
    call: float = Field(default=14400.0, ge=1, le=604800)
    liveness: float = Field(default=900.0, ge=0, le=604800)
    subscription: float = Field(default=3600.0, ge=60, le=604800)
    session: float = Field(default=1800.0, ge=0, le=604800)
    min_se: float = Field(default=90.0, ge=90, le=604800)


class LimitsTable(Table):
    """`[node.limits]`."""

    message_bytes: int = Field(default=65535, ge=1024, le=1048576)
    headers: int = Field(default=128, ge=16, le=4096)
    calls: int = Field(default=100_000, ge=1, le=1_000_000)
    transactions: int = Field(default=500_000, ge=1000, le=10_000_000)
    delay: float = Field(default=0.5, ge=0, le=10)


class NodeTable(Table):
    """`[node]`."""

    name: Name
    workers: Annotated[int, BeforeValidator(_workers)] = 1
    name_servers: list[Annotated[tuple[str, int], PlainValidator(_name_server)]] = Field(
        default_factory=list, max_length=8
    )
    policies: str = Field(min_length=1)
    drain_deadline: float = Field(default=300.0, ge=0, le=86400)
    timers: TimersTable = Field(default_factory=TimersTable)
    limits: LimitsTable = Field(default_factory=LimitsTable)


class DscpTable(Table):
    """`dscp` of a realm."""

    sip: Annotated[int, PlainValidator(_code_point)] = 24
    rtp: Annotated[int, PlainValidator(_code_point)] = 46


class TlsTable(Table):
    """`tls` of a realm; paths start at the folder of the node file. `sni` names two files each, `.pem` and `.key`."""

    certificate: str = Field(min_length=1)
    key: str = Field(min_length=1)
    ca: str = ""
    verify_client: Literal["never", "optional", "required"] = "never"
    sni: dict[Host, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict, max_length=1000)


Refer = Literal["terminate", "bridge", "refuse"]
"""What becomes of a REFER."""


class RealmLimitsTable(Table):
    """`limits` of a realm: stream connections and subscriptions at a time."""

    connections: int = Field(default=16384, ge=1, le=1_000_000)
    connections_per_source: int = Field(default=512, ge=1, le=1_000_000)
    subscriptions: int = Field(default=10_000, ge=0, le=1_000_000)


class NatTable(Table):
    """`nat` of a realm."""

    peers: Literal["auto", "always", "never"] = "auto"
    roam: bool | None = None
    keep_alive: Literal["none", "crlf", "options"] = "none"
    every: float = Field(default=25.0, ge=5, le=600)


def _codec(value: object) -> Any:  # noqa: ANN401 - pydantic checks what comes out
    if isinstance(value, str):
        if not _CODEC.fullmatch(value):
            refuse(shown(value), allowed='a name as in rtpmap, such as "PCMA", "opus" or "opus/48000"')
        return value.lower()
    return value


CodecNames = Annotated[list[Annotated[str, BeforeValidator(_codec)]], Field(max_length=32)]


class CodecsTable(Table):
    """`codecs` of a realm or a trunk."""

    allow: CodecNames = Field(default_factory=list)
    strip: CodecNames = Field(default_factory=list)
    order: CodecNames = Field(default_factory=list)
    transcode: CodecNames = Field(default_factory=list)
    ptime: Literal[0, 10, 20, 30, 40, 60] = 0


class RealmTable(Table):
    """`[realm.NAME]`."""

    listen: list[Listen] = Field(min_length=1, max_length=64)
    advertise: Host | None = None
    domain: Host | None = None
    trusted: bool = False
    dscp: DscpTable = Field(default_factory=DscpTable)
    tls: TlsTable | None = None
    limits: RealmLimitsTable = Field(default_factory=RealmLimitsTable)
    srtp: Literal["never", "optional", "required"] = "never"
    srtp_keys: Literal["sdes", "dtls", "any"] = "sdes"
    sdes_without_tls: bool = False
    ice: bool = False
    rtcp_mux: Literal["never", "offer", "require"] = "never"
    codecs: CodecsTable = Field(default_factory=CodecsTable)
    refer: Refer | None = None
    nat: NatTable = Field(default_factory=NatTable)
    profile: str = ""


class CapacityTable(Table):
    """`limits` of a trunk or a target; a key that is left out is no limit."""

    calls: int = Field(default=0, ge=1, le=1_000_000)
    calls_per_second: int = Field(default=0, ge=1, le=10_000)
    duration: float = Field(default=0.0, ge=1, le=604800)


class ProbeTable(Table):
    """`probe` of a trunk."""

    method: Literal["OPTIONS"] = "OPTIONS"
    every: float = Field(default=30.0, ge=1, le=3600)
    down_after: int = Field(default=3, ge=1, le=100)
    up_after: int = Field(default=2, ge=1, le=100)


class TargetTable(Table):
    """One of `targets`."""

    uri: Annotated[Uri, PlainValidator(_uri)]
    priority: int = Field(default=1, ge=0, le=65535)
    weight: int = Field(default=1, ge=0, le=65535)
    limits: CapacityTable = Field(default_factory=CapacityTable)


def _redirect_host(value: object) -> str:
    """A network, an address, or a name as certificates bear it."""
    text = value if isinstance(value, str) else ""
    if "/" in text or ":" in text or text.replace(".", "").isdigit():
        return _network(value)
    return _tls_name(value)


class RedirectTable(Table):
    """`redirect` of a trunk."""

    mode: Literal["refuse", "follow", "pass"] = "refuse"
    limit: int = Field(default=5, ge=1, le=32)
    hosts: list[Annotated[str, PlainValidator(_redirect_host)]] = Field(default_factory=list, max_length=256)


def _word(value: object) -> Any:  # noqa: ANN401 - pydantic checks what comes out
    if isinstance(value, str) and (not value.isprintable() or not value or len(value) > 255):
        refuse(shown(value), allowed="a name without control characters, at most 255")
    return value


def _user(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, str) and not _USER.fullmatch(value):
        refuse(shown(value), allowed='the user part of a SIP URI, such as "+4930123" or "acme"')
    return value


class AuthTable(Table):
    """`auth` of a trunk: who we are where it challenges us."""

    username: Annotated[str, BeforeValidator(_word)]
    password_file: str = Field(min_length=1)


class RegisterTable(Table):
    """`register` of a trunk: an address of record there is bound to us."""

    user: Annotated[str, BeforeValidator(_user)] = ""
    domain: Host | None = None
    expires: int = Field(default=3600, ge=60, le=86400)


class TrunkTable(Table):
    """`[trunk.NAME]`."""

    realm: str
    targets: list[TargetTable] = Field(default_factory=list, max_length=64)
    sources: list[Annotated[str, PlainValidator(_network)]] = Field(default_factory=list, max_length=1024)
    tls_names: list[Annotated[str, PlainValidator(_tls_name)]] = Field(default_factory=list, max_length=64)
    crank_back: list[Annotated[int, Field(ge=300, le=699)]] | None = None
    probe: ProbeTable | None = None
    alias: bool = False
    large_requests: Literal["tcp", "udp"] = "tcp"
    limits: CapacityTable = Field(default_factory=CapacityTable)
    options: Literal["answer", "relay"] = "answer"
    redirect: RedirectTable = Field(default_factory=RedirectTable)
    bodies: list[Annotated[str, BeforeValidator(_body)]] = Field(default_factory=list, max_length=64)
    challenges: list[Annotated[str, BeforeValidator(_auth_realm)]] = Field(default_factory=list, max_length=64)
    codecs: CodecsTable | None = None
    refer: Refer | None = None
    auth: AuthTable | None = None
    register_: RegisterTable | None = Field(default=None, alias="register")
    profile: str = ""


class EngineTable(Table):
    """One of `media.engines`."""

    ng: Annotated[tuple[str, int, bool], PlainValidator(_engine)]
    weight: int = Field(default=1, ge=1, le=1000)
    json_: bool = Field(default=False, alias="json")
    http: Annotated[tuple[str, int], PlainValidator(_http)] | None = None


class MediaTable(Table):
    """`[media]`."""

    mode: Literal["anchor", "bypass"] = "anchor"
    engines: list[EngineTable] = Field(default_factory=list, max_length=64)
    ports: Annotated[tuple[int, int], PlainValidator(_ports)] = (30000, 39999)
    fast_path: Annotated[Literal["none", "auto"], BeforeValidator(_fast_path)] = "auto"
    streams: Literal["pass", "own"] = "pass"
    feedback: Literal["pass", "end"] = "pass"
    timeout: float = Field(default=1.0, ge=0.1, le=10)
    sweep: float = Field(default=30.0, ge=0, le=3600)
    timeouts: Annotated[tuple[str, int], PlainValidator(_http)] | None = None
    keys: Annotated[tuple[str, int], PlainValidator(_http)] | None = None
    quality: bool = True
    lost_after: float = Field(default=4.0, ge=1, le=3600)
    interfaces: dict[str, Name] = Field(default_factory=dict)


class AuditTable(Table):
    """`[audit]`."""

    mode: Literal["block", "strip", "report", "off"] = "strip"
    hide: list[Annotated[str, PlainValidator(_hide)]] = Field(default_factory=list, max_length=10000)


class StateTable(Table):
    """`[state]`."""

    store: Annotated[str, PlainValidator(_store)] = "sqlite"
    password_file: str = Field(default="", max_length=1000)
    ca: str = Field(default="", max_length=1000)


class ControlTable(Table):
    """`[control]`."""

    socket: str = Field(default=".sbc/control.sock", min_length=1, max_length=100)


class NodeFile(Table):
    """A whole node file."""

    node: NodeTable
    realm: dict[Name, RealmTable] = Field(min_length=1)
    trunk: dict[Name, TrunkTable] = Field(default_factory=dict)
    profile: dict[Name, dict[str, str]] = Field(default_factory=dict, max_length=1000)
    media: MediaTable = Field(default_factory=MediaTable)
    audit: AuditTable = Field(default_factory=AuditTable)
    state: StateTable = Field(default_factory=StateTable)
    control: ControlTable = Field(default_factory=ControlTable)
