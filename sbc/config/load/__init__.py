"""The node file: strict TOML in, a `Config` out, or a `ConfigError` with everything that is wrong at once.

Reads the policy document that the file names too, holds the one against the other and runs the document's tests.
Without a file it is the packaged quickstart.

Not for: what only starting can tell (ports in use, engines that do not answer).
"""

from sbc.config.errors import ConfigError
from sbc.config.load.build import effective
from sbc.config.load.certificates import Expiry, expiries
from sbc.config.load.credentials import read_password
from sbc.config.load.node import load_config, parse_config, quickstart_text
from sbc.config.load.profiles import shipped_profiles

__all__ = [
    "ConfigError",
    "Expiry",
    "effective",
    "expiries",
    "load_config",
    "parse_config",
    "quickstart_text",
    "read_password",
    "shipped_profiles",
]
