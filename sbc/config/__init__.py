"""The node's configuration: frozen values here, strict loading in `sbc.config.load` (not imported from here: it needs pydantic)."""

from sbc.config.model import Audit, Config, Engine, Listener, Media, Realm, Target, Timers, Trunk

__all__ = ["Audit", "Config", "Engine", "Listener", "Media", "Realm", "Target", "Timers", "Trunk"]
