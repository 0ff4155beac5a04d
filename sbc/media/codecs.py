"""Audio codecs of an offer, as far as both sides may use them: what one has offered, without what its side or the other
one's does not take.

It is done here and not by the engine: 10.5.3 brings the whole list back where nothing would be left, and where nothing
is left the call must end before anything rings. Only to add codecs, and to hide some that stay in use, is the engine
asked.
"""

from __future__ import annotations

from typing import Final

from sbc.config import Codecs

NONE_LEFT: Final = "no audio codec that both sides may use"

_STATIC: Final[dict[str, str]] = {
    "0": "pcmu/8000",
    "3": "gsm/8000",
    "4": "g723/8000",
    "8": "pcma/8000",
    "9": "g722/8000",
    "13": "cn/8000",
    "15": "g728/8000",
    "18": "g729/8000",
}
"""RFC 3551 section 6."""
_COMPANIONS: Final[frozenset[str]] = frozenset({"telephone-event", "cn", "red"})
"""No codec by themselves (RFC 4733, 3389, 2198): they go with one of the same clock rate."""
_PER_FORMAT: Final = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")


class Choice:
    """A description with the codecs that may be used, and what the engine has to do so that it is enough."""

    __slots__ = ("added", "hidden", "is_empty", "sdp")

    def __init__(self) -> None:
        self.sdp = b""
        self.added: list[str] = []
        """To be offered beside what is in `sdp`, and translated."""
        self.hidden: list[str] = []
        """In `sdp` for its sender's sake; the receiver must not see them."""
        self.is_empty = False
        """A stream is left with no codec at all."""

    def translate(self, stream: Stream, receiver: Codecs) -> None:
        """The sender keeps what it has; the receiver sees what is its own, and what is added for it."""
        self.added += [one for one in receiver.transcode if not stream.offers(one) and one not in self.added]
        names = [_bare(name) for name in stream.names.values() if not _has(receiver, name)]
        self.hidden += [name for name in names if name not in self.hidden]

    def take(self, lines: list[str], stream: Stream, gone: list[str], receiver: Codecs) -> None:
        """A stream is as it shall be."""
        self.is_empty = self.is_empty or stream.is_empty
        stream.order(receiver.order)
        _write(lines, stream, gone)

    def finish(self, lines: list[str]) -> None:
        """All streams are."""
        self.sdp = "\n".join([line for line in lines if line]).encode("latin-1") + b"\n"


class Stream:
    """The audio formats of one m-line."""

    __slots__ = ("at", "formats", "head", "names")

    def __init__(self, at: int, line: str) -> None:
        words = line.split()
        self.at: Final = at
        """Its m-line among all lines."""
        self.head: Final = words[:3]
        self.formats: list[str] = words[3:]
        self.names: Final[dict[str, str]] = {one: _STATIC.get(one, "") for one in self.formats}

    def name(self, lines: list[str]) -> None:
        """Learn the names from the lines behind the m-line."""
        for line in lines[self.at + 1 :]:
            if line.startswith("m="):
                return
            if line.startswith("a=rtpmap:"):
                number, _, name = line[9:].strip().partition(" ")
                if number in self.names:
                    self.names[number] = name.strip().lower()

    def keep(self, codecs: Codecs) -> list[str]:
        """Leave what these codecs have, with the companions that still go with something; what was taken away."""
        before = self.formats
        own = [one for one in before if not _is_companion(self.names[one]) and _has(codecs, self.names[one])]
        rates = {_rate(self.names[one]) for one in own}
        self.formats = [
            one
            for one in before
            if one in own or (_is_companion(self.names[one]) and self._goes_with(one, rates, codecs))
        ]
        return [one for one in before if one not in self.formats]

    def _goes_with(self, one: str, rates: set[str], codecs: Codecs) -> bool:
        name = self.names[one]
        return _rate(name) in rates and _not_stripped(codecs, name)

    @property
    def is_empty(self) -> bool:
        """True where no codec is left."""
        return all(_is_companion(self.names[one]) for one in self.formats)

    def bare(self, one: str) -> str:
        """The name of a format without its rate; its number where it has none."""
        return _bare(self.names.get(one, "")) or one

    def copy(self) -> Stream:
        """Another one, to see what would be left."""
        twin = Stream(self.at, " ".join([*self.head, *self.formats]))
        twin.names.update(self.names)
        return twin

    def offers(self, wish: str) -> bool:
        """Whether it has a codec of that name."""
        return any(_is_named(self.names[one], (wish,)) for one in self.formats)

    def order(self, wished: tuple[str, ...]) -> None:
        """Put those that are named first, in that order."""
        places = {one: _place(self.names[one], wished) for one in self.formats}
        self.formats.sort(key=places.__getitem__)


