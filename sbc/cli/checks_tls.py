"""`doctor`'s check of the certificates that the configuration shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sbc.cli.checks import Check, State

if TYPE_CHECKING:
    from sbc.config import Config


def check_certificates(config: Config, now: datetime) -> Iterator[Check]:
    """Each certificate with the days that it is good for; one that cannot be read is a finding of `sbc check`."""
    from sbc.config.load import expiries

    for one in expiries(config):
        name = f"certificate {one.realm}" + (f" {one.name}" if one.name else "")
        found = f"{one.file}, until {one.until:%Y-%m-%d}, {one.days(now)} days"
        if not one.is_due(now):
            yield Check(name, State.OK, found)
        else:
            state = State.FAIL if one.days(now) < 0 else State.WARN
            yield Check(name, state, found, "put new files in its place, then `sbc reload`")
