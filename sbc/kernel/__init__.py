"""What the kernel tells and does: the addresses of this machine as they come and go, datagrams to who owns them.

In: the kernel's messages; the sockets of one port and who owns which key. Out: a `Network`, the whole picture, each
time that it has changed; a program attached to the sockets, where the kernel lets us (CAP_BPF): nothing depends on it;
processes that were born for us, as our children.

Not for: what becomes of a listener whose address has gone; the supervisor decides that.
"""

from sbc.kernel.network import Address, Network, NetworkWatch
from sbc.kernel.orphans import adopting_orphans
from sbc.kernel.steer import Steering

__all__ = ["Address", "Network", "NetworkWatch", "Steering", "adopting_orphans"]
