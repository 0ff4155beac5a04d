"""What the kernel says about addresses, from its own bytes; and asked live in a namespace of the test's own."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from sbc.kernel import Address, Network, NetworkWatch
from tests.rig.namespaces import Namespace, entered, ip_in
from tests.rig.needs import need
from tests.transport.kit import until as happens

NEW_LINK, DEL_LINK, NEW_ADDRESS, DEL_ADDRESS = 16, 17, 20, 21
TENTATIVE = 0x40


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def link(kind: int, index: int, name: str) -> bytes:
    return message(kind, struct.pack("=BBHiII", 0, 0, 1, index, 1, 0) + attribute(3, name.encode() + b"\0"))


def address(kind: int, index: int, host: str, flags: int = 0x80) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host)
    body = struct.pack("=BBBBi", family, 24, flags, 0, index) + attribute(1, packed)
    return message(kind, body + attribute(8, struct.pack("=I", flags)))


class Rig:
    """A watch without a kernel."""

    def __init__(self) -> None:
        self.heard: list[Network] = []
        self.watch = NetworkWatch(self.heard.append)

    def takes(self, *messages: bytes) -> list[Address]:
        self.watch.take(b"".join(messages))
        self.watch._tell()
        return sorted(self.heard[-1].addresses)


def test_addresses_come_and_go_with_their_interface() -> None:
    rig = Rig()
    eth, eth6 = Address("eth0", "192.0.2.5"), Address("eth0", "2001:db8::5")
    assert rig.takes(link(NEW_LINK, 4, "eth0"), address(NEW_ADDRESS, 4, "192.0.2.5")) == [eth]
    assert rig.takes(address(NEW_ADDRESS, 4, "2001:db8::5")) == [eth, eth6]
    assert rig.takes(address(DEL_ADDRESS, 4, "192.0.2.5")) == [eth6]
    assert rig.takes(link(DEL_LINK, 4, "eth0")) == []


def test_a_tentative_address_is_none_yet() -> None:
    """RFC 4862 section 5.4: another host may turn out to have it; binding fails until then."""
    rig = Rig()
    assert rig.takes(link(NEW_LINK, 4, "eth0"), address(NEW_ADDRESS, 4, "2001:db8::5", TENTATIVE)) == []
    assert rig.takes(address(NEW_ADDRESS, 4, "2001:db8::5")) == [Address("eth0", "2001:db8::5")]


def test_what_changes_nothing_is_not_told() -> None:
    rig = Rig()
    rig.takes(link(NEW_LINK, 4, "eth0"), address(NEW_ADDRESS, 4, "192.0.2.5"))
    rig.takes(address(NEW_ADDRESS, 4, "192.0.2.5"), b"\x01")
    assert len(rig.heard) == 1


def test_the_picture_answers_for_hosts_and_interfaces() -> None:
    network = Network([Address("eth0", "fe80::1"), Address("eth0", "2001:db8::5"), Address("eth0", "192.0.2.5")])
    assert (network.has("192.0.2.5"), network.has("127.0.0.9"), network.has("192.0.2.6")) == (True, True, False)
    assert network.of("eth0", ipv6=True) == ["2001:db8::5"]
    assert network.of("eth1", ipv6=False) == []


@pytest.mark.interop
def test_the_kernel_tells_what_there_is_and_what_changes() -> None:
    need("ip")

    async def scenario(namespace: str) -> None:
        heard: list[Network] = []
        watch = NetworkWatch(heard.append)
        with entered(namespace):
            watch.start(asyncio.get_running_loop())

        async def expect_address(address: Address, *, is_there: bool) -> None:
            await happens(lambda: heard and (address in heard[-1].addresses) is is_there)

        vip = Address("eth7", "192.0.2.77")
        await expect_address(Address("lo", "127.0.0.1"), is_there=True)
        ip_in(
            namespace,
            "link add eth7 type veth peer name eth8",
            "link set eth7 up",
            "link set eth8 up",
            "addr add 192.0.2.77/24 dev eth7",
        )
        await expect_address(vip, is_there=True)
        ip_in(namespace, "addr del 192.0.2.77/24 dev eth7")
        await expect_address(vip, is_there=False)
        ip_in(namespace, "addr add 2001:db8::7/64 dev eth7")  # usable once no other host is found to have it
        await expect_address(Address("eth7", "2001:db8::7"), is_there=True)
        watch.close()

    with Namespace("watch") as namespace:
        asyncio.run(scenario(namespace.name))
