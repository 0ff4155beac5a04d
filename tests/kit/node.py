"""A node in virtual time: the real engine, a wire made of lists, and a media engine that answers by script."""

from __future__ import annotations

from collections.abc import Callable

import rtpengine
from policies import Action, Condition, Document, HeaderRule, Rule
from sbc.config import Audit, Config, Listener, Media, Realm, Target, Timers, Trunk
from sbc.engine import Engine
from sbc.outputs import KEPT, CallEnded, Dropped, Event, Journal, Leaked, Lookup, MediaCommand, Output, Transmit
from sbc.records import Located, Server
from sbc.sip import parse_uri
from sbc.wire import Flow, Now
from tests.kit.peer import Peer

OUTSIDE, INSIDE = 0, 1
CARRIER, STRANGER, PBX, PBX2 = "198.51.100.10", "203.0.113.66", "10.20.0.5", "10.20.0.6"
EDGE_OUT, EDGE_IN, MEDIA_OUT, MEDIA_IN = "198.51.100.1", "10.20.0.1", "198.51.100.2", "10.20.0.2"


def _from(realm: str) -> Condition:
    return Condition(f'source.realm == "{realm}"', lambda facts: facts.source.realm == realm)


def document(headers: tuple[HeaderRule, ...] = (), media: str = "") -> Document:
    """Calls from outside go to the PBX, calls from inside to the carrier."""
    return Document(
        name="kit",
        default=Action(reject=403),
        rules=(
            Rule("to the pbx", _from("outside"), Action(route=("pbx",), media=media)),
            Rule("to the carrier", _from("inside"), Action(route=("carrier",), media=media)),
        ),
        headers=headers,
    )


def config(
    *,
    mode: str = "bypass",
    pbx: tuple[str, ...] = (f"sip:{PBX}",),
    headers: tuple[HeaderRule, ...] = (),
    audit: str = "strip",
    hide: tuple[str, ...] = (),
    timers: Timers | None = None,
) -> Config:
    """Two realms with disjoint addresses, a carrier and a PBX."""
    outside = Listener(OUTSIDE, "outside", "UDP", EDGE_OUT, 5060)
    inside = Listener(INSIDE, "inside", "UDP", EDGE_IN, 5060)
    targets = tuple(Target(parse_uri(uri), priority) for priority, uri in enumerate(pbx, 1))
    return Config(
        name="kit",
        realms={
            "outside": Realm("outside", (outside,), "sbc.example.net", media_interface="out"),
            "inside": Realm("inside", (inside,), "pbx.corp.local", trusted=True, media_interface="in"),
        },
        trunks={
            "pbx": Trunk("pbx", "inside", targets),
            "carrier": Trunk("carrier", "outside", (Target(parse_uri(f"sip:{CARRIER}")),)),
        },
        listeners=(outside, inside),
        policy=document(headers),
        timers=timers or Timers(),
        media=Media(mode=mode),
        audit=Audit(audit, hide),
    )


