"""A media engine in a process of its own that speaks the ng protocol: for development and small sites, beside the real
daemon.

In: datagrams of the control socket, and media. Out: replies in the real daemon's words, and the same media from our
addresses. `start_process` runs it as a child that ends with its parent; `Server` runs it on a loop of one's own;
`python -m rtpengine` alone.

It relays RTP and RTCP, multiplexed or not, over IPv4 and IPv6, learns where a peer behind a NAT really is, and takes
nothing from anybody else. SRTP is terminated on each leg for itself, with SDES or DTLS keys; ICE is answered as a lite
agent. Not for: transcoding.

`FastPath` is what a kernel forwarder has to offer; whoever composes the program hands one to `Server`.
"""

from rtpengine.embedded.engine import Limits
from rtpengine.embedded.fastpath import FastPath, FastPathCounters, Flow
from rtpengine.embedded.interfaces import InterfaceError, Interfaces, parse_interfaces
from rtpengine.embedded.process import EngineProcess, start_process
from rtpengine.embedded.server import Server
from rtpengine.embedded.stream import StreamState

__all__ = [
    "EngineProcess",
    "FastPath",
    "FastPathCounters",
    "Flow",
    "InterfaceError",
    "Interfaces",
    "Limits",
    "Server",
    "StreamState",
    "parse_interfaces",
    "start_process",
]
