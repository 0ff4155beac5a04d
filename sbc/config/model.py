"""The node's configuration as frozen values: what `config/load` makes of the node file, and everything else reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from policies import Document
from sbc.config.codecs import ANY, Codecs
from sbc.config.profile import DEFAULT_PROFILE, Profile
from sbc.sip import Limits, Uri


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds. `t1`, `t2`, `t4`: RFC 3261 table 4. The rest bounds what a peer can make us hold."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    failover: float = 4.0
    """How long a next hop that says nothing at all is waited for while there is another one; 0: 64*T1."""
    ringing: float = 180.0
    """Longest time between an INVITE and its final response."""
    call: float = 14400.0
    """Longest call."""
    liveness: float = 900.0
    """After this long without a word from a peer in a confirmed dialog it is asked (OPTIONS in it); 0: never."""
    session: float = 1800.0
    """The session interval we ask for (RFC 4028), on each leg for itself; 0: none is asked for."""
    subscription: float = 3600.0
    """The longest subscription or publication that a peer gets without refreshing it."""
    min_se: float = 90.0
    """The shortest session interval we take."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket address of a realm."""

    index: int
    realm: str
    transport: str
    """`UDP`, `TCP`, `TLS`, `WS` or `WSS`."""
    host: str
    """The address bound, IPv6 without brackets."""
    port: int
    interface: str = ""
    """The interface name it was written with, or an empty string."""
    advertised: str = ""
    """Host shown in Via and Contact; IPv6 references bracketed. Empty: `host`."""
    is_up: bool = True
    """False while no interface of this machine has its address."""

    @property
    def shown_host(self) -> str:
        """The host for Via and Contact."""
        if self.advertised:
            return self.advertised
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def shown(self) -> str:
        """`host:port` for Via and Contact."""
        return f"{self.shown_host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its chain, and its key: PEM files, absolute paths."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Tls:
    """How a realm speaks TLS: as a server on its `tls` listeners, and as a client where it calls from them."""

    own: Certificate
    ca: str = ""
    """PEM file of the authorities that peers' certificates come from; empty: those of the system, for servers only."""
    verify_client: str = "never"
    """`never`: clients are not asked for a certificate. `optional`: one that is shown must be good. `required`."""
    sni: tuple[tuple[str, Certificate], ...] = ()
    """Shown in the place of `own` to a client that asks for this name (RFC 6066 section 3)."""


@dataclass(frozen=True, slots=True)
class Nat:
    """How peers are reached that may sit behind address translators, and whether they may move."""

    peers: str = "auto"
    """When requests inside a call go to where the peer is seen, whatever its Contact says. `auto`: where that cannot be
    reached as written. `always`: to all but the addresses of trunks. `never`: only where anything else is forbidden."""
    roam: bool | None = None
    """Whether a call may be spoken for from any address of its realm; None: where the realm is trusted."""
    keep_alive: str = "none"
    """What is sent to peers that are no trunk so that their NAT keeps the way open: `none`, `crlf` or `options`."""
    every: float = 25.0
    """Seconds between two of them; NATs forget UDP after 30 at the least (RFC 4787 asks for 120)."""