class Node:
    """The engine with its peers. `media` answers commands; None leaves them unanswered in `commands`."""

    def __init__(self, settings: Config | None = None, key: bytes = bytes(range(32))) -> None:
        self.time = 1000.0
        self.config = settings or config()
        self.engine = Engine(self.config, key, self.now)
        self.peers: dict[tuple[str, int], Peer] = {}
        self.events: list[Event] = []
        self.commands: list[MediaCommand] = []
        self.lookups: list[Lookup] = []
        self.starts = 0
        self.journal: dict[str, Journal] = {}
        """What a store would hold: the last record of each live call."""
        self.lost: list[bytes] = []
        self.sent: list[Transmit] = []
        self.media: Callable[[rtpengine.Command], rtpengine.Reply | None] | None = FakeMedia()
        self.carrier = self.peer("carrier", CARRIER, OUTSIDE)
        self.pbx = self.peer("pbx", PBX, INSIDE)

    @property
    def now(self) -> Now:
        """The virtual instant."""
        return Now(self.time, 1_800_000_000.0 + self.time)

    def peer(self, name: str, host: str, listener: int, port: int = 5060) -> Peer:
        """Place a user agent."""
        peer = Peer(self, name, host, listener, port)
        self.peers[(host, port)] = peer
        return peer

    def carry(self, data: bytes, flow: Flow) -> None:
        """A datagram arrives at the node."""
        self.act(self.engine.receive(data, flow, self.now))

    def act(self, outputs: list[Output]) -> None:
        """Do what the engine asks for, one output after the other."""
        for output in outputs:
            if isinstance(output, Transmit):
                self.sent.append(output)
                peer = self.peers.get((output.flow.host, output.flow.port))
                if peer is None:
                    self.lost.append(output.data)
                else:
                    peer.deliver(output.data)
            elif isinstance(output, MediaCommand):
                self.commands.append(output)
            elif isinstance(output, Lookup):
                self.lookups.append(output)
            elif isinstance(output, Journal):
                self.note(output)
            else:
                assert isinstance(output, Event)
                if isinstance(output, CallEnded):
                    self.journal.pop(output.call, None)
                self.events.append(output)
        while self.media is not None and self.commands:
            command = self.commands.pop(0)
            self.act(self.engine.media_reply(command.id, self.media(command.command), self.now))

    def note(self, output: Journal) -> None:
        """What a store does with a record."""
        record = output.record if output.kind == KEPT else self.journal[output.call].record
        self.journal[output.call] = Journal(output.call, output.kind, output.wall, record)

    def restart(self, settings: Config | None = None) -> None:
        """The process is killed and another one goes on: all that is known to it is the journal."""
        for one in self.begin_anew(settings):
            self.act(self.engine.adopt(one, self.now))

    def begin_anew(self, settings: Config | None = None) -> list[Journal]:
        """Another process in the place of this one, and what it is to adopt."""
        kept = list(self.journal.values())
        self.config = settings or self.config
        self.starts += 1
        self.engine = Engine(self.config, self.starts.to_bytes(2) + bytes(30), self.now)
        self.journal.clear()
        return kept

    def locate(self, lookup: Lookup, *addresses: str, seconds: float = 60.0) -> None:
        """DNS knows nothing but addresses of the name; none: there is no such name."""
        sought = lookup.sought
        transport = sought.transport or ("TLS" if sought.is_secure else "UDP")
        port = sought.port or (5061 if transport == "TLS" else 5060)
        self.answer(lookup, Server(transport, port, addresses), seconds=seconds)

    def answer(self, lookup: Lookup, *servers: Server, seconds: float = 60.0) -> None:
        """DNS leads to these servers."""
        found = tuple([server for server in servers if server.addresses])
        self.act(self.engine.lookup_answer(lookup.id, Located(found, seconds), self.now))

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, timer by timer."""
        end = self.time + seconds
        while (due := self.engine.next_timer) is not None and due <= end:
            self.time = max(self.time, due)
            self.act(self.engine.handle_timer(self.now))
        self.time = end

    def events_of(self, kind: type) -> list[Event]:
        """Events of one kind, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]

    def assert_clean(self) -> None:
        """Nothing leaked, nothing is left, nothing was dropped."""
        assert self.events_of(Leaked) == []
        assert self.events_of(Dropped) == []
        assert self.engine.active_calls == 0
        self.advance(200)
        assert len(self.engine.egress.dialogs) == 0
        assert len(self.engine.egress.transactions) == 0
        assert self.engine.egress.waiting == {}


class FakeMedia:
    """A media engine that puts its own address in, by the interfaces the offer names; it keeps nothing else."""

    def __init__(self) -> None:
        self.sides: dict[str, tuple[str, tuple[str, str]]] = {}
        """ng call-id: the first offerer's tag, and the interfaces that face it and the other side."""
        self.sessions: set[str] = set()
        self.first = 20000
        """Its lowest port."""
        self.addresses = {"in": MEDIA_IN}
        """By interface; MEDIA_OUT for those that are not named."""

    def __call__(self, command: rtpengine.Command) -> rtpengine.Reply | None:
        """The reply to a command."""
        if isinstance(command, rtpengine.Delete):
            self.sessions.discard(command.call_id)
        if not isinstance(command, rtpengine.Offer | rtpengine.Answer):
            return rtpengine.Reply({"result": b"ok"})
        self.sessions.add(command.call_id)
        if command.call_id not in self.sides:
            assert command.options.direction is not None
            self.sides[command.call_id] = (command.from_tag, command.options.direction)
        offerer, (facing, faced) = self.sides[command.call_id]
        from_offerer = (command.from_tag == offerer) == isinstance(command, rtpengine.Offer)
        shown = faced if from_offerer else facing
        address = self.addresses.get(shown, MEDIA_OUT).encode()
        first = self.first + 100 * (list(self.sides).index(command.call_id) % 400) + (50 if from_offerer else 0)
        lines, streams = [], 0
        for line in command.sdp.replace(b"\r\n", b"\n").split(b"\n"):
            if line.startswith(b"m=") and line.count(b" ") < 3:
                return rtpengine.Reply({"result": b"error", "error-reason": b"Failed to parse SDP"})
            if line.startswith((b"c=", b"o=")):
                line = line.rpartition(b" ")[0] + b" " + address
            elif line.startswith(b"m="):
                kind, port, rest = line.split(b" ", 2)
                line = b"%s %d %s" % (kind, first + 2 * streams if port != b"0" else 0, rest)
                streams += 1
            lines.append(line)
        return rtpengine.Reply({"result": b"ok", "sdp": b"\r\n".join(lines)})
