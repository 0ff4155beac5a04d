"""The node at one glance, for `sbc status`."""

from __future__ import annotations

from sbc.admission import Admission
from sbc.wire import Now


def status_of(admission: Admission, started: Now, now: Now) -> dict[str, object]:
    """What runs, since when, how much of it there is, and what was turned away."""
    egress, overload = admission.egress, admission.overload
    config = egress.snapshot.config
    return {
        "node": config.name,
        "state": "draining" if admission.draining else "running",
        "uptime": round(now.monotonic - started.monotonic, 3),
        "version": config.version,
        "calls": len(egress.calls),
        "dialogs": len(egress.dialogs),
        "subscriptions": len(egress.subscriptions),
        "transactions": len(egress.transactions),
        "media_commands": len(egress.waiting),
        "overload": {
            "let_in": round(overload.share, 3),
            "delay": round(overload.delay, 4),
            "refused": overload.refused,
        },
        "challenges": {"answered": egress.users.answered, "not_answered": egress.users.refused},
        "counters": dict(sorted((admission.refusals.counters | egress.withheld).items())),
    }