@dataclass(frozen=True, slots=True)
class Realm:
    """A named side of the network (RFC 5853): listeners, trust, and what is shown to it."""

    name: str
    listeners: tuple[Listener, ...]
    domain: str
    """Host shown to this realm in From, To and identity headers."""
    trusted: bool = False
    dscp_sip: int = 24
    """DSCP value 0 to 63 of signalling (24: CS3)."""
    dscp_rtp: int = 46
    """DSCP value 0 to 63 of media (46: EF)."""
    media_interface: str = ""
    """The interface name at the media engine; empty: the engine's first. The embedded engine's are the realms'."""
    subscriptions: int = 10_000
    """Subscriptions that come from here, at most."""
    tls: Tls | None = None
    """None where the realm has no `tls` listener."""
    srtp: str = "never"
    """Whether anchored media toward this side are SRTP: `never`, `optional` (RFC 8643) or `required`."""
    srtp_keys: str = "sdes"
    """Who says the keys: `sdes` (in SDP), `dtls` (a handshake) or `any` (either is taken)."""
    ice: bool = False
    """ICE-lite toward peers whose keys come from DTLS: browsers."""
    rtcp_mux: str = "never"
    """RTP and RTCP on one port toward this side: `never`, `offer` or `require`."""
    sdes_without_tls: bool = False
    """Keys may stand in SDP that crosses without TLS."""
    codecs: Codecs = ANY
    """Audio codecs spoken with peers of this side, where their trunk does not say."""
    connections: int = 16384
    """Stream connections at a time."""
    connections_per_source: int = 512
    """Of one source address (IPv6: of one /64), TLS handshakes included."""
    nat: Nat = Nat()
    refer: str = ""
    """What becomes of a REFER from this side, where its trunk does not say: `terminate`, `bridge` or `refuse`; empty:
    `terminate` where the realm is trusted, else `refuse`."""
    profile: Profile = DEFAULT_PROFILE
    """How peers of this side want to be spoken to, where their trunk has no profile of its own."""

    @property
    def may_roam(self) -> bool:
        """True where the peers of a call are known by its tags alone, from whatever address they speak."""
        return self.trusted if self.nat.roam is None else self.nat.roam


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a trunk, or one of its targets, carries at most; 0 is no limit."""

    calls: int = 0
    """Calls at a time: those that came from it and those that went to it."""
    calls_per_second: int = 0
    """Calls within any one second."""
    duration: float = 0.0
    """Seconds after which a call is ended."""


UNLIMITED: Final = Capacity()


@dataclass(frozen=True, slots=True)
class Probe:
    """How a target is asked whether it lives: OPTIONS outside dialogs (RFC 3261 section 11)."""

    every: float = 30.0
    """Seconds between two questions."""
    down_after: int = 3
    """Failures in a row, of probes and of calls, after which the target gets no calls."""
    up_after: int = 2
    """Answers in a row after which it gets calls again."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address of a trunk. Lower `priority` first; `weight` shares within a priority (RFC 2782's sense)."""

    uri: Uri
    priority: int = 1
    weight: int = 1
    limits: Capacity = UNLIMITED
    """Of calls that go to this address."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """What becomes of a 3xx of a trunk."""

    mode: str = "refuse"
    """`refuse`: the caller gets 480. `follow`: its Contacts are tried. `pass`: the caller gets it, Contacts at us."""
    limit: int = 5
    """Contacts that one call follows at most, or that a caller is shown."""
    hosts: tuple[str, ...] = ()
    """Where its redirects may lead beside its own targets: networks, names, `*.` for one label before a name."""


REFUSED: Final = Redirect()


@dataclass(frozen=True, slots=True)
class Auth:
    """Who we are to a trunk that challenges us (RFC 7616)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Register:
    """An address of record at a trunk that is bound to us (RFC 3261 section 10): `sip:user@domain`."""

    user: str
    domain: str
    expires: int = 3600
    """Seconds asked for; the registrar may say less."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A partner's bundle: targets and limits."""

    name: str
    realm: str
    targets: tuple[Target, ...]
    sources: tuple[str, ...] = ()
    """CIDR networks that may speak as this trunk; empty: the addresses of its targets."""
    tls_names: tuple[str, ...] = ()
    """Names of which a TLS peer must prove one to be this trunk (`*.` stands for one label); empty: none is asked for
    when it calls, and when it is called it must prove its target's host."""
    crank_back: frozenset[int] = frozenset({408, 500, 502, 503, 504})
    """Final responses after which the next target is tried."""
    limits: Capacity = UNLIMITED
    auth: Auth | None = None
    register: Register | None = None
    probe: Probe | None = None
    """None: only calls tell how the targets are."""
    bodies: frozenset[str] = frozenset()
    """Content types, beside those that are understood, that may cross to this trunk unread: `application/isup`."""
    alias: bool = False
    """Whether its TLS connections are taken for requests to it, and ours offered for requests to us (RFC 5923)."""
    large_requests: str = "tcp"
    """How requests go that are too large for a datagram (RFC 3261 section 18.1.1): `tcp`, or `udp` in fragments."""
    challenges: tuple[str, ...] = ()
    """Digest realms whose challenges from this trunk are shown to whoever asked; empty: none, 403 instead."""
    redirect: Redirect = REFUSED
    options: str = "answer"
    """OPTIONS of this trunk for a user: `answer` by this node, or `relay` to where the policy routes that user."""
    refer: str = ""
    """What becomes of a REFER from this trunk; empty: what its realm says."""
    codecs: Codecs | None = None
    """Audio codecs spoken with this peer; None: as its realm says."""
    profile: Profile | None = None
    """How this peer wants to be spoken to; None: as its realm says."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A media engine: host and port where it takes ng commands."""

    host: str
    port: int
    weight: int = 1
    http: tuple[str, int] | None = None
    """Its HTTP listener, for listings that no datagram holds."""
    is_http: bool = False
    """Host and port are those of its HTTP listener, by which all commands go."""
    as_json: bool = False
    """Commands are written as JSON, not as bencode."""


