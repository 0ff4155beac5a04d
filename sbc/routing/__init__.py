"""Who is calling, and where a call goes next.

In: the configuration, a source address, the trunks that a policy chose, what became of calls and probes. Out: a
`Source`, or the `NextHop`s to try in order. `Health` is kept over configurations.

Not for: resolving host names (the engine asks for look-ups and tells the `Router` what they gave), sending probes, nor
for deciding which trunk may be used (`policies`).
"""

from sbc.routing.borders import UNROUTABLE, Borders, is_address, is_far, is_unroutable, plain_host
from sbc.routing.health import FAILURE_PENALTY, FIRST_SHARE, SLOW_START, Health, TargetHealth, TargetState
from sbc.routing.hop import NextHop, Source, sought_for
from sbc.routing.locate import (
    Place,
    default_port,
    default_transport,
    guesses,
    mixed,
    offers_sip,
    places,
    services,
    srv_name,
    srv_order,
)
from sbc.routing.prefixes import PrefixTable
from sbc.routing.router import RECOGNISED, Router

__all__ = [
    "FAILURE_PENALTY",
    "FIRST_SHARE",
    "RECOGNISED",
    "SLOW_START",
    "UNROUTABLE",
    "Borders",
    "Health",
    "NextHop",
    "Place",
    "PrefixTable",
    "Router",
    "Source",
    "TargetHealth",
    "TargetState",
    "default_port",
    "default_transport",
    "guesses",
    "is_address",
    "is_far",
    "is_unroutable",
    "mixed",
    "offers_sip",
    "places",
    "plain_host",
    "services",
    "sought_for",
    "srv_name",
    "srv_order",
]
