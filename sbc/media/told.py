"""Why a session's codecs are what they are, in sentences for people; not for the straight path."""

from __future__ import annotations

from typing import Final

from sbc.config import Codecs
from sbc.media.codecs import Stream, audio_streams, choose
from sbc.media.session import MediaSession, Side

_WHO: Final = ("caller", "callee")


def codecs_told(media: MediaSession, said: tuple[bytes, bytes]) -> list[str]:
    """What was offered last, what became of it for the other side and by whose settings, and what the answer has.

    `said` is what the caller and the callee have last said of themselves. Empty before anything was offered.
    """
    agreed = media.agreed
    offerer = Side.A if agreed is None else agreed[0]
    here, there = offerer.value, offerer.other.value
    found: list[str] = []
    for number, stream in enumerate(audio_streams(said[here]), 1):
        which = f" for audio {number}" if number > 1 else ""
        found.append(f"{_WHO[here]} offered{which} {_names(stream)}")
        found += _left_out(stream, media.codecs, offerer)
    choice = choose(said[here], media.codecs[here], media.codecs[there])
    if choice.added:
        found.append(f"the engine adds {', '.join(choice.added)} for the {_WHO[there]} and translates")
    if choice.hidden:
        found.append(f"the {_WHO[there]} is not shown {', '.join(filter(None, choice.hidden))}, which is translated")
    ptimes = [f"{codecs.ptime} ms with the {_WHO[at]}" for at, codecs in enumerate(media.codecs) if codecs.ptime]
    if ptimes:
        found.append(f"packets of {', '.join(ptimes)}")
    if agreed is not None:
        found += [f"{_WHO[there]} answered {_names(stream)}" for stream in audio_streams(agreed[2])]
    return found


def _left_out(stream: Stream, codecs: tuple[Codecs, Codecs], offerer: Side) -> list[str]:
    """A sentence for each codec that is not used, with the side whose settings say so."""
    found: list[str] = []
    sides = [offerer.value] if codecs[offerer.other.value].transcode else [offerer.value, offerer.other.value]
    gone: set[str] = set()
    for at in sides:
        for one in stream.copy().keep(codecs[at]):
            name = stream.bare(one)
            if one not in gone:
                gone.add(one)
                key = "strip" if name in {wish.partition("/")[0] for wish in codecs[at].strip} else "allow"
                found.append(f"{name} is left out: codecs.{key} of the {_WHO[at]}'s side")
    return found


def _names(stream: Stream) -> str:
    return ", ".join([stream.bare(one) for one in stream.formats]) or "nothing"