@dataclass(frozen=True, slots=True)
class Media:
    """`mode` is `anchor` or `bypass`; without engines the embedded one is started, on the realms' addresses."""

    mode: str = "anchor"
    engines: tuple[Engine, ...] = ()
    ports: tuple[int, int] = (30000, 39999)
    """First and last port of the embedded engine."""
    fast_path: str = "auto"
    timeout: float = 1.0
    """Seconds to wait for one reply before the command is repeated."""
    has_own_streams: bool = False
    """Audio crosses under SSRCs, sequence numbers and timestamps of the embedded engine's."""
    ends_feedback: bool = False
    """RTCP ends at the engine for video too: no name crosses, and no wish for a key frame."""
    sweep: float = 30.0
    """Seconds between two comparisons of the engines' sessions with the calls; 0: none."""
    timeouts: tuple[str, int] | None = None
    """Address and port where engines tell of media timeouts (XML-RPC)."""
    keys: tuple[str, int] | None = None
    """Address and port where engines tell of keys that they hear (`--dtmf-log-dest`)."""
    quality: bool = True
    """Whether engines are asked at a call's end what its media were like."""
    lost_after: float = 4.0
    """Seconds of silence after which an engine counts as lost, and its calls move to others."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond these new work is refused, so that what is under way is served in time and memory stays bounded."""

    calls: int = 100_000
    transactions: int = 500_000
    delay: float = 0.5
    """Seconds that a message may wait for its turn before fewer new calls are let in; 0: however long."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The egress check: `block`, `strip`, `report` or `off`; `hide` holds extra tokens and CIDR networks."""

    mode: str = "strip"
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a node runs on. Never changed: a reload makes a new one, live calls keep theirs."""

    name: str
    realms: dict[str, Realm]
    trunks: dict[str, Trunk]
    listeners: tuple[Listener, ...]
    """All listeners of all realms; `Flow.listener` and `Listener.index` are positions in this tuple."""
    policy: Document
    timers: Timers = field(default_factory=Timers)
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    media: Media = field(default_factory=Media)
    audit: Audit = field(default_factory=Audit)
    name_servers: tuple[tuple[str, int], ...] = ()
    """Whom to ask for names; none: those of the machine."""
    workers: int = 1
    drain_deadline: float = 300.0
    store: str = "sqlite"
    """`memory`, `sqlite`, or the URL of a server, without a password."""
    store_password_file: str = ""
    store_ca: str = ""
    """A file of authorities for the server's certificate; empty: those of the machine."""
    state: str = ".sbc"
    """Directory for what the node keeps."""
    control_socket: str = ".sbc/control.sock"
    source: str = ""
    """The file it was read from; empty for the quickstart."""
    version: int = 1
    """Counts reloads."""

    @property
    def is_shared(self) -> bool:
        """Whether other machines can go on with the calls of this one."""
        return "://" in self.store

    def refer_of(self, realm: str, trunk: str) -> str:
        """What becomes of a REFER of a peer in this realm: `terminate`, `bridge` or `refuse`."""
        by_trunk = self.trunks.get(trunk)
        by_realm = self.realms[realm]
        said = by_trunk.refer if by_trunk is not None else ""
        return said or by_realm.refer or ("terminate" if by_realm.trusted else "refuse")

    def codecs_of(self, realm: Realm, trunk: str) -> Codecs:
        """Which audio codecs are spoken with a peer in this realm: as its trunk says, or else the realm."""
        found = self.trunks.get(trunk)
        return realm.codecs if found is None or found.codecs is None else found.codecs

    def profile_of(self, realm: Realm, trunk: str) -> Profile:
        """How a peer in this realm wants to be spoken to: as its trunk says, or else the realm."""
        found = self.trunks.get(trunk)
        return realm.profile if found is None or found.profile is None else found.profile
