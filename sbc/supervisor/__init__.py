"""The parent of everything that runs: opens, watches, reloads and ends a node. Touches no SIP.

In: a `Config`. Out: a running node until it is told to stop. One worker runs in this process (`Node`); several are
children of a `Fleet`, each a `Node` in a `Berth`. The embedded media engine is a child in either case.
"""

from sbc.supervisor.births import fork_nursery, tend
from sbc.supervisor.changes import changes_that_need_a_restart
from sbc.supervisor.child import Orders, run_child
from sbc.supervisor.embedded import EmbeddedError
from sbc.supervisor.fleet import Fleet
from sbc.supervisor.node import Node
from sbc.supervisor.sharing import look_at_store

__all__ = [
    "EmbeddedError",
    "Fleet",
    "Node",
    "Orders",
    "changes_that_need_a_restart",
    "fork_nursery",
    "look_at_store",
    "run_child",
    "tend",
]
