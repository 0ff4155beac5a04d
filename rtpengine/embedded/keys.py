"""Keys that parties press, told to whoever wants to know: one JSON document a datagram, in the daemon's words.

Unlike the daemon's, strings in it are escaped, so no tag or call-id of a peer's choice breaks the document.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Final

from rtpengine.embedded.call import Call
from rtpengine.embedded.detour import Heard


class KeyLog:
    """A destination."""

    __slots__ = ("_destination", "_socket")

    def __init__(self, host: str, port: int) -> None:
        self._destination: Final = (host, port)
        self._socket: Final = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def attach(self, call: Call) -> None:
        """Tell of the keys of this call's parties."""

        def of_party(tag: str) -> Heard:
            def heard(code: int, duration: int, volume: int) -> None:
                self._tell(call, tag, code, duration, volume)

            return heard

        call.heard = of_party

    def close(self) -> None:
        """Tell nothing more."""
        self._socket.close()

    def _tell(self, call: Call, tag: str, code: int, duration: int, volume: int) -> None:
        party = call.tags.get(tag)
        stream = next(iter(party.streams()), None) if party is not None else None
        source = stream.agreed[0] if stream is not None and stream.agreed is not None else ""
        document = {
            "callid": call.call_id,
            "source_tag": tag,
            "tags": list(call.tags),
            "type": "DTMF",
            "timestamp": int(time.time()),
            "source_ip": source,
            "event": code,
            "duration": duration,
            "volume": volume,
        }
        with contextlib.suppress(OSError):  # nobody there: as the daemon has it
            self._socket.sendto(json.dumps(document).encode(), self._destination)
