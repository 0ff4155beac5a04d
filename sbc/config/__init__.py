"""The node's configuration as frozen values.

Strict loading lives in `sbc.config.load` (not imported from here: it needs pydantic).
"""

from sbc.config.codecs import ANY, Codecs
from sbc.config.errors import ConfigError
from sbc.config.model import (
    UNLIMITED,
    Audit,
    Auth,
    Bounds,
    Capacity,
    Certificate,
    Config,
    Engine,
    Listener,
    Media,
    Nat,
    Probe,
    Realm,
    Redirect,
    Register,
    Target,
    Timers,
    Tls,
    Trunk,
)
from sbc.config.profile import DEFAULT_PROFILE, SWITCHES, Profile, Switch
from sbc.config.tls_names import proves

__all__ = [
    "ANY",
    "DEFAULT_PROFILE",
    "SWITCHES",
    "UNLIMITED",
    "Audit",
    "Auth",
    "Bounds",
    "Capacity",
    "Certificate",
    "Codecs",
    "Config",
    "ConfigError",
    "Engine",
    "Listener",
    "Media",
    "Nat",
    "Probe",
    "Profile",
    "Realm",
    "Redirect",
    "Register",
    "Switch",
    "Target",
    "Timers",
    "Tls",
    "Trunk",
    "proves",
]
