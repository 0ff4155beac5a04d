"""Names of streams (RFC 5888) of ours: what one peer calls its streams is not told to the other.

A name belongs to a place among the m-lines (RFC 8843 section 7.1.3), so the reader finds its own there, if it has given
any, and a number else. The names travel in RTP as well (RFC 8843 section 15), where nobody changes them: that header
extension is not agreed on.
"""

from __future__ import annotations

from typing import Final

from sbc.octets import holds
from sbc.sdp import Attributes, Session

_IN_RTP: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"


def rename_streams(session: Session, said: bytes) -> None:
    """Change a description that is about to be sent to whoever has last `said` this."""
    own = _names_in(said)
    taken = set(own.values())
    names: dict[str, str] = {}
    for place, media in enumerate(session.media):
        former = media.get("mid")
        if former is None:
            continue
        name = own.get(place, "") or (f"{place}" if f"{place}" not in taken else f"m{place}")
        names[former] = name
        media.attributes = _renamed(media.attributes, name)
    if names:
        session.attributes = [_regrouped(*one, names) for one in session.attributes]


def _renamed(attributes: Attributes, name: str) -> Attributes:
    return [
        (key, name if key == "mid" else value)
        for key, value in attributes
        if key != "extmap" or _IN_RTP not in (value or "")
    ]


def _regrouped(key: str, value: str | None, names: dict[str, str]) -> tuple[str, str | None]:
    if key != "group":
        return key, value
    semantics, *members = (value or "").split() or ["-"]
    return key, " ".join([semantics, *[names[one] for one in members if one in names]])


def _names_in(said: bytes) -> dict[int, str]:
    """By the places of m-lines."""
    found: dict[int, str] = {}
    if not holds(said, b"a=mid:"):
        return found
    place = -1
    for line in said.split(b"\n"):
        if line.startswith(b"m="):
            place += 1
        elif line.startswith(b"a=mid:") and place >= 0:
            found[place] = line[6:].strip().decode("latin-1")
    return found
