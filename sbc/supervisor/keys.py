"""Keys that media engines have heard in RTP, told by datagram (`--dtmf-log-dest`): one JSON document for each press."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Protocol

_KEYS: Final = "0123456789*#ABCD"
"""By their number in RFC 4733 section 3.2."""
_LONGEST: Final = 2048


class Hearer(Protocol):
    """Whom it is told to: the worker."""

    def key_heard(self, session: str, tag: str, key: str, duration: int) -> None:
        """A party of a media session has pressed a key for so many milliseconds."""


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, hearer: Hearer) -> None:
        self._hearer: Final = hearer

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """One press. Whoever cannot name a session of ours is not heard: its name is not to be guessed."""
        found = key_in(data)
        if found is not None:
            self._hearer.key_heard(*found)


async def open_keys(host: str, port: int, hearer: Hearer) -> asyncio.DatagramTransport:
    """Listen from now on. Raises OSError."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(hearer), (host, port))
    return transport


def key_in(data: bytes) -> tuple[str, str, str, int] | None:
    """Session, party's tag, key and milliseconds of a notice; None for anything else."""
    if len(data) > _LONGEST:
        return None
    try:
        notice = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notice, dict) or notice.get("type") != "DTMF":
        return None
    session, tag = notice.get("callid"), notice.get("source_tag")
    event, duration = notice.get("event"), notice.get("duration")
    if not isinstance(session, str) or not isinstance(tag, str):
        return None
    if not isinstance(event, int) or not 0 <= event < len(_KEYS) or not isinstance(duration, int):
        return None
    return session, tag, _KEYS[event], min(max(duration, 1), 10_000)
