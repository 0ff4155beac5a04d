"""Who is calling, and where a call goes next.

In: the configuration, a source address, the trunks that a policy chose, what became of calls and probes. Out: a
`Source`, or the `NextHop`s to try in order. `Health` is kept over configurations.

Not for: resolving host names (the engine asks for look-ups and tells the `Router` what they gave), sending probes, nor
for deciding which trunk may be used (`policies`).
"""

from sbc.routing.health import FAILURE_PENALTY, FIRST_SHARE, SLOW_START, Health, TargetHealth, TargetState
from sbc.routing.hop import NextHop, Source
from sbc.routing.locate import guesses, mixed, services, srv_order
from sbc.routing.prefixes import PrefixTable
from sbc.routing.router import Router

__all__ = [
    "FAILURE_PENALTY",
    "FIRST_SHARE",
    "SLOW_START",
    "Health",
    "NextHop",
    "PrefixTable",
    "Router",
    "Source",
    "TargetHealth",
    "TargetState",
    "guesses",
    "mixed",
    "services",
    "srv_order",
]
