"""Media ports of an engine under test that no other engine on this machine has at the same time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FIRST: Final = 12000
SIZE: Final = 1000
COUNT: Final = 20
"""All below 32768, where the system begins to give out ports to those who want any."""


@contextmanager
def leased_ports() -> Iterator[range]:
    """A range of ports for as long as the context lasts, or as this process does.

    The rtpengine daemon binds with SO_REUSEADDR: of two with one range both get the same port without an error, and the
    later one takes what is sent to the earlier. Whose a range is, is therefore said by a name that one process alone
    can have, an abstract one, which like a port belongs to the network namespace.
    """
    start = os.getpid() % COUNT
    for number in range(start, start + COUNT):
        first = FIRST + number % COUNT * SIZE
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mark:
            try:
                mark.bind(f"\0media ports of an engine under test, {first}")
            except OSError:
                continue
            yield range(first, first + SIZE)
            return
    raise AssertionError("all ranges of media ports are leased")
