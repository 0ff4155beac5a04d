"""Sockets: UDP with a draining reader, TCP with framing, keep-alive and bounds; IPv4 and IPv6, one socket a listener.

In: a `Config` whose listeners are opened, and messages to send to a `Flow`. Out: whole messages and what could not be
delivered, told to a `Receiver` (the worker). Failures to bind are `ListenError`s an operator can read.

Not for: the meaning of a message. What stream peers may hold of us stands in `limits.py` and is kept by `table.py`; why
a connection was ended or not taken has a name in `reasons.py`; `run` is `asyncio.run` on a loop that calls readers of
datagrams directly. WebSocket will stand beside `tls.py`.
"""

from sbc.transport.limits import StreamLimits
from sbc.transport.loop import Loop, run
from sbc.transport.reasons import Ended, NotTaken
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.sockets import Doorway, ListenError, open_datagrams, open_stream_listener
from sbc.transport.transports import Bound, Transports

__all__ = [
    "Bound",
    "Counters",
    "Doorway",
    "Ended",
    "ListenError",
    "Loop",
    "NotTaken",
    "Receiver",
    "StreamLimits",
    "Transports",
    "open_datagrams",
    "open_stream_listener",
    "run",
]
