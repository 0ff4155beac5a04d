"""What a media session raises; apart from it, since mypyc leaves a file that extends a builtin error as Python."""

from __future__ import annotations


class MachineMisuse(RuntimeError):
    """Our own code gave an input that this state does not take."""