def choose(sdp: bytes, sender: Codecs, receiver: Codecs) -> Choice:
    """The offer of `sender`'s side as `receiver`'s may have it; neither of them need ask for anything."""
    choice = Choice()
    lines = sdp.decode("latin-1").split("\n")
    for stream in _streams(lines):
        gone = stream.keep(sender)
        if receiver.transcode and not stream.is_empty:
            choice.translate(stream, receiver)
        else:
            gone += stream.keep(receiver)
        choice.take(lines, stream, gone, receiver)
    choice.finish(lines)
    return choice


def shown_to(receiver: Codecs, sdp: bytes) -> Choice:
    """What an engine wrote for a side, without codecs that this side may not use, in its order: an engine that cannot
    translate hides nothing."""
    choice = Choice()
    lines = sdp.decode("latin-1").split("\n")
    for stream in _streams(lines):
        choice.take(lines, stream, stream.keep(receiver), receiver)
    choice.finish(lines)
    return choice


def audio_streams(sdp: bytes) -> list[Stream]:
    """Those of a description."""
    return _streams(sdp.decode("latin-1").split("\n"))


def _streams(lines: list[str]) -> list[Stream]:
    """Audio streams of RTP in use."""
    found = []
    for at, line in enumerate(lines):
        words = line.split()
        if line.startswith("m=audio ") and len(words) > 3 and words[1] != "0" and "RTP/" in words[2].upper():
            stream = Stream(at, line)
            stream.name(lines)
            found.append(stream)
    return found


def _write(lines: list[str], stream: Stream, gone: list[str]) -> None:
    """Put a stream's formats into its m-line and blank the attributes of those that are gone."""
    lines[stream.at] = " ".join([*stream.head, *(stream.formats or ["0"])]) + "\r"
    for at in range(stream.at + 1, len(lines)):
        line = lines[at]
        if line.startswith("m="):
            return
        if line.startswith(_PER_FORMAT) and line.partition(":")[2].split(" ", 1)[0].strip() in gone:
            lines[at] = ""


def _is_companion(name: str) -> bool:
    return _bare(name) in _COMPANIONS


def _bare(name: str) -> str:
    return name.partition("/")[0]


def _rate(name: str) -> str:
    parts = name.split("/")
    return parts[1] if len(parts) > 1 else ""


def _is_named(name: str, wished: tuple[str, ...]) -> bool:
    """A wish is a bare name, or a name with its rate."""
    return _bare(name) in wished or "/".join(name.split("/")[:2]) in wished


def _not_stripped(codecs: Codecs, name: str) -> bool:
    return not _is_named(name, codecs.strip)


def _has(codecs: Codecs, name: str) -> bool:
    if _is_companion(name):
        return _not_stripped(codecs, name)
    allowed = not codecs.allow or _is_named(name, codecs.allow) or _is_named(name, codecs.transcode)
    return allowed and _not_stripped(codecs, name)


def _place(name: str, wished: tuple[str, ...]) -> int:
    for at, wish in enumerate(wished):
        if _is_named(name, (wish,)):
            return at
    return len(wished)
