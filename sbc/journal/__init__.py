"""What outlives the process: call records and the journal of live calls, written behind and in batches.

In: `Journal` and `CallEnded` outputs, in the engine's order. Out: rows of an SQLite file others can read meanwhile;
at the start, the last record of each call that another process has left. With a Redis server beside the file, another
machine can be that process: whoever has the lease of the node's name owns its calls, and nobody else.

Not for: reading state back on the straight path; the event loop never waits for a disk or a server here.
"""

from sbc.journal.directory import StateError, make_state, naming
from sbc.journal.instance import Instance
from sbc.journal.replica import Replica, Standing
from sbc.journal.server import LEASE, Away, Grant, Place, Server, examine_server, open_server
from sbc.journal.shared import SharedStore, standing_of
from sbc.journal.store import COMPANY, MemoryStore, SqliteStore, Store, open_store, open_switches, read_live

__all__ = [
    "COMPANY",
    "Away",
    "Grant",
    "Instance",
    "LEASE",
    "MemoryStore",
    "Place",
    "Replica",
    "Server",
    "SharedStore",
    "SqliteStore",
    "Standing",
    "StateError",
    "Store",
    "examine_server",
    "make_state",
    "naming",
    "open_server",
    "open_store",
    "open_switches",
    "read_live",
    "standing_of",
]
