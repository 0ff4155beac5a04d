"""What a supervisor and its workers say to each other, a line each."""

from __future__ import annotations

from typing import Final

# A worker's.
READY: Final = "ready"
DRAINED: Final = "drained"
LEFT: Final = "left"
"""It reads the sockets no more, and nothing of its calls is left."""
LEFT_BEHIND: Final = "left behind"
"""It reads the sockets no more; confirmed calls that it could not hand on are in the journal."""

# The supervisor's.
STOP: Final = "stop"
MEDIA_LOST: Final = "media lost"
MEDIA_BACK: Final = "media back"
LEAVE: Final = "leave"
"""Make room for the next process, within so many seconds: `leave 300`."""
STAY: Final = "stay"
"""There is no next process any more; the calls that it had are in the journal."""
FRONT: Final = "front"
"""The process before you reads the sockets no more: you do."""
FRONT_ADOPT: Final = "front adopt"
"""The same, and its calls that you do not have are in the journal."""
DRAIN: Final = "drain"
"""The node drains since before you were there, and ends in so many seconds at the latest: `drain 20.0`."""
ALONE: Final = "alone"
"""The process before you has ended."""
