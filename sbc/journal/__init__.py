"""What outlives the process: call records and the journal of live calls, written behind and in batches.

In: `Journal` and `CallEnded` outputs, in the engine's order. Out: rows of an SQLite file others can read meanwhile;
at the start, the last record of each call that another process has left.

Not for: reading state back on the straight path; the event loop never waits for a disk here.
"""

from sbc.journal.store import MemoryStore, SqliteStore, Store, open_store, open_switches, read_live

__all__ = ["MemoryStore", "SqliteStore", "Store", "open_store", "open_switches", "read_live"]
