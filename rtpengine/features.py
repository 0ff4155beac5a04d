"""What an engine can do, found out when it is met and not when a call needs it.

The protocol has no version field. A command that a release does not know is answered `Unrecognized command`, whatever
else is wrong with it; so each feature's command is sent without keys, which does nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from rtpengine.bencode import Value
from rtpengine.commands import Statistics
from rtpengine.replies import Reply
from rtpengine.wire import Request

_UNKNOWN: Final = "Unrecognized command"


class Feature(Enum):
    """What not every engine has; the value is the command that shows it, or the word that an engine uses to own up to
    its absence."""

    PAUSE_RECORDING = "pause recording"
    """Release 11.3."""
    CONNECT = "connect"
    """13.2."""
    TRANSFORM = "transform"
    """13.3."""
    CREATE = "create"
    """26.0."""
    MESH = "mesh"
    """26.1."""
    SUBSCRIPTIONS = "subscribe request"
    TRANSCODING = "transcoding"
    T38_GATEWAY = "T.38 gateway"
    REPACKETIZING = "repacketizing"


PROBED: Final = (
    Feature.PAUSE_RECORDING,
    Feature.CONNECT,
    Feature.TRANSFORM,
    Feature.CREATE,
    Feature.MESH,
    Feature.SUBSCRIPTIONS,
)
"""Those whose command tells; the others are told in `statistics`, by an engine that knows of itself."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A feature's command without its keys."""

    feature: Feature

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.feature.value}


async def find_capabilities(ask: Callable[[Request], Awaitable[Reply]]) -> Capabilities:
    """Ask an engine for all of it; `ask` is a client's `request`, and raises what that raises."""
    capabilities = Capabilities()
    for feature in PROBED:
        capabilities.learn(feature, await ask(Probe(feature)))
    capabilities.learn_statistics(await ask(Statistics()))
    return capabilities


class Capabilities:
    """What one engine has, as far as it has been asked; whatever has not been asked counts as there."""

    __slots__ = ("_lacking",)

    def __init__(self) -> None:
        self._lacking: Final[set[Feature]] = set()

    def learn(self, feature: Feature, reply: Reply) -> None:
        """The reply to a `Probe`."""
        if reply.error_reason == _UNKNOWN:
            self._lacking.add(feature)
        else:
            self._lacking.discard(feature)

    def learn_statistics(self, reply: Reply) -> None:
        """The reply to `Statistics`: what the engine says it lacks."""
        statistics = reply.body.get("statistics")
        lacking = statistics.get("lacking") if isinstance(statistics, dict) else None
        for word in lacking if isinstance(lacking, list) else ():
            for feature in Feature:
                if word == feature.value.encode():
                    self._lacking.add(feature)

    def has(self, feature: Feature) -> bool:
        """False where the engine has said no."""
        return feature not in self._lacking

    @property
    def release(self) -> str:
        """The earliest release train that fits, for people to read."""
        for feature, release in (
            (Feature.MESH, "26.1"),
            (Feature.CREATE, "26.0"),
            (Feature.TRANSFORM, "13.3"),
            (Feature.CONNECT, "13.2"),
            (Feature.PAUSE_RECORDING, "11.3"),
        ):
            if self.has(feature):
                return f"{release} or later"
        return "before 11.3"

    def lacking_for(self, command: Request) -> Feature | None:
        """What the engine would need for `command` and does not have; None: nothing is known against it."""
        request = command.to_dict()
        needed = [feature for feature in PROBED if feature.value == request.get("command")]
        codec = request.get("codec")
        if isinstance(codec, dict) and any(codec.get(key) for key in ("transcode", "mask", "consume", "set", "accept")):
            needed.append(Feature.TRANSCODING)
        if request.get("ptime") or request.get("ptime-reverse"):
            needed.append(Feature.REPACKETIZING)
        gateway = request.get("T.38")
        if isinstance(gateway, list) and ("decode" in gateway or "force" in gateway):
            needed.append(Feature.T38_GATEWAY)
        return next((feature for feature in needed if not self.has(feature)), None)
