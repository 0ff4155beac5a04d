"""DNS as asyncio asks it: A, AAAA, SRV and NAPTR records, with their time to live.

In: a name and a type. Out: records, or that there are none, and for how long; from the cache where it still knows, and
many askers of one thing make one query. Who answers is what the machine's resolv.conf names, unless servers are given.

Not for: choosing among the records (`sbc.routing`), nor for names that only this machine knows (/etc/hosts): ask
`is_local` first, and the system's own resolver then.
"""

from sbc.lookup.hosts import is_local, nameservers
from sbc.lookup.resolver import AFTER_FAILURE, Answer, Resolver, Unanswered

__all__ = ["AFTER_FAILURE", "Answer", "Resolver", "Unanswered", "is_local", "nameservers"]
