"""What all calls of an engine share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from rtpengine.embedded.channel import Channel
from rtpengine.embedded.player import Player
from rtpengine.embedded.ports import PortPool
from rtpengine.embedded.relay import Relay
from rtpengine.embedded.veil import Veil


class Resources:
    """Ports by local address, the relay that serves their sockets, and what is under way."""

    __slots__ = ("handshakes", "loop_mark", "players", "pools", "recordings", "relay", "veils")

    def __init__(self, relay: Relay, pools: dict[str, PortPool]) -> None:
        self.relay: Final = relay
        self.pools: Final = pools
        self.loop_mark: Final = f"a=rtpengine:{secrets.token_hex(6)}"
        """By which this engine knows a description that it has written before."""
        self.handshakes: Final[set[Channel]] = set()
        """Those under way, to be woken."""
        self.players: Final[set[Player]] = set()
        self.veils: Final[WeakValueDictionary[tuple[str, int], Veil]] = WeakValueDictionary()
        """By a name of the controller's and the place of the m-line: they go on in another session."""
        self.recordings: Path | None = None
        """Where recordings go; None: there are none."""

    def veil(self, name: str, place: int) -> Veil:
        """The one of this name, as long as a session has it; else a fresh one."""
        found = self.veils.get((name, place)) if name else None
        if found is None:
            found = Veil()
            if name:
                self.veils[name, place] = found
        return found

    def handle_timer(self, now: float) -> None:
        """Wake the handshakes that are due."""
        for channel in list(self.handshakes):
            channel.handle_timer(now)

    def play(self, now: float) -> None:
        """Let players send what is due; to be called every `player.PACE` seconds while there are any."""
        for player in list(self.players):
            player.handle_timer(now)
            if player.is_over or player.stream.remote is None:
                self.players.discard(player)
