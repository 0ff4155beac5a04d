"""A node file, read from its first byte to the configuration."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from policies.load import decode, read_text
from sbc.config.errors import ConfigError
from sbc.config.load.build import build
from sbc.config.load.certificates import check_tls
from sbc.config.load.checks import check_node
from sbc.config.load.credentials import check_credentials
from sbc.config.load.policy import check_policy, load_policy
from sbc.config.load.profiles import check_profiles
from sbc.config.load.schema import NodeFile
from sbc.config.model import Config


def quickstart_text() -> str:
    """The packaged node file that runs when none is given."""
    return (files("sbc.config") / "quickstart.toml").read_text(encoding="utf-8")


def load_config(path: Path | str | None = None) -> Config:
    """The configuration in a file, or the quickstart; raises ConfigError with every finding."""
    if path is None:
        return parse_config(quickstart_text(), "", Path())
    text, findings = read_text(Path(path))
    if findings:
        raise ConfigError(findings)
    return parse_config(text, str(path), Path(path).parent)


def parse_config(text: str, source: str, folder: Path) -> Config:
    """The configuration in a text; `folder` is where its relative paths start."""
    decoded = decode(text, source or "quickstart", NodeFile)
    file = decoded.value
    name = file.node.policies if file is not None else _policy_name(text)
    if file is not None:
        check_node(decoded, file)
        check_tls(decoded, file, folder)
        check_credentials(decoded, file, folder)
        check_profiles(decoded, file)
    document = load_policy(decoded, name, folder) if name else None
    if file is not None and document is not None:
        check_policy(decoded, file, document)
    if decoded.findings or file is None or document is None:
        raise ConfigError(decoded.findings)
    return build(file, document, source, folder)


def _policy_name(text: str) -> str:
    """The policy of a file with a wrong shape, so that the document's faults are told in the same breath."""
    try:
        node = tomllib.loads(text).get("node")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
    name = node.get("policies") if isinstance(node, dict) else None
    return name if isinstance(name, str) else ""
