"""Listeners follow the machine's addresses: what becomes of each, and what the log says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from policies import Action, Document
from sbc.config import Config, Listener, Realm
from sbc.kernel import Address, Network
from sbc.supervisor import following
from sbc.supervisor.following import NO_ADDRESS, Following, followed
from sbc.supervisor.ports import keep_ports, without
from tests.node.fakes import FakeLogger

VIP = Listener(0, "outside", "UDP", "192.0.2.77", 5060)
NAMED = Listener(1, "outside", "UDP", "192.0.2.5", 5060, "eth0")
SIX = Listener(2, "outside", "UDP", "2001:db8::5", 5060, "eth0")
HOME = [Address("lo", "127.0.0.1"), Address("eth0", "192.0.2.5"), Address("eth0", "2001:db8::5")]


def network(*hosts: str, interface: str = "eth0") -> Network:
    return Network([Address(interface, host) for host in hosts])


@pytest.mark.parametrize(
    ("before", "now", "is_up", "why"),
    [
        (("192.0.2.77",), ("192.0.2.77",), True, ""),
        (("192.0.2.77",), (), False, NO_ADDRESS),
        ((), ("192.0.2.77",), True, ""),
        ((), (), True, ""),  # bound though nobody lists it: local by a route
        (None, (), True, ""),
    ],
)
def test_a_listener_written_as_an_address_is_up_or_waits_for_it(
    before: tuple[str, ...] | None, now: tuple[str, ...], is_up: bool, why: str
) -> None:
    found, reason = followed(VIP, None if before is None else network(*before), network(*now))
    assert (found, reason) == (replace(VIP, is_up=is_up), why)


def test_a_listener_that_waits_goes_on_waiting_where_something_else_changes() -> None:
    down = replace(VIP, is_up=False)
    assert followed(down, network(), network("192.0.2.9")) == (down, NO_ADDRESS)


@pytest.mark.parametrize(
    ("now", "host", "is_up", "why"),
    [
        (("192.0.2.5", "192.0.2.6"), "192.0.2.5", True, ""),  # keeps what it has while a VIP moves in beside it
        (("192.0.2.6",), "192.0.2.6", True, ""),
        (("192.0.2.6", "192.0.2.7"), "192.0.2.5", False, "interface eth0 has 192.0.2.6, 192.0.2.7: which?"),
        (("2001:db8::9",), "192.0.2.5", False, "interface eth0 has no address"),
    ],
)
def test_a_listener_written_as_an_interface_takes_the_only_address_of_its_family(
    now: tuple[str, ...], host: str, is_up: bool, why: str
) -> None:
    found, reason = followed(NAMED, network("192.0.2.5"), network(*now))
    assert (found, reason) == (replace(NAMED, host=host, is_up=is_up), why)


def test_the_address_of_another_interface_is_not_its_own() -> None:
    found, _ = followed(NAMED, network("192.0.2.5"), network("192.0.2.5", interface="eth1"))
    assert not found.is_up


def config(*listeners: Listener, domain: str = "192.0.2.77") -> Config:
    realm = Realm("outside", listeners, domain)
    policy = Document(name="none", default=Action(reject=403))
    return Config(name="test", realms={"outside": realm}, trunks={}, listeners=listeners, policy=policy)


class Rig:
    """What follows, with transports that note what they are told."""

    def __init__(self, *listeners: Listener) -> None:
        self.config = config(*listeners, domain=listeners[0].shown_host)
        self.applied: list[Config] = []
        self.rebound: list[tuple[Listener, str]] = []
        self.failure = ""
        self.logger = FakeLogger()
        self.following = Following(lambda: self.config, self.apply, self, self.logger)

    def apply(self, config: Config) -> None:
        self.config = config
        self.applied.append(config)

    async def rebind(self, listener: Listener, why: str) -> str:
        self.rebound.append((listener, why))
        return self.failure if listener.is_up else ""

    def sees(self, *addresses: Address) -> list[str]:
        """The network is like this now; the lines that this is worth."""
        self.logger.lines.clear()
        asyncio.run(self.following.follow(Network(addresses)))
        return self.logger.events()


def test_a_vip_moves_out_and_in_again() -> None:
    rig = Rig(VIP, replace(NAMED, index=1))
    vip = Address("eth0", "192.0.2.77")
    assert rig.sees(*HOME, vip) == []
    assert rig.sees(*HOME) == ["address removed", "listener down"]
    assert rig.rebound == [(replace(VIP, is_up=False), NO_ADDRESS)]
    assert [one.is_up for one in rig.applied[-1].realms["outside"].listeners] == [False, True]
    assert rig.sees(vip, *HOME) == ["address added", "listener up"]
    assert rig.rebound[-1] == (VIP, "")
    assert rig.config.listeners == (VIP, NAMED)
    assert rig.sees(vip, *HOME) == []
    assert len(rig.applied) == 2


def test_a_listener_follows_its_interface_and_the_realm_is_shown_by_the_new_address() -> None:
    named = replace(NAMED, index=0)
    rig = Rig(named, replace(SIX, index=1))
    rig.sees(*HOME)
    events = rig.sees(HOME[0], Address("eth0", "192.0.2.6"), HOME[2])
    assert events == ["address added", "address removed", "listener moved"]
    assert rig.rebound == [(replace(named, host="192.0.2.6"), "")]
    assert rig.config.listeners[0].shown == "192.0.2.6:5060"
    assert rig.config.realms["outside"].domain == "192.0.2.6"


def test_a_socket_that_cannot_be_had_is_told_and_tried_again_at_the_next_change() -> None:
    rig = Rig(replace(VIP, is_up=False), replace(NAMED, index=1))
    vip = Address("eth0", "192.0.2.77")
    rig.sees(*HOME)
    rig.failure = "cannot listen: another process has this port"
    assert rig.sees(*HOME, vip) == ["address added", "listener down"]
    assert rig.logger.lines[-1][2]["why"] == rig.failure
    assert rig.applied == []
    rig.failure = ""
    assert rig.sees(*HOME, vip, Address("eth0", "192.0.2.8")) == ["address added", "listener up"]


def test_a_port_that_somebody_else_has_is_tried_until_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the network changes when it is: nobody would look. It is told of once."""
    monkeypatch.setattr(following, "AGAIN", 0)
    rig = Rig(replace(VIP, is_up=False))
    rig.failure = "cannot listen: another process has this port"

    async def try_it() -> None:
        rig.following.hear(Network((*HOME, Address("eth0", "192.0.2.77"))))
        task = asyncio.ensure_future(rig.following.run())
        await until(lambda: len(rig.rebound) > 3)
        rig.failure = ""
        await until(lambda: rig.config.listeners[0].is_up)
        tries = len(rig.rebound)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(rig.rebound) == tries
        task.cancel()

    asyncio.run(try_it())
    assert rig.logger.events() == ["listener down", "listener up"]


async def until(is_so: Callable[[], bool]) -> None:
    """Turns of the loop until it is, two thousand at the most."""
    for _ in range(2000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it is not so")


def test_a_reload_keeps_what_became_of_addresses_since() -> None:
    named = replace(NAMED, index=1)
    running = config(replace(VIP, is_up=False), replace(named, host="192.0.2.6"))
    assert keep_ports(config(VIP, named), running).listeners == running.listeners
    other = replace(VIP, host="192.0.2.99")
    assert keep_ports(config(other, named), running).listeners[0] == other


def test_listeners_that_could_not_be_opened_are_marked() -> None:
    assert [one.is_up for one in without(config(VIP, NAMED), frozenset([1])).listeners] == [True, False]
