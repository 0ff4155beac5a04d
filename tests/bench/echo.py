"""The floor: a relay that wakes, receives and sends once for each datagram, and looks at nothing.

`python -m tests.bench.echo LISTEN TARGET` (each `host:port`): what comes from the target goes to whoever spoke first.
"""

from __future__ import annotations

import select
import socket
import sys


def main() -> None:
    """Relay until killed."""
    (host, port), target = [(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in sys.argv[1:3]]
    relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    relay.bind((host, port))
    poll = select.epoll()
    poll.register(relay.fileno(), select.EPOLLIN)
    caller = target
    while True:
        poll.poll()
        data, source = relay.recvfrom(65535)
        if source == target:
            relay.sendto(data, caller)
        else:
            caller = source
            relay.sendto(data, target)


if __name__ == "__main__":
    main()
