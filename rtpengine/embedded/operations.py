"""Commands on a running call: gates, keys, players, recordings. A request dictionary in, a reply dictionary out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.addresses import canonical_address
from rtpengine.embedded.call import Call, Clock, Party, PartyMedia
from rtpengine.embedded.codecs import clock_rate
from rtpengine.embedded.description import Fault
from rtpengine.embedded.detour import Detour, Press
from rtpengine.embedded.g711 import PCMA, PCMU
from rtpengine.embedded.player import Player
from rtpengine.embedded.recording import Recording
from rtpengine.embedded.resources import Resources
from rtpengine.embedded.sound import MAX_OCTETS, Sound, read_wav
from rtpengine.embedded.wishes import Request, number, required, text, words

UNKNOWN_CALL: Final = "Unknown call-ID"
"""Spelt otherwise than by offer, answer and query; controllers have met both."""
OPERATIONS: Final = frozenset(
    {
        "block media",
        "unblock media",
        "silence media",
        "unsilence media",
        "block DTMF",
        "unblock DTMF",
        "start forwarding",
        "stop forwarding",
        "start recording",
        "stop recording",
        "pause recording",
        "play media",
        "stop media",
        "play DTMF",
    }
)
_KEYS: Final = "0123456789*#ABCD"
_GATES: Final = {
    "block media": ("is_blocked", True),
    "unblock media": ("is_blocked", False),
    "silence media": ("is_silenced", True),
    "unsilence media": ("is_silenced", False),
    "block DTMF": ("blocks_dtmf", True),
    "unblock DTMF": ("blocks_dtmf", False),
}


def operate(command: str, call: Call | None, request: Request, resources: Resources, clock: Clock) -> dict[str, Value]:
    """Do one of `OPERATIONS`. Raises `Fault`."""
    required(request, "call-id")
    if call is None:
        raise Fault("Unknown call-id" if command.endswith("recording") else UNKNOWN_CALL)
    if command in _GATES:
        _turn(call, request, *_GATES[command])
    elif command.endswith("recording"):
        record(command.partition(" ")[0], call, resources)
    elif command.endswith("forwarding"):
        _select(
            call, request
        )  # there is no recording daemon to forward to: ok, as the real one without its kernel module
    elif command == "play DTMF":
        _press(call, request)
    elif command == "play media":
        return _play(call, request, resources, clock.monotonic)
    else:
        _stop(call, request, resources)
    refit(call, resources)
    return {}


def refit(call: Call, resources: Resources) -> None:
    """Make the streams' detours and reports match what is wanted of the call; after every exchange too."""
    for party in call.parties:
        for media in party.media:
            if media.pair is None:
                continue
            rate = clock_rate(media.formats, media.codecs)
            for stream in media.pair.streams:
                stream.reports, stream.rate = call.quality, rate
                detour = stream.detour or Detour()
                _fit(detour, call, party, media, is_rtcp=stream.is_rtcp)
                taps = list(media.copies)
                if call.recording is not None and not call.recording.is_paused:
                    taps.append(call.recording.tap(stream))
                detour.taps = tuple(taps)
                if stream.detour is None and not detour.is_idle:
                    resources.relay.reclaim(stream)
                stream.detour = None if detour.is_idle else detour


def _fit(detour: Detour, call: Call, party: Party, media: PartyMedia, *, is_rtcp: bool) -> None:
    """Gates, and the payload types of events on both sides."""
    everybody, own = call.gates, party.gates
    detour.is_blocked = everybody.is_blocked or own.is_blocked
    detour.is_silenced = (everybody.is_silenced or own.is_silenced) and not is_rtcp
    detour.blocks_dtmf = (everybody.blocks_dtmf or own.blocks_dtmf) and not is_rtcp
    detour.events = media.events
    other = party.peer.media[media.index] if party.peer is not None and media.index < len(party.peer.media) else None
    theirs = other.events if other is not None else frozenset()
    detour.event_type = min(theirs) if theirs else -1
    detour.heard = call.heard(party.tag) if call.heard is not None and media.events and not is_rtcp else None


def _turn(call: Call, request: Request, gate: str, value: bool) -> None:
    """Open or close a gate of the selected party, or of the whole call; opening for all lifts each party's too."""
    parties = _select(call, request)
    if parties is None:
        setattr(call.gates, gate, value)
        if not value and "all" in words(request, "flags"):
            parties = call.parties
    for party in parties or ():
        setattr(party.gates, gate, value)


