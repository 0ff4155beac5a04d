"""`auth` and `register` of a trunk: passwords in files of their own, what is left out filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from sbc.config import Auth, Config, ConfigError, Register
from sbc.config.load import effective, parse_config

BASE = """[node]
name = "edge-1"
policies = "library:quickstart"
[realm.outside]
listen = ["udp:127.0.0.1:5060"]
[realm.inside]
listen = ["udp:127.0.0.1:5070"]
[trunk.pbx]
realm = "inside"
targets = [{ uri = "sip:127.0.0.1:5080" }]
[trunk.carrier]
realm = "outside"
"""
TARGET = 'targets = [{ uri = "sip:carrier.example:5090" }]\n'
AUTH = 'auth = { username = "acme", password_file = "carrier.secret" }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, b"zanzibar\n")
    return tmp_path


def write(folder: Path, data: bytes, mode: int = 0o600) -> None:
    path = folder / "carrier.secret"
    path.write_bytes(data)
    path.chmod(mode)


def load(folder: Path, text: str) -> Config:
    return parse_config(BASE + text, "node.toml", folder)


def wrong(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value)


def test_the_password_is_the_line_in_the_file_and_is_shown_to_nobody(folder: Path) -> None:
    config = load(folder, TARGET + AUTH)
    trunk = config.trunks["carrier"]
    assert trunk.auth == Auth("acme", "zanzibar")
    assert "zanzibar" not in repr(config) + str(effective(config))


def test_a_registration_takes_user_and_domain_of_the_trunk_where_it_names_none(folder: Path) -> None:
    assert load(folder, TARGET + AUTH + "register = {}\n").trunks["carrier"].register == Register(
        "acme", "carrier.example", 3600
    )
    text = 'register = { user = "+4930", domain = "ims.example", expires = 600 }\n'
    assert load(folder, TARGET + text).trunks["carrier"].register == Register("+4930", "ims.example", 600)


@pytest.mark.parametrize(
    ("data", "mode", "expected"),
    [
        (b"", 0o600, "does not hold a password"),
        (b"one\ntwo\n", 0o600, "does not hold a password"),
        (b"\xff\xfe", 0o600, "no UTF-8"),
        (b"zanzibar", 0o644, "may be read or written by everybody"),
    ],
)
def test_a_file_that_is_no_secret_is_refused(folder: Path, data: bytes, mode: int, expected: str) -> None:
    write(folder, data, mode)
    assert expected in wrong(folder, TARGET + AUTH)


def test_what_cannot_be_registered_is_refused(folder: Path) -> None:
    assert "nobody to register" in wrong(folder, TARGET + "register = {}\n")
    assert "a trunk without targets" in wrong(folder, 'sources = ["192.0.2.1"]\nregister = { user = "x" }\n')
    assert "allowed: at least 60" in wrong(folder, TARGET + 'register = { user = "x", expires = 5 }\n')
    assert "No such file" in wrong(folder, TARGET + 'auth = { username = "a", password_file = "gone" }\n')
