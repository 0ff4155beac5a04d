"""The node's configuration as frozen values.

Strict loading lives in `sbc.config.load` (not imported from here: it needs pydantic).
"""

from sbc.config.errors import ConfigError
from sbc.config.model import (
    UNLIMITED,
    Audit,
    Capacity,
    Config,
    Engine,
    Listener,
    Media,
    Probe,
    Realm,
    Target,
    Timers,
    Trunk,
)

__all__ = [
    "UNLIMITED",
    "Audit",
    "Capacity",
    "Config",
    "ConfigError",
    "Engine",
    "Listener",
    "Media",
    "Probe",
    "Realm",
    "Target",
    "Timers",
    "Trunk",
]
