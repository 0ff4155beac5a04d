"""The node file: right ones become the model, wrong ones tell everything at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import netifaces
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbc.config import UNLIMITED, Bounds, Capacity, Config, ConfigError, Engine, Nat, Probe
from sbc.config.load import effective, load_config, parse_config, quickstart_text

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.txt"))
SEPARATOR = "\n----------\n"

INTERFACES: dict[str, dict[int, list[dict[str, str]]]] = {
    "eth0": {netifaces.AF_INET: [{"addr": "203.0.113.5"}], netifaces.AF_INET6: [{"addr": "2001:db8::5"}]},
    "six": {netifaces.AF_INET6: [{"addr": "fe80::1%six"}, {"addr": "2001:db8::6"}]},
    "many": {netifaces.AF_INET: [{"addr": "10.20.0.1"}, {"addr": "10.20.0.2"}]},
    "local": {netifaces.AF_INET6: [{"addr": "fe80::2%local"}]},
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with the interfaces above, whatever this one has."""
    monkeypatch.setattr(netifaces, "interfaces", lambda: list(INTERFACES))
    monkeypatch.setattr(netifaces, "ifaddresses", INTERFACES.__getitem__)


def node(body: str, policies: str = "library:quickstart") -> str:
    return f'[node]\nname = "n"\npolicies = "{policies}"\n{body}'


def load(text: str, folder: Path = Path()) -> Config:
    return parse_config(text, "node.toml", folder)


def findings(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, folder)
    return [str(finding) for finding in caught.value.findings]


BASE = """
[realm.outside]
listen = ["udp:203.0.113.5:5060", "tcp:203.0.113.5:5060"]
[realm.inside]
listen = ["udp:10.20.0.1:5060"]
trusted = true
[trunk.pbx]
realm = "inside"
targets = [{ uri = "sip:10.20.0.5:5080" }]
[trunk.carrier]
realm = "outside"
targets = [{ uri = "sip:198.51.100.10" }]
"""


@pytest.mark.parametrize("case", WRONG, ids=[path.stem for path in WRONG])
def test_a_wrong_file_tells_everything_at_once(case: Path) -> None:
    text, expected = case.read_text(encoding="utf-8").split(SEPARATOR)
    assert "\n".join(findings(text)) == expected.strip()


def test_there_are_wrong_files() -> None:
    assert len(WRONG) >= 7


def test_every_finding_names_file_key_and_a_way_out() -> None:
    """Design 2.3: file, key path, what was found and what is allowed."""
    for case in WRONG:
        with pytest.raises(ConfigError) as caught:
            load(case.read_text(encoding="utf-8").split(SEPARATOR)[0])
        for finding in caught.value.findings:
            assert finding.file
            assert finding.found
            assert finding.allowed or finding.remedy
            assert finding.key or "not TOML" in finding.found


def test_the_quickstart_is_what_its_documentation_says() -> None:
    """Design 2.2."""
    config = load_config(None)
    assert [(x.realm, x.transport, x.host, x.port) for x in config.listeners] == [
        ("outside", "UDP", "127.0.0.1", 5060),
        ("outside", "TCP", "127.0.0.1", 5060),
        ("inside", "UDP", "127.0.0.1", 5070),
        ("inside", "TCP", "127.0.0.1", 5070),
    ]
    assert [listener.index for listener in config.listeners] == [0, 1, 2, 3]
    assert (config.realms["outside"].trusted, config.realms["inside"].trusted) == (False, True)
    trunks = {name: (trunk.realm, str(trunk.targets[0].uri)) for name, trunk in config.trunks.items()}
    assert trunks == {"pbx": ("inside", "sip:127.0.0.1:5080"), "carrier": ("outside", "sip:127.0.0.1:5090")}
    assert (config.media.mode, config.media.engines, config.media.ports) == ("anchor", (), (30000, 39999))
    assert (config.store, config.state, config.control_socket) == ("sqlite", ".sbc", ".sbc/control.sock")
    assert (config.policy.name, config.audit.mode, config.source) == ("quickstart", "strip", "")


