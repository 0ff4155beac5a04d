"""The node's configuration as frozen values.

Strict loading lives in `sbc.config.load` (not imported from here: it needs pydantic).
"""

from sbc.config.errors import ConfigError
from sbc.config.model import Audit, Config, Engine, Listener, Media, Realm, Target, Timers, Trunk

__all__ = ["Audit", "Config", "ConfigError", "Engine", "Listener", "Media", "Realm", "Target", "Timers", "Trunk"]
