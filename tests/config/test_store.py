"""`[state]`: where live calls are kept, and how a server for them is spoken to."""

from __future__ import annotations

from pathlib import Path

import pytest

from sbc.config import ConfigError
from sbc.config.load import effective, read_password
from tests.config.test_load import BASE, findings, load, node


def with_state(text: str) -> str:
    return node(f"{BASE}[state]\n{text}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://store.example.net",
        "rediss://acme@store.example.net:6380/3",
        "valkey://[2001:db8::6]:6379/0",
        "valkeys://10.0.0.1/1",
    ],
)
def test_a_server_is_named_by_its_url(url: str) -> None:
    """Design 2.3: `store = "redis://host:port/0"`."""
    config = load(with_state(f'store = "{url}"'))
    assert (config.store, config.is_shared) == (url, True)


@pytest.mark.parametrize(
    "url", ["redis:127.0.0.1", "redis://", "redis://h:99999/0", "redis://h:1/x", "redis://h/0?a=b"]
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    assert [line for line in findings(with_state(f'store = "{url}"')) if '"redis://HOST:PORT/0"' in line]


def test_the_password_is_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "store.secret"
    secret.write_text("zanzibar\n")
    secret.chmod(0o600)
    text = with_state('store = "redis://10.0.0.1/0"\npassword_file = "store.secret"')
    config = load(text, tmp_path)
    assert read_password(config.store_password_file) == "zanzibar"
    assert "zanzibar" not in repr(config) + str(effective(config))
    assert str(secret) in str(effective(config)["state"])
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read or written by everybody"):
        load(text, tmp_path)


def test_keys_for_a_server_want_one(tmp_path: Path) -> None:
    found = findings(with_state('ca = "ca.pem"\npassword_file = "x"'), tmp_path)
    assert any("state.ca: nothing to use it for: the store is sqlite" in line for line in found)
    found = findings(with_state('store = "rediss://10.0.0.1/0"\nca = "ca.pem"'), tmp_path)
    assert [line for line in found if "state.ca" in line and "ca.pem is no file" in line]