def test_the_quickstart_runs_from_any_folder(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(quickstart_text(), encoding="utf-8")
    config = load_config(path)
    assert config.source == str(path)
    assert config.policy == load_config(None).policy or config.policy.name == "quickstart"


def test_a_complete_file_becomes_the_model(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[policy]\nname = "mine"\ndefault = { reject = 404 }\n', encoding="utf-8")
    config = load(
        """
[node]
name = "edge-1"
workers = 1
policies = "mine.toml"
drain_deadline = 60
[node.timers]
t1 = 1
ringing = 60
call = 3600
liveness = 0
[node.limits]
message_bytes = 4096
headers = 64
calls = 300
delay = 0
[realm.outside]
listen = ["udp:eth0:5060", "tcp:[2001:db8::5]:0"]
advertise = "SBC.example.net"
dscp = { sip = "af31", rtp = 40 }
[realm.inside]
listen = ["udp:six:5070"]
domain = "pbx.example.net"
trusted = true
[trunk.carrier-a]
realm = "outside"
targets = [
    { uri = "sip:198.51.100.10", priority = 2, weight = 60, limits = { calls_per_second = 9 } },
    { uri = "sip:carrier.example:5062;transport=tcp" },
]
sources = ["198.51.100.0/28", "2001:db8:1::1"]
crank_back = [503]
probe = { every = 10, up_after = 1 }
limits = { calls = 500, duration = 7200 }
[media]
mode = "bypass"
engines = [{ ng = "udp:[::1]:2223", http = "[::1]:2225" }, { ng = "http:192.0.2.7:2225", json = true }]
sweep = 5
timeouts = "127.0.0.1:8190"
ports = "40000-40099"
fast_path = "none"
feedback = "end"
timeout = 0.5
lost_after = 2.5
[media.interfaces]
outside = "pub"
[audit]
mode = "block"
hide = ["pbx.corp.local", "10.20.0.0/16"]
[state]
store = "memory"
[control]
socket = "/run/sbc.sock"
""",
        tmp_path,
    )
    udp, tcp, inside = config.listeners
    assert (udp.host, udp.port, udp.interface, udp.shown) == ("203.0.113.5", 5060, "eth0", "sbc.example.net:5060")
    assert (tcp.host, tcp.port, tcp.interface, tcp.transport) == ("2001:db8::5", 0, "", "TCP")
    assert (inside.host, inside.shown) == ("2001:db8::6", "[2001:db8::6]:5070")
    outside = config.realms["outside"]
    assert (outside.domain, outside.dscp_sip, outside.dscp_rtp) == ("sbc.example.net", 26, 40)
    assert (outside.media_interface, config.realms["inside"].media_interface) == ("pub", "")
    assert config.realms["inside"].domain == "pbx.example.net"
    trunk = config.trunks["carrier-a"]
    assert [(str(t.uri), t.priority, t.weight) for t in trunk.targets] == [
        ("sip:198.51.100.10", 2, 60),
        ("sip:carrier.example:5062;transport=tcp", 1, 1),
    ]
    assert (trunk.sources, trunk.crank_back) == (("198.51.100.0/28", "2001:db8:1::1/128"), frozenset({503}))
    assert (trunk.limits, trunk.probe) == (Capacity(500, 0, 7200), Probe(10, 3, 1))
    assert [target.limits for target in trunk.targets] == [Capacity(0, 9), UNLIMITED]
    timers = config.timers
    assert (timers.t1, timers.t2, timers.ringing, timers.call, timers.liveness) == (1, 4, 60, 3600, 0)
    assert (config.limits.message_bytes, config.limits.headers) == (4096, 64)
    assert config.bounds == Bounds(300, 500_000, 0)
    media = config.media
    assert (media.mode, media.ports, media.fast_path, media.timeout) == ("bypass", (40000, 40099), "none", 0.5)
    assert (media.lost_after, media.sweep, media.timeouts) == (2.5, 5, ("127.0.0.1", 8190))
    assert media.engines[0].http == ("::1", 2225)
    assert (media.ends_feedback, media.has_own_streams) == (True, False)
    assert (media.engines[0].host, media.engines[0].port) == ("::1", 2223)
    assert media.engines[1] == Engine("192.0.2.7", 2225, http=("192.0.2.7", 2225), is_http=True, as_json=True)
    assert (config.audit.mode, config.audit.hide) == ("block", ("pbx.corp.local", "10.20.0.0/16"))
    assert (config.name, config.store, config.control_socket) == ("edge-1", "memory", "/run/sbc.sock")
    assert (config.drain_deadline, config.policy.name) == (60, "mine")


def test_the_domain_is_the_advertised_host_or_the_first_address() -> None:
    config = load(node(BASE))
    assert config.realms["outside"].domain == "203.0.113.5"
    both = load(node(BASE.replace("[realm.inside]", 'advertise = "a.example"\ndomain = "d.example"\n[realm.inside]')))
    assert both.realms["outside"].domain == "d.example"
    assert both.listeners[0].shown_host == "a.example"
    advertised = load(node(BASE.replace("[realm.inside]", 'advertise = "[2001:db8::9]"\n[realm.inside]')))
    assert advertised.realms["outside"].domain == "[2001:db8::9]"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("udp:many:5060", "interface many has 2 addresses; allowed: 10.20.0.1, 10.20.0.2; write the one meant"),
        ("udp:local:5060", "interface local has no address; bring it up, or write the address"),
        (
            "udp:eth1:5060",
            '"eth1" is neither an address nor an interface of this machine; allowed: eth0, local, many, six',
        ),
    ],
)
def test_an_interface_must_have_one_address(entry: str, found: str) -> None:
    told = findings(node(BASE.replace("udp:203.0.113.5:5060", entry)))
    assert f"node.toml:6: realm.outside.listen[1]: {found}" in told


