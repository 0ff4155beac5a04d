"""A session description for the other party: same lines, our addresses and ports.

As the real daemon writes it: attributes keep their order, but direction, `a=rtcp`, `a=rtcp-mux` and `a=ptime` go to the
end of their section. ICE goes, whatever was asked for, since this engine speaks none; and with it BUNDLE, as each
m-line has its own ports. Keys never cross: `a=crypto` lines are ours, or none.
"""

from __future__ import annotations

from typing import Final

from rtpengine.embedded.addresses import ZERO, family_of
from rtpengine.embedded.description import DIRECTIONS, Description, MediaSection
from rtpengine.embedded.sdes import CryptoLine

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
_OURS: Final = DIRECTIONS | {"rtcp", "rtcp-mux", "rtcp-mux-only", "ptime"}
_PER_FORMAT: Final = frozenset({"rtpmap", "fmtp", "rtcp-fb"})


class LocalMedia:
    """What one m-line becomes."""

    __slots__ = ("address", "crypto", "formats", "port", "protocol", "ptime", "rtcp_mux", "rtcp_port")

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
        crypto: tuple[CryptoLine, ...] = (),
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
        self.crypto: Final = crypto


def rewrite(description: Description, media: list[LocalMedia], address: str, *, replace_origin: bool) -> bytes:
    """Write `description` with `media` for its sections, in order, and `address` for the session's c= and, on demand,
    o=."""
    lines: list[str] = []
    for line in description.lines:
        written = _session_line(line, description, address, replace_origin)
        if written:
            lines.append(written)
    for section, local in zip(description.media, media, strict=True):
        _section(lines, section, local)
    lines.append("")
    return "\r\n".join(lines).encode("latin-1")


def _session_line(line: str, description: Description, address: str, replace_origin: bool) -> str:
    """One line of the session part; empty where it goes."""
    match line[0]:
        case "c":
            return _connection(description.address if _is_zero(description.address) else address)
        case "o" if replace_origin:
            return f"{line.rstrip(' ').rsplit(' ', 2)[0].rstrip(' ')} {family_of(address)} {address}"
        case "a":
            name, _, value = line[2:].partition(":")
            if name in _ICE or name == "crypto" or (name == "group" and value.startswith("BUNDLE")):
                return ""
            return line
        case _:
            return line


def _section(lines: list[str], section: MediaSection, local: LocalMedia) -> None:
    """One m-line and its attributes."""
    lines.append(f"m={section.kind} {local.port} {local.protocol or section.protocol} {' '.join(local.formats)}")
    dropped = frozenset(section.formats) - frozenset(local.formats)
    for line in section.lines:
        if line[0] == "c":
            lines.append(_connection(section.address if section.is_held else local.address))
        elif line[0] != "a" or _keeps(line, dropped):
            lines.append(line)
    if not section.port:
        return
    lines.append("a=" + ("sendonly" if section.is_held and section.direction == "sendrecv" else section.direction))
    if local.rtcp_port:
        lines.append(f"a=rtcp:{local.rtcp_port}")
    if local.rtcp_mux:
        lines.append("a=rtcp-mux")
    lines += [f"a=crypto:{line}" for line in local.crypto]
    if local.ptime:
        lines.append(f"a=ptime:{local.ptime}")


def _keeps(line: str, dropped: frozenset[str]) -> bool:
    """True where an attribute of a media section stays in its place."""
    name, _, value = line[2:].partition(":")
    if name in _OURS or name in _ICE or name == "crypto":
        return False
    return not (dropped and name in _PER_FORMAT and value.partition(" ")[0] in dropped)


def _connection(address: str) -> str:
    return f"c=IN {family_of(address)} {address}"


def _is_zero(address: str) -> bool:
    return address in ZERO
