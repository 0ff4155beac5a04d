"""What all calls of an engine share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from rtpengine.embedded.channel import Channel
from rtpengine.embedded.player import Player
from rtpengine.embedded.ports import PortPool
from rtpengine.embedded.relay import Relay


class Resources:
    """Ports by local address, the relay that serves their sockets, and what is under way."""

    __slots__ = ("handshakes", "loop_mark", "players", "pools", "recordings", "relay")

    def __init__(self, relay: Relay, pools: dict[str, PortPool]) -> None:
        self.relay: Final = relay
        self.pools: Final = pools
        self.loop_mark: Final = f"a=rtpengine:{secrets.token_hex(6)}"
        """By which this engine knows a description that it has written before."""
        self.handshakes: Final[set[Channel]] = set()
        """Those under way, to be woken."""
        self.players: Final[set[Player]] = set()
        self.recordings: Path | None = None
        """Where recordings go; None: there are none."""

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
