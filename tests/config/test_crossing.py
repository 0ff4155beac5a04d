"""What a node file says of what crosses: challenges, redirects, bodies, subscriptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from sbc.config import ConfigError, Redirect
from sbc.config.load import effective, parse_config

BASE = """
[node]
name = "n"
policies = "library:quickstart"
[node.timers]
subscription = 1800
[realm.outside]
listen = ["udp:127.0.0.1:5060"]
limits = { subscriptions = 7 }
[realm.inside]
listen = ["udp:127.0.0.1:5070"]
trusted = true
[trunk.carrier]
realm = "outside"
targets = [{ uri = "sip:127.0.0.1:5090" }]
[trunk.pbx]
realm = "inside"
targets = [{ uri = "sip:127.0.0.1:5080" }]
"""
CROSSING = """
challenges = ["example.net", "pbx corp"]
bodies = ["application/isup"]
options = "relay"
redirect = { mode = "follow", limit = 3, hosts = ["10.20.0.0/16", "10.30.0.5", "*.voice.example.net"] }
"""


def test_what_may_cross_is_read_and_shown() -> None:
    config = parse_config(BASE + CROSSING, "node.toml", Path())
    pbx, carrier = config.trunks["pbx"], config.trunks["carrier"]
    assert pbx.challenges == ("example.net", "pbx corp")
    assert (pbx.options, carrier.options) == ("relay", "answer")
    assert pbx.bodies == frozenset({"application/isup"})
    assert pbx.redirect == Redirect("follow", 3, ("10.20.0.0/16", "10.30.0.5/32", "*.voice.example.net"))
    assert (carrier.challenges, carrier.bodies, carrier.redirect) == ((), frozenset(), Redirect())
    assert config.realms["outside"].subscriptions == 7
    assert config.timers.subscription == 1800
    shown = effective(config)["trunk"]
    assert isinstance(shown, dict)
    assert shown["pbx"]["redirect"]["mode"] == "follow"
    assert shown["pbx"]["bodies"] == ["application/isup"]
    assert "redirect" not in shown["carrier"]


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ('challenges = [""]', "challenges"),
        ('bodies = ["isup"]', "bodies"),
        ('bodies = ["application/sdp"]', "session descriptions always cross"),
        ('redirect = { mode = "recurse" }', "redirect.mode"),
        ('redirect = { mode = "follow", limit = 0 }', "redirect.limit"),
        ('redirect = { mode = "follow", hosts = ["10.20.0.1/16"] }', "did you mean"),
        ('redirect = { mode = "follow", hosts = ["*.com"] }', "top-level"),
    ],
)
def test_wrong_values_are_told_with_a_remedy(line: str, finding: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{BASE}{line}\n", "node.toml", Path())
    assert finding in "\n".join([str(one) for one in caught.value.findings])
