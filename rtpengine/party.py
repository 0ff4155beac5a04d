"""Commands on a running call: its gates, players, recordings, and parties beside the two.

Who is meant is a `Selector`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from rtpengine.bencode import Value
from rtpengine.commands import NO_OPTIONS, Options
from rtpengine.press import Selector

WHOLE_CALL: Final = Selector()


class Gate(Enum):
    """What opens and closes."""

    BLOCK_MEDIA = "block media"
    UNBLOCK_MEDIA = "unblock media"
    SILENCE_MEDIA = "silence media"
    """Packets go on, with silence in them."""
    UNSILENCE_MEDIA = "unsilence media"
    BLOCK_DTMF = "block DTMF"
    UNBLOCK_DTMF = "unblock DTMF"
    START_FORWARDING = "start forwarding"
    """To the recording daemon, as PCM."""
    STOP_FORWARDING = "stop forwarding"


@dataclass(frozen=True, slots=True)
class Switch:
    """Open or close a gate for what a party sends. A block on one party is lifted by naming it again, or everybody."""

    gate: Gate
    call_id: str
    who: Selector = WHOLE_CALL

    @property
    def name(self) -> str:
        """The command's name."""
        return self.gate.value

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return _request(self.name, self.call_id, self.who)


class Recording(Enum):
    """What is to become of a call's recording."""

    START = "start recording"
    STOP = "stop recording"
    PAUSE = "pause recording"
    """Since 11.3."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record a whole call; the engine says nothing of where, and answers ok without a recording method too."""

    recording: Recording
    call_id: str
    metadata: str = ""
    """`key:value` pairs joined by a vertical bar."""
    destination: str = ""

    @property
    def name(self) -> str:
        """The command's name."""
        return self.recording.value

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request = _request(self.name, self.call_id, WHOLE_CALL)
        for key, text in (("metadata", self.metadata), ("output-destination", self.destination)):
            if text:
                request[key] = text
        return request


@dataclass(frozen=True, slots=True)
class PlayMedia:
    """Play a recording to a party, from a file of the engine's machine or from the bytes of one; `file` counts first.

    10.5.3 does not silence the other party meanwhile: close its gate around it.
    """

    name: ClassVar[str] = "play media"

    call_id: str
    who: Selector
    file: str = ""
    blob: bytes = b""
    repeat_times: int = 0

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request = _request(self.name, self.call_id, self.who)
        if self.file:
            request["file"] = self.file
        elif self.blob:
            request["blob"] = self.blob
        if self.repeat_times:
            request["repeat-times"] = self.repeat_times
        return request


@dataclass(frozen=True, slots=True)
class StopMedia:
    """Stop what `PlayMedia` began."""

    name: ClassVar[str] = "stop media"

    call_id: str
    who: Selector

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return _request(self.name, self.call_id, self.who)


@dataclass(frozen=True, slots=True)
class Publish:
    """A party that only sends: its offer in, an answer out."""

    name: ClassVar[str] = "publish"

    call_id: str
    from_tag: str
    sdp: bytes
    options: Options = NO_OPTIONS

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request: dict[str, Value] = {
            "command": self.name,
            "call-id": self.call_id,
            "from-tag": self.from_tag,
            "sdp": self.sdp,
        }
        self.options.fill(request)
        return request


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """Ask for a copy of what parties send: an offer comes back, for somebody who only listens."""

    name: ClassVar[str] = "subscribe request"

    call_id: str
    who: Selector
    to_tag: str = ""
    """The listener's; the engine makes one where it is empty, and says so in the reply."""
    is_siprec: bool = False
    """With labels for each stream, as a recording server wants them (RFC 7866)."""

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        request = _request(self.name, self.call_id, self.who)
        if self.to_tag:
            request["to-tag"] = self.to_tag
        if self.is_siprec:
            flags = request.get("flags")
            request["flags"] = [*(flags if isinstance(flags, list) else ()), "SIPREC"]
        return request


@dataclass(frozen=True, slots=True)
class SubscribeAnswer:
    """The listener's answer."""

    name: ClassVar[str] = "subscribe answer"

    call_id: str
    to_tag: str
    sdp: bytes

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.name, "call-id": self.call_id, "to-tag": self.to_tag, "sdp": self.sdp}


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The listener has gone; an unknown one is no error."""

    name: ClassVar[str] = "unsubscribe"

    call_id: str
    to_tag: str

    def to_dict(self) -> dict[str, Value]:
        """The request's dictionary."""
        return {"command": self.name, "call-id": self.call_id, "to-tag": self.to_tag}


def _request(name: str, call_id: str, who: Selector) -> dict[str, Value]:
    """What these commands have in common."""
    request: dict[str, Value] = {"command": name, "call-id": call_id}
    who.fill(request)
    return request
