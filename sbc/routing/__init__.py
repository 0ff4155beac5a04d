"""Who is calling, and where a call goes next.

In: the configuration, a source address, the trunks that a policy chose. Out: a `Source`, or the `NextHop`s to try in
order.

Not for: resolving host names (the engine asks for look-ups and tells the `Router` what they gave), nor for deciding
which trunk may be used (`policies`).
"""

from sbc.routing.hop import NextHop, Source
from sbc.routing.prefixes import PrefixTable
from sbc.routing.router import FAILURE_PENALTY, Router

__all__ = ["FAILURE_PENALTY", "NextHop", "PrefixTable", "Router", "Source"]
