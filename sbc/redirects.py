"""Where a redirect may lead: back through policy, to places that the operator lists, and never inside or to ourselves.

Whoever answers an INVITE chooses the Contacts of its 3xx. Sent to as they are, they would let it aim this node at any
host that it can reach. So a Contact names a user or number, for which the policy decides as if the caller had asked
for it, and a place that must be a target of the trunk which redirects or stand in its `redirect.hosts`.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

import policies
from sbc.call import Call, Outgoing
from sbc.config import Target, Trunk, proves
from sbc.routing import NextHop
from sbc.sip import Address, ParseError, Request, Uri, parse_uri
from sbc.snapshot import Snapshot
from sbc.views import facts_of, user_of
from sbc.wire import Now

_TRANSPORTS: Final[frozenset[str]] = frozenset({"", "udp", "tcp", "tls"})


class Redirects:
    """Decides on each Contact of a redirect. `counters` tells which were not followed, by reason."""

    __slots__ = ("counters",)

    def __init__(self) -> None:
        self.counters: Final[dict[str, int]] = {}

    def hops(self, call: Call, out: Outgoing, contacts: list[Address], snapshot: Snapshot, now: Now) -> list[NextHop]:
        """The hops to try, in the order of the Contacts; what may not be followed is counted."""
        redirection, trunk = call.redirection, call.config.trunks.get(out.leg.trunk)
        incoming = call.invite_in
        found: list[NextHop] = []
        if redirection is None or trunk is None or incoming is None or incoming.request is None:
            return found
        for contact in contacts:
            if redirection.left <= 0:
                self._refuse("limit")
                break
            hop = self._place(contact.uri, trunk, snapshot)
            if hop is None:
                continue
            user = user_of(contact.uri)
            decision = self._decide(call, incoming.request, user, snapshot, now)
            if decision.reject or decision.drop or trunk.name not in decision.route:
                self._refuse("policy")
                continue
            if incoming.request.uri.scheme == "sips" and hop.transport != "TLS":
                self._refuse("not-secure")  # RFC 5630: never downgraded
                continue
            user = decision.called or user
            if not redirection.note(user, hop):
                self._refuse("loop")
                continue
            redirection.take(hop, user)
            found.append(hop)
        return found

    def _place(self, uri: Uri, trunk: Trunk, snapshot: Snapshot) -> NextHop | None:
        if not uri.is_sip:
            self._refuse("scheme")
            return None
        transport = (uri.param("transport") or "").lower()
        if transport not in _TRANSPORTS:
            self._refuse("transport")
            return None
        port = f":{uri.port}" if uri.port else ""
        tail = f";transport={transport}" if transport else ""
        try:
            hop = NextHop(trunk.name, trunk.realm, Target(parse_uri(f"{uri.scheme}:{uri.host}{port}{tail}")))
        except ParseError:
            self._refuse("host")
            return None
        if _is_ours(hop, snapshot):
            self._refuse("own-address")
        elif _is_target(hop, trunk):
            return hop
        elif _is_of_another_realm(hop, trunk, snapshot):
            self._refuse("other-realm")
        elif not _is_listed(hop, trunk):
            self._refuse("host")
        else:
            return hop
        return None

    def _decide(self, call: Call, request: Request, user: str, snapshot: Snapshot, now: Now) -> policies.Decision:
        """What the policy says to the caller's request for this user, at the address that the caller knows us by.

        The call of a transfer is the asker's, as it was when it was placed.
        """
        leg = call.caller_leg if call.behalf is None else call.behalf.leg
        uri = f"sip:{user}@{leg.realm.domain}" if user else f"sip:{leg.realm.domain}"
        asked = Request(request.method, uri, request.fields)
        flow = leg.flow
        source = snapshot.router.identify(leg.listener, flow.host, flow.port, flow.names)
        return policies.evaluate(snapshot.config.policy, facts_of(asked, source, flow), now.wall)

    def _refuse(self, reason: str) -> None:
        name = f"redirect.{reason}"
        self.counters[name] = self.counters.get(name, 0) + 1


def _is_ours(hop: NextHop, snapshot: Snapshot) -> bool:
    """True for an address of this node, whatever the transport or port says: nobody else answers there for it."""
    if any(hop.host == host and hop.port == port for _, host, port in snapshot.own):
        return True
    host = hop.host.lower()
    realms = snapshot.config.realms.values()
    return any(host in (realm.domain.lower(), _advertised(realm.listeners[0].shown_host)) for realm in realms)


def _advertised(host: str) -> str:
    return "" if host[:1] == "[" or host.replace(".", "").isdigit() else host.lower()


def _is_of_another_realm(hop: NextHop, trunk: Trunk, snapshot: Snapshot) -> bool:
    """True for a host that is a target, a source or a listener of another realm."""
    config = snapshot.config
    for listener in config.listeners:
        if listener.realm != trunk.realm and (
            listener.host == hop.host or not snapshot.router.identify(listener, hop.host).is_stranger
        ):
            return True
    others = [other for other in config.trunks.values() if other.realm != trunk.realm]
    return any(target.uri.host.strip("[]").lower() == hop.host.lower() for other in others for target in other.targets)


def _is_target(hop: NextHop, trunk: Trunk) -> bool:
    for target in trunk.targets:
        known = NextHop(trunk.name, trunk.realm, target)
        if (known.host.lower(), known.port, known.transport) == (hop.host.lower(), hop.port, hop.transport):
            return True
    return False


def _is_listed(hop: NextHop, trunk: Trunk) -> bool:
    """True for what the trunk's `redirect.hosts` names: hosts, `*.` names, networks."""
    if not hop.is_address:
        return proves((hop.host.lower(),), tuple([host for host in trunk.redirect.hosts if "/" not in host]))
    address = ip_address(hop.host)
    return any(address in ip_network(network) for network in trunk.redirect.hosts if "/" in network)
