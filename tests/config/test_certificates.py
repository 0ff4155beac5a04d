"""The `tls` keys of a node file, and the files they name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sbc.config import Config, ConfigError
from sbc.config.load import effective, expiries, parse_config
from tests.kit.certificates import Authority

BASE = """[node]
name = "n"
policies = "library:quickstart"
[realm.outside]
listen = ["tls:203.0.113.5:5061"]
{tls}
[realm.inside]
listen = ["udp:10.20.0.1:5060"]
trusted = true
[trunk.pbx]
realm = "inside"
targets = [{{ uri = "sip:10.20.0.5:5080" }}]
[trunk.carrier]
realm = "outside"
targets = [{{ uri = "{target}" }}]
{names}
"""
TARGET = "sips:sip.carrier.example"


def load(folder: Path, tls: str, names: str = "", target: str = TARGET) -> Config:
    return parse_config(BASE.format(tls=tls, names=names, target=target), "node.toml", folder)


def findings(folder: Path, tls: str, names: str = "", target: str = TARGET) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, tls, names, target)
    assert all(finding.allowed or finding.remedy for finding in caught.value.findings)
    return [f"{finding.key}: {finding.found}".replace(str(folder), "D") for finding in caught.value.findings]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, "ca")
    made.issue("edge", dns=("sbc.example.net",))
    made.issue("example", dns=("sip.example.net",))
    return made


PAIR = 'certificate = "edge.pem", key = "edge.key"'


def test_paths_start_at_the_folder_of_the_file(authority: Authority, tmp_path: Path) -> None:
    tls = f'tls = {{ {PAIR}, ca = "ca.pem", verify_client = "optional", sni = {{ "sip.example.net" = "example" }} }}'
    config = load(tmp_path, tls, 'tls_names = ["*.Carrier.example", "carrier.example"]')
    made = config.realms["outside"].tls
    assert made is not None
    assert (made.own.certificate, made.own.key) == (str(tmp_path / "edge.pem"), str(tmp_path / "edge.key"))
    assert (made.ca, made.verify_client) == (str(tmp_path / "ca.pem"), "optional")
    assert [(name, own.key) for name, own in made.sni] == [("sip.example.net", str(tmp_path / "example.key"))]
    assert config.trunks["carrier"].tls_names == ("*.carrier.example", "carrier.example")


def test_the_effective_configuration_tells_the_end_of_each_certificate(authority: Authority, tmp_path: Path) -> None:
    authority.issue("example", dns=("sip.example.net",), days=9.5)
    config = load(tmp_path, f'tls = {{ {PAIR}, sni = {{ "sip.example.net" = "example" }} }}')
    realm = effective(config)["realm"]
    assert isinstance(realm, dict)
    shown = realm["outside"]["tls"]
    assert "WARNING" not in shown["expires"]
    assert shown["sni"]["sip.example.net"]["expires"].endswith("(WARNING: in 9 days)")
    now = datetime.now(UTC)
    assert [(one.name, one.is_due(now)) for one in expiries(config)] == [("", False), ("sip.example.net", True)]


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ("", ["realm.outside: a tls listener, and no certificate for it"]),
        (
            'tls = { certificate = "none.pem", key = "none.key", ca = "none.ca" }',
            [
                "realm.outside.tls.certificate: there is no file D/none.pem",
                "realm.outside.tls.ca: there is no file D/none.ca",
            ],
        ),
        (
            'tls = { certificate = "edge.pem", key = "example.key" }',
            ["realm.outside.tls.key: D/example.key is not the key of D/edge.pem"],
        ),
        (
            'tls = { certificate = "edge.key", key = "edge.key" }',
            ["realm.outside.tls.certificate: D/edge.key holds no certificate in PEM"],
        ),
        (
            'tls = { certificate = "edge.pem", key = "edge.pem" }',
            ["realm.outside.tls.key: D/edge.pem holds no private key without a passphrase"],
        ),
        (
            'tls = { certificate = "edge.pem", key = "gone.key" }',
            ["realm.outside.tls.key: there is no file D/gone.key"],
        ),
        (
            f"tls = {{ {PAIR}, sni = {{ 'a.example' = 'gone' }} }}",
            ['realm.outside.tls.sni."a.example": there is no file D/gone.pem'],
        ),
        (
            f'tls = {{ {PAIR}, ca = "edge.key" }}',
            ["realm.outside.tls.ca: D/edge.key holds no certificates in PEM"],
        ),
        (
            f'tls = {{ {PAIR}, verify_client = "required" }}',
            ['realm.outside.tls: verify_client = "required", and no ca to verify against'],
        ),
    ],
)
def test_what_a_handshake_would_miss_is_found_before(
    authority: Authority, tmp_path: Path, tls: str, expected: list[str]
) -> None:
    assert findings(tmp_path, tls) == expected


def test_an_expired_certificate_and_one_of_the_future_are_refused(authority: Authority, tmp_path: Path) -> None:
    authority.issue("edge", days=-2)
    assert "expired on" in findings(tmp_path, f"tls = {{ {PAIR} }}")[0]
    authority.issue("edge", days=4000)
    assert "is good only from" in findings(tmp_path, f"tls = {{ {PAIR} }}")[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            'tls_names = ["carrier.example"]',
            ["trunk.carrier.tls_names: realm outside asks no client for a certificate"],
        ),
        (
            'tls_names = ["*.example"]',
            ['trunk.carrier.tls_names[1]: "*.example" would take every name below a top-level domain'],
        ),
        ('tls_names = ["a b"]', ['trunk.carrier.tls_names[1]: "a b"']),
    ],
)
def test_names_that_could_never_be_proved_are_refused(
    authority: Authority, tmp_path: Path, names: str, expected: list[str]
) -> None:
    assert findings(tmp_path, f"tls = {{ {PAIR} }}", names) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sip:203.0.113.5:5061;transport=tls", "is a listener of this node"),
        ("sips:203.0.113.5", "is a listener of this node"),
        ("sips:carrier.example;transport=udp", "sips means TLS"),
        ("sip:carrier.example", "needs UDP, and realm outside has no listener for it"),
        ("sips:[2001:db8::9]", "is IPv6, and realm outside has no TLS listener of that family"),
    ],
)
def test_targets_over_tls_are_held_against_the_listeners(
    authority: Authority, tmp_path: Path, target: str, expected: str
) -> None:
    assert expected in findings(tmp_path, f"tls = {{ {PAIR} }}", target=target)[0]
