"""`doctor`'s checks of the network: interfaces, routes to the trunks, ports."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sbc.cli.checks import Check, State

if TYPE_CHECKING:
    from sbc.config import Config, Listener

Route = Callable[[str], tuple[str, str]]
"""From a destination to (interface, source address); raises OSError where there is no route."""


def interfaces() -> dict[str, list[str]]:
    """Addresses by interface, IPv4 then IPv6, zones cut off."""
    import netifaces

    found: dict[str, list[str]] = {}
    for name in netifaces.interfaces():
        families = netifaces.ifaddresses(name)
        entries = [entry for family in (netifaces.AF_INET, netifaces.AF_INET6) for entry in families.get(family, [])]
        found[name] = [str(entry["addr"]).partition("%")[0] for entry in entries if "addr" in entry]
    return found


def check_interfaces(found: dict[str, list[str]], config: Config | None) -> Iterator[Check]:
    """Every interface with its addresses, and every address that the configuration wants to listen on."""
    for name, addresses in found.items():
        yield Check(f"interface {name}", State.OK, ", ".join(addresses) or "no address")
    if config is None:
        return
    present = {address for addresses in found.values() for address in addresses}
    hosts = {listener.host: None for listener in config.listeners}
    for host in hosts:
        if host not in present and not _is_anywhere(host):
            remedy = "a listener waits for it; give an interface this address, or correct `listen` in the node file"
            state = State.WARN if present & hosts.keys() else State.FAIL
            yield Check(f"address {host}", state, "no interface has it", remedy)


def check_routes(config: Config, route: Route) -> Iterator[Check]:
    """Each trunk target with an address: which interface, and whether the realm listens on the source it gives."""
    for trunk in config.trunks.values():
        hosts = {listener.host for listener in config.realms[trunk.realm].listeners}
        for target in trunk.targets:
            address = target.uri.host.strip("[]")
            if not _is_address(address):
                continue
            name = f"route to {trunk.name} {address}"
            try:
                interface, source = route(address)
            except OSError as error:
                yield Check(name, State.FAIL, error.strerror or str(error), "add a route (`ip route add`)")
                continue
            found = f"via {interface}, source {source}"
            if source in hosts or any(_is_anywhere(host) for host in hosts):
                yield Check(name, State.OK, found)
            else:
                remedy = (
                    f"realm {trunk.realm} listens on {', '.join(sorted(hosts))}: check that its packets may leave there"
                )
                yield Check(name, State.WARN, found, remedy)


def kernel_route(address: str) -> tuple[str, str]:
    """The kernel's own answer, over rtnetlink."""
    from pyroute2 import IPRoute, NetlinkError  # type: ignore[import-untyped]

    with IPRoute() as netlink:
        try:
            for answer in netlink.route("get", dst=address):
                links = netlink.get_links(int(answer.get_attr("RTA_OIF")))
                return str(links[0].get_attr("IFLA_IFNAME")), str(answer.get_attr("RTA_PREFSRC"))
        except NetlinkError as error:
            raise OSError(error.code, str(error.args[1])) from error
    raise OSError(errno.ENETUNREACH, "no route")


def check_ports(config: Config, is_running: bool) -> Iterator[Check]:
    """Whether each listener's port is free; those of a running node are its own."""
    for listener in config.listeners:
        name = f"{listener.transport.lower()} {listener.shown_host}:{listener.port}"
        code = bind_error(listener)
        if not code:
            yield Check(name, State.OK, "free")
        elif code == errno.EADDRINUSE and is_running:
            yield Check(name, State.OK, "in use; a node is running on this control socket")
        elif code == errno.EADDRINUSE:
            remedy = f"`ss -lnp sport = :{listener.port}` tells whose it is"
            yield Check(name, State.FAIL, "in use by another process", remedy)
        else:
            yield Check(name, State.FAIL, errno.errorcode.get(code, str(code)), "see the checks above")


def bind_error(listener: Listener) -> int:
    """The errno of binding as this listener would, 0 when it works."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listener.transport == "UDP" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        try:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((listener.host, listener.port))
            if kind == socket.SOCK_STREAM:
                probe.listen(1)  # a port somebody listens on is refused here at the latest
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def is_node_running(control: Path) -> bool:
    """True where something answers on the control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(control))
        except OSError:
            return False
    return True


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_anywhere(host: str) -> bool:
    return host in ("0.0.0.0", "::")