def test_port_0_may_be_listened_on_twice() -> None:
    config = load(node(BASE.replace('"tcp:203.0.113.5:5060"', '"udp:203.0.113.5:0", "udp:203.0.113.5:0"')))
    assert [listener.port for listener in config.listeners] == [5060, 0, 0, 5060]


def test_a_policy_is_found_from_the_folder_of_the_node_file(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.toml").write_text('[policy]\nname = "p"\ndefault = { drop = "x" }\n')
    path = tmp_path / "node.toml"
    path.write_text(node(BASE, "policies/p.toml"))
    assert load_config(path).policy.name == "p"


def test_a_policy_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    told = findings(node(BASE, "p.toml"), tmp_path)
    assert told == [
        f"node.toml:3: node.policies: there is no file {tmp_path / 'p.toml'}; "
        "a relative path starts at the folder of the node file"
    ]
    (tmp_path / "p.toml").mkdir()
    assert "is a directory" in findings(node(BASE, "p.toml"), tmp_path)[0]


def test_faults_of_file_and_policy_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[policy]\nname = "p"\ndefault = { rejct = 403 }\n')
    told = findings(node(BASE + "\n[audti]\n", "p.toml"), tmp_path)
    assert [line.partition(" ")[2].partition(":")[0] for line in told] == ["audti", "policy.default.rejct"]


def test_a_test_of_the_policy_that_fails_stops_the_node(tmp_path: Path) -> None:
    """A source without a trunk in the test is who the node file says."""
    policy = """
[policy]
name = "p"
default = { reject = 403 }
[[rule]]
name = "carrier"
when = 'source.trunk == "carrier"'
then = { route = ["pbx"] }
[[test]]
name = "known"
given = { source = "198.51.100.10", realm = "outside", request = "INVITE sip:1@x" }
expect = { rule = "carrier" }
[[test]]
name = "unknown"
given = { source = "198.51.100.11", realm = "outside", request = "INVITE sip:1@x" }
expect = { rule = "carrier" }
"""
    (tmp_path / "p.toml").write_text(policy)
    assert findings(node(BASE, "p.toml"), tmp_path) == [
        f'{tmp_path / "p.toml"}:13: test[2]: the test "unknown" fails: rule: expected "carrier", got "default"; '
        'rule "default" decided; change the test or the rules'
    ]


def test_a_rule_may_not_ask_for_media_that_nobody_relays(tmp_path: Path) -> None:
    policy = """
[policy]
name = "p"
default = { reject = 403 }
[[rule]]
name = "r"
when = 'true'
then = { route = ["pbx"], media = "anchor" }
"""
    (tmp_path / "p.toml").write_text(policy)
    told = findings(node(BASE + '[media]\nmode = "bypass"\n', "p.toml"), tmp_path)
    assert len(told) == 1
    assert "no media engine runs" in told[0]
    assert load(node(BASE + '[media]\nmode = "anchor"\n', "p.toml"), tmp_path).media.mode == "anchor"


def test_example_networks_are_not_private() -> None:
    """Rigs and documents live on RFC 5737 addresses: they stand for public ones."""
    config = load(node(BASE.replace("[realm.inside]", 'advertise = "198.51.100.1"\n[realm.inside]')))
    assert config.realms["outside"].listeners[0].shown_host == "198.51.100.1"


def test_a_trusted_realm_may_be_shown_private_addresses() -> None:
    text = BASE.replace("udp:10.20.0.1:5060", "udp:198.51.100.1:5070")
    config = load(node(text.replace("trusted = true", 'trusted = true\ndomain = "10.20.0.1"')))
    assert config.realms["inside"].domain == "10.20.0.1"


def test_a_private_realm_may_show_private_addresses() -> None:
    config = load(
        node(
            BASE.replace("203.0.113.5", "192.168.1.5").replace(
                "[realm.inside]", 'domain = "192.168.1.5"\n[realm.inside]'
            )
        )
    )
    assert config.realms["outside"].domain == "192.168.1.5"


def test_the_effective_configuration_is_json_with_every_default() -> None:
    shown = json.loads(json.dumps(effective(load(node(BASE)))))
    assert shown["node"]["timers"]["ringing"] == 180
    assert shown["realm"]["outside"]["listen"] == ["udp:203.0.113.5:5060", "tcp:203.0.113.5:5060"]
    assert shown["trunk"]["pbx"]["targets"] == [{"uri": "sip:10.20.0.5:5080", "priority": 1, "weight": 1}]
    assert shown["policy"]["rules"] == ["from outside to the PBX", "from inside to the carrier"]


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read: no such file or directory"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="the file cannot be read: is a directory"):
        load_config(tmp_path)


def mutations() -> st.SearchStrategy[Callable[[str], str]]:
    """Ways to damage a text: cut it, or put something into it."""
    cut = st.integers(0, 600).map(lambda at: lambda text: text[:at] + text[at + 7 :])
    put = st.tuples(
        st.integers(0, 600), st.sampled_from(["[", "]", '"', "=", "1", "x", "{}", "\n", "-", "[[a]]", "\x00"])
    ).map(lambda pair: lambda text: text[: pair[0]] + pair[1] + text[pair[0] :])
    return st.one_of(cut, put)


@settings(max_examples=60, deadline=None)
@given(st.lists(mutations(), min_size=1, max_size=3))
def test_a_damaged_file_loads_or_raises_config_error_only(damages: list[Callable[[str], str]]) -> None:
    text = node(BASE)
    for damage in damages:
        text = damage(text)
    try:
        assert isinstance(load(text), Config)
    except ConfigError as error:
        told = error.findings
        assert told


def test_srtp_of_a_realm_is_read_and_shown() -> None:
    """Without the keys nothing changes: media are in clear."""
    text = BASE.replace("trusted = true", 'trusted = true\nsrtp = "optional"\nsdes_without_tls = true')
    config = load(node(text))
    assert (config.realms["inside"].srtp, config.realms["inside"].sdes_without_tls) == ("optional", True)
    assert config.realms["outside"].srtp == "never"
    assert '"srtp": "optional"' in json.dumps(effective(config))


def test_what_becomes_of_a_refer_is_read_by_trunk_then_realm_then_trust() -> None:
    """Design 3a: refused from untrusted realms unless they say otherwise, terminated from trusted ones."""
    plain = load(node(BASE))
    assert (plain.refer_of("inside", ""), plain.refer_of("outside", "")) == ("terminate", "refuse")
    text = BASE.replace("trusted = true", 'trusted = true\nrefer = "refuse"')
    text = text.replace("[trunk.pbx]", '[trunk.pbx]\nrefer = "bridge"')
    config = load(node(text))
    assert (config.refer_of("inside", ""), config.refer_of("inside", "pbx")) == ("refuse", "bridge")
    assert '"refer": "bridge"' in json.dumps(effective(config))


def test_a_realm_says_how_many_stream_connections_it_takes() -> None:
    text = BASE.replace("trusted = true", "trusted = true\nlimits = { connections_per_source = 7 }")
    config = load(node(text))
    inside, outside = config.realms["inside"], config.realms["outside"]
    assert (inside.connections, inside.connections_per_source) == (16384, 7)
    assert (outside.connections, outside.connections_per_source) == (16384, 512)


def test_nat_of_a_realm_is_read_and_shown() -> None:
    """Peers move where the realm is trusted, unless the file says otherwise."""
    text = BASE.replace("trusted = true", 'trusted = true\nnat = { peers = "always" }')
    config = load(node(text))
    assert config.realms["inside"].nat == Nat("always")
    assert config.realms["inside"].may_roam
    assert not config.realms["outside"].may_roam
    assert '"nat": {"peers": "always", "roam": true' in json.dumps(effective(config))
