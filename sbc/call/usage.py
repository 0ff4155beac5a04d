"""What the failure of a request inside a dialog says of the call it was sent in (RFC 5057 section 5).

A dialog of ours has one usage, the INVITE's; what ends the usage or the dialog ends the call. OPTIONS and MESSAGE
belong to no usage: only what says that the dialog itself cannot go on concerns the call.
"""

from __future__ import annotations

from typing import Final

DIALOG_GONE: Final[frozenset[int]] = frozenset({404, 410, 416, 482, 483, 484, 485, 502, 604})
"""The remote target is not there, or the route to it broken: every further request would fail as well."""
_USAGE_GONE: Final[frozenset[int]] = frozenset({408, 481})
"""481, and 408 or silence, which count the same (sections 5.1 and 5.2)."""
_UNKNOWN_METHOD: Final[frozenset[int]] = frozenset({405, 501})
_OF_THE_USAGE: Final[frozenset[str]] = frozenset({"INVITE", "UPDATE", "PRACK", "INFO", "BYE"})


def ends_call(method: str, status: int) -> bool:
    """True where this final response (408 for none at all) to our request inside a dialog means that the call is over.

    405 and 501 do so only for an INVITE: a peer that lacks another method has not lost the call. All other failures
    concern the one transaction.
    """
    if status in DIALOG_GONE:
        return True
    if status in _UNKNOWN_METHOD:
        return method == "INVITE"
    return status in _USAGE_GONE and method in _OF_THE_USAGE