def record(action: str, call: Call, resources: Resources) -> None:
    """`start`, `stop` or `pause`; without a directory nothing is recorded, and that is no error."""
    if action == "stop":
        if call.recording is not None:
            call.recording.close()
        call.recording = None
    elif call.recording is not None:
        call.recording.is_paused = action == "pause"
    elif action == "start" and resources.recordings is not None:
        try:
            call.recording = Recording(resources.recordings, call.call_id)
        except OSError as error:
            raise Fault("Failed to open recording file") from error


def _press(call: Call, request: Request) -> None:
    parties = _one(call, request)
    code = text(request, "code") or text(request, "digit")
    key = number(request, "code") if not code else None
    place = key if key is not None else _KEYS.find(code.upper()) if len(code) == 1 else number(request, "code")
    if place is None or not 0 <= place < len(_KEYS):
        raise Fault("Out of range 'code' specified")
    duration = number(request, "duration")
    pause = number(request, "pause")
    volume = number(request, "volume")
    duration = max(100, min(5000, 250 if duration is None else duration))
    press = Press(
        place, duration, max(100, 100 if pause is None else pause), min(63, abs(8 if volume is None else volume))
    )
    for party in parties:
        media = next((media for media in party.media if media.kind == "audio" and media.pair is not None), None)
        if media is None or media.pair is None or not media.can_inject:
            raise Fault("Monologue has no media capable of DTMF injection")
        if not media.pair.rtp.packets:
            raise Fault("No SSRC context present for DTMF injection")
        stream = media.pair.rtp
        stream.detour = stream.detour or Detour()
        if not stream.detour.press(press):
            raise Fault("Too many keys are waiting")


def _play(call: Call, request: Request, resources: Resources, now: float) -> dict[str, Value]:
    parties = _one(call, request)
    file, blob = text(request, "file"), request.get("blob")
    if not file and not (isinstance(blob, bytes) and blob):
        raise Fault("No media file specified")
    source = "file" if file else "blob"
    duration = 0
    for party in parties:
        media = next((media for media in party.media if media.kind == "audio" and media.pair is not None), None)
        payload_type = _payload_type(media)
        if media is None or media.pair is None or payload_type < 0:
            raise Fault(f"Failed to start media playback from {source}")
        try:
            data = blob if isinstance(blob, bytes) and not file else _read(file)
            sound: Sound = read_wav(data, payload_type)
        except (OSError, ValueError) as error:
            raise Fault(f"Failed to start media playback from {source}") from error
        duration = sound.duration
        times = number(request, "repeat-times") or 1
        player = Player(media.pair.rtp, sound, payload_type, times, now)
        if party.player is not None:
            resources.players.discard(party.player)
        party.player = player
        resources.players.add(player)
    return {"duration": duration}


def _stop(call: Call, request: Request, resources: Resources) -> None:
    for party in _one(call, request):
        if party.player is None:
            raise Fault("Not currently playing media")
        resources.players.discard(party.player)


def _payload_type(media: PartyMedia | None) -> int:
    """The law that the party takes first; -1 where it takes neither."""
    for item in media.formats if media is not None else ():
        if item in (str(PCMU), str(PCMA)):
            return int(item)
    return -1


def _read(file: str) -> bytes:
    path = Path(file)
    if path.stat().st_size > MAX_OCTETS:
        raise ValueError("too long")
    return path.read_bytes()


def _one(call: Call, request: Request) -> list[Party]:
    """The selected party, or all of them by the flag."""
    parties = _select(call, request)
    if parties is not None:
        return parties
    if "all" in words(request, "flags"):
        return call.parties
    raise Fault("No participant party specified")


def _select(call: Call, request: Request) -> list[Party] | None:
    """By label, address or tag; None where nothing is said, or `all`."""
    if "all" in words(request, "flags"):
        return None
    label, address, tag = text(request, "label"), text(request, "address"), text(request, "from-tag")
    if label:
        found = [party for party in call.parties if party.label == label]
        if not found:
            raise Fault("No monologue matching the given label")
        return found[:1]
    if address:
        host = canonical_address(address, "IP6" if ":" in address else "IP4")
        if not host:
            raise Fault("Failed to parse network address")
        for party in call.parties:
            if any(stream.signalled is not None and stream.signalled[0] == host for stream in party.streams()):
                return [party]
        raise Fault("Failed to match address to any tag")
    if tag:
        named = call.tags.get(tag)
        if named is None:
            raise Fault("From-tag given, but no such tag exists")
        return [named]
    return None
