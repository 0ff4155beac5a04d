"""A session description for the other party: same lines, our addresses and ports.

As the real daemon writes it: attributes keep their order, but direction, `a=rtcp`, `a=rtcp-mux` and `a=ptime` go to the
end of their section, and what codecs need comes behind all other attributes. Keys, credentials and candidates never
cross: those written are ours, or there are none. BUNDLE goes, as each m-line has its own ports.
"""

from __future__ import annotations

from typing import Final

from rtpengine.embedded.addresses import ZERO, family_of
from rtpengine.embedded.codecs import STATIC
from rtpengine.embedded.description import DIRECTIONS, Description, MediaSection
from rtpengine.embedded.wishes import Wishes

_ICE: Final = frozenset(
    {
        "candidate",
        "end-of-candidates",
        "ice-lite",
        "ice-mismatch",
        "ice-options",
        "ice-pacing",
        "ice-pwd",
        "ice-ufrag",
        "remote-candidates",
    }
)
_KEYS: Final = frozenset({"crypto", "fingerprint", "setup", "tls-id", "dtls-message"})
_OURS: Final = _ICE | _KEYS | {"rtcp", "rtcp-mux", "rtcp-mux-only", "ptime", "mid"}
_PER_FORMAT: Final = ("rtpmap", "fmtp", "rtcp-fb")


class LocalMedia:
    """What one m-line becomes."""

    __slots__ = ("address", "formats", "ice", "keys", "mid", "port", "protocol", "ptime", "rtcp_mux", "rtcp_port")

    def __init__(
        self,
        address: str,
        port: int,
        rtcp_port: int,
        *,
        rtcp_mux: bool,
        formats: list[str],
        ptime: str = "",
        protocol: str = "",
        keys: tuple[str, ...] = (),
        ice: tuple[str, ...] = (),
        mid: str = "",
    ) -> None:
        self.address: Final = address
        """Shown in c=."""
        self.port: Final = port
        """0 rejects the stream."""
        self.rtcp_port: Final = rtcp_port
        """0 writes no a=rtcp line."""
        self.rtcp_mux: Final = rtcp_mux
        self.formats: Final = formats
        self.ptime: Final = ptime
        self.protocol: Final = protocol
        """Empty: the section's own."""
        self.keys: Final = keys
        """Attributes of SDES and DTLS, without `a=`."""
        self.ice: Final = ice
        self.mid: Final = mid


def rewrite(description: Description, media: list[LocalMedia], address: str, wishes: Wishes, mark: str = "") -> bytes:
    """Write `description` with `media` for its sections, in order, and `address` for the session's c= and, on demand,
    o=; `mark` is a line to end the session's part with."""
    lines: list[str] = []
    for line in description.lines:
        written = _session_line(line, description, address, wishes)
        if written:
            lines.append(written)
    if any(local.ice for local in media):
        lines.append("a=ice-lite")
    if mark:
        lines.append(mark)
    for section, local in zip(description.media, media, strict=True):
        _section(lines, section, local, wishes)
    lines.append("")
    return "\r\n".join(lines).encode("latin-1")


def _session_line(line: str, description: Description, address: str, wishes: Wishes) -> str:
    """One line of the session part; empty where it goes."""
    match line[0]:
        case "c":
            is_zero = _is_shown(description.address, wishes) and not any(
                media.is_trickling for media in description.media
            )
            return _connection(description.address if is_zero else address)
        case "o" if wishes.replaces_origin:
            return f"{line.rstrip(' ').rsplit(' ', 2)[0].rstrip(' ')} {family_of(address)} {address}"
        case "a":
            name, _, value = line[2:].partition(":")
            if name in _ICE or name in _KEYS or (name == "group" and value.startswith("BUNDLE")):
                return ""
            return line
        case _:
            return line


def _section(lines: list[str], section: MediaSection, local: LocalMedia, wishes: Wishes) -> None:
    """One m-line and its attributes."""
    lines.append(f"m={section.kind} {local.port} {local.protocol or section.protocol} {' '.join(local.formats)}")
    is_zero = _is_shown(section.address, wishes) and not section.is_trickling
    codecs: dict[str, list[str]] = {}
    for line in section.lines:
        name, _, value = line[2:].partition(":")
        if line[0] == "c":
            lines.append(_connection(section.address if is_zero else local.address))
        elif line[0] != "a":
            lines.append(line)
        elif name in _PER_FORMAT:
            codecs.setdefault(value.partition(" ")[0], []).append(line)
        elif _keeps(name, wishes):
            lines.append(line)
    if local.mid:
        lines.append(f"a=mid:{local.mid}")
    for item in (*local.formats, "*"):
        written = sorted(codecs.get(item, ()), key=_rank)
        if item in STATIC and section.port and section.is_rtp and not (written and written[0].startswith("a=rtpmap:")):
            lines.append(f"a=rtpmap:{item} {STATIC[item]}")
        lines += written
    if not section.port:
        return
    if not wishes.keeps_direction:
        lines.append("a=" + ("sendonly" if is_zero and section.direction == "sendrecv" else section.direction))
    if local.rtcp_port:
        lines.append(f"a=rtcp:{local.rtcp_port}")
    if local.rtcp_mux:
        lines.append("a=rtcp-mux")
    lines += [f"a={key}" for key in local.keys]
    if local.ptime:
        lines.append(f"a=ptime:{local.ptime}")
    lines += [f"a={attribute}" for attribute in local.ice]


def _keeps(name: str, wishes: Wishes) -> bool:
    """True where an attribute of a media section stays in its place."""
    if name in DIRECTIONS:
        return wishes.keeps_direction
    return name not in _OURS and not (wishes.strips_extensions and name == "extmap")


def _rank(line: str) -> int:
    """`rtpmap`, `fmtp`, then feedback."""
    return _PER_FORMAT.index(line[2:].partition(":")[0])


def _is_shown(address: str, wishes: Wishes) -> bool:
    """True for a zero address that is passed on: hold in the manner of RFC 2543. Where ICE trickles it is none."""
    return address in ZERO and not wishes.replaces_zero


def _connection(address: str) -> str:
    return f"c=IN {family_of(address)} {address}"
