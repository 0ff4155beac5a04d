"""Keys between a peer that says them in INFO and one that has telephone events only (RFC 4733).

The media engine presses what the one says, and tells what the other presses.
"""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc.call.call import Call, CallState
from sbc.call.exit import Exit
from sbc.call.parts import Incoming, Kind, Leg, Outgoing
from sbc.dialog import DialogState
from sbc.media import MediaSession
from sbc.wire import Now

_KEYS: Final[frozenset[str]] = frozenset("0123456789*#ABCD")
_NUMBERED: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_USUAL: Final = 250
_SHORTEST, _LONGEST = 100, 5000
"""Milliseconds of an event; what lies outside is brought inside."""


def pressed(body: bytes) -> tuple[str, int] | None:
    """The key and its milliseconds, of `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (the
    key alone, or such lines); None for a body without a key."""
    key, duration = "", _USUAL
    for line in body[:256].decode("latin-1").splitlines():
        name, equals, value = line.partition("=")
        value = value.strip() if equals else ""
        if not equals and not key:
            key = name.strip()
        elif name.strip().lower() == "signal":
            key = value
        elif name.strip().lower() == "duration" and value.isascii() and value.isdigit():
            duration = min(max(int(value[:6]), _SHORTEST), _LONGEST)
    key = _NUMBERED.get(key, key.upper())
    return (key, duration) if key in _KEYS else None


def needs_pressing(profiles: tuple[str, str]) -> bool:
    """Whether one side says its keys in INFO and the other one takes events only."""
    return set(profiles) == {"info", "events"}


def press(call: Call, leg: Leg, incoming: Incoming, body: bytes, exit_: Exit) -> bool:
    """Have the engine press the key of an INFO for this leg's peer, and answer it; False where it cannot."""
    media: MediaSession | None = call.media
    if media is None or not media.is_anchored or not media.presses or incoming.method != "INFO":
        return False
    found = pressed(body)
    if found is None:
        exit_.respond(incoming, 400)
        return True
    who = rtpengine.Selector(from_tag=media.tags[leg.side.value])
    step = call.step
    call.step = None  # nothing waits for this reply
    exit_.media(call, rtpengine.PlayDtmf(media.call_id, who, found[0], found[1]))
    call.step = step
    exit_.respond(incoming, 200)
    return True


def say(call: Call, tag: str, key: str, duration: int, exit_: Exit, now: Now) -> None:
    """The engine has heard a key of the party with this tag: the other one is told, where it wants INFO."""
    media = call.media
    if media is None or not media.presses or tag not in media.tags or call.state is not CallState.TALKING:
        return
    leg = call.a if tag == media.tags[0] else call.b
    other = leg.other if leg is not None else None
    if other is None or other.profile.dtmf != "info" or other.dialog is None or len(call.relays) >= MAX_SAID:
        return
    if other.dialog.state is not DialogState.CONFIRMED:
        return
    out = Outgoing(Kind.RELAY, other, "INFO", other.dialog)
    out.deadline = now.monotonic + SAID_SECONDS
    call.relays.append(out)
    body = f"Signal={key}\r\nDuration={duration}\r\n".encode()
    if not exit_.request(out, None, body, "application/dtmf-relay"):
        call.relays.remove(out)


SAID_SECONDS: Final = 28.0
"""How long an INFO of ours may be unanswered."""
MAX_SAID: Final = 8
"""Requests in a call under way at once; more keys are lost."""
