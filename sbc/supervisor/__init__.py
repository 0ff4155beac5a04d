"""The parent of everything that runs: opens, watches, reloads and ends a node. Touches no SIP.

In: a `Config`. Out: a running node until it is told to stop. In this version one worker runs in this process and the
embedded media engine is a child; several workers come with the steering between them.
"""

from sbc.supervisor.embedded import EmbeddedError
from sbc.supervisor.node import Node, changes_that_need_a_restart

__all__ = ["EmbeddedError", "Node", "changes_that_need_a_restart"]
