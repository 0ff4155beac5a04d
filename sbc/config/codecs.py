"""Which audio codecs are spoken with a side: as data. `sbc.media` applies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Codecs:
    """Codecs of one realm or trunk, by their names in `rtpmap`, in lower case: `opus`, or `opus/48000` for one rate.

    Telephone events and comfort noise go with whatever codecs are left, but where `strip` names them.
    """

    allow: tuple[str, ...] = ()
    """Nothing else is offered to this side or taken from it; empty: everything."""
    strip: tuple[str, ...] = ()
    """Neither offered to this side nor taken from it."""
    order: tuple[str, ...] = ()
    """Offered first, in this order; the others keep their places behind."""
    transcode: tuple[str, ...] = ()
    """Offered to this side too where the other one has not offered them; what it may not use itself is translated."""
    ptime: int = 0
    """Milliseconds of audio in a packet to and from this side; 0: as the ends agree."""


ANY: Final = Codecs()
"""Nothing is asked for; the loader gives this very object where a file says nothing."""
