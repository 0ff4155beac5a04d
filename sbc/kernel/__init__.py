"""What the kernel tells: the addresses of this machine's interfaces, as they come and go.

In: nothing but the kernel's messages. Out: a `Network`, the whole picture, each time that it has changed.

Not for: what becomes of a listener whose address has gone; the supervisor decides that.
"""

from sbc.kernel.network import Address, Network, NetworkWatch

__all__ = ["Address", "Network", "NetworkWatch"]
