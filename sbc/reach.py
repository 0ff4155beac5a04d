"""Who may speak in a dialog, and where requests of ours in it go (ADR 8).

A peer is known by the flow at which it was seen last; its Contact and Record-Route are its own words. Those are
followed as far as they lead to the peer itself, to an address of its trunk, or to a place of nobody we know.
"""

from __future__ import annotations

from sbc.call import Leg
from sbc.config import Listener
from sbc.dialog import Dialog
from sbc.locating import Locations, sought_on
from sbc.routing import Place, is_address, is_unroutable, places, plain_host
from sbc.sip import Uri
from sbc.snapshot import Snapshot, wanted_names
from sbc.wire import Flow

_TLS = frozenset({"TLS", "WSS"})


def may_speak(snapshot: Snapshot, leg: Leg, dialog: Dialog, flow: Flow, known: Locations, now: float) -> bool:
    """Whether a request with this dialog's tags, which came by `flow`, is its peer's.

    From the host where the peer was seen, any port (a NAT may forget its mapping); from its trunk; from the host of its
    next hop where that is a place it may name; from anywhere in a realm whose peers roam. Never in clear in a dialog
    that is spoken by TLS: whoever reads the one cannot read the other.
    """
    seen = dialog.flow
    if is_known(snapshot, leg, seen, flow):
        return True
    trunk = snapshot.config.trunks.get(leg.trunk)
    if (seen.transport in _TLS and flow.transport not in _TLS) or (trunk is not None and trunk.tls_names):
        return False
    uri = dialog.next_hop()
    if flow.host != plain_host(uri.host):
        located = known.find(sought_on(leg, uri, dialog), now)
        if located is None or flow.host not in [place.host for place in places(located.servers, _first)]:
            return False
    return permits(snapshot, leg, seen, flow.host, uri.port or 5060)


def is_known(snapshot: Snapshot, leg: Leg, seen: Flow, flow: Flow) -> bool:
    """Whether a flow is that of a leg's peer, last seen at `seen`, by anything but the peer's own word."""
    if seen.transport in _TLS and flow.transport not in _TLS:
        return False
    trunk = snapshot.config.trunks.get(leg.trunk)
    if flow.host == seen.host and (trunk is None or not trunk.tls_names):
        return True
    if leg.realm.may_roam or (flow.connection and flow.connection == seen.connection):
        return True
    if trunk is None:
        return False
    listener = snapshot.config.listeners[flow.listener]
    return snapshot.router.identify(listener, flow.host, flow.port, flow.names).trunk == leg.trunk


def may_name(snapshot: Snapshot, leg: Leg, flow: Flow, is_registered: bool) -> bool:
    """Whether who speaks by `flow`, as the leg's own trunk, may act on the leg's dialog from outside of it (RFC 3891,
    RFC 4538): tags alone prove nothing. `is_registered`: a registrar has taken a phone at that host.
    """
    seen = leg.flow if leg.dialog is None else leg.dialog.flow
    if leg.trunk or is_known(snapshot, leg, seen, flow):
        return True
    return is_registered and (seen.transport not in _TLS or flow.transport in _TLS)


def note_seen(leg: Leg, dialog: Dialog, flow: Flow) -> None:
    """A request of the dialog's peer was accepted from here: this is where the peer is now."""
    if flow != dialog.flow:
        dialog.flow = flow
        if dialog is leg.dialog:
            leg.flow = flow


def bound_flow(snapshot: Snapshot, leg: Leg, dialog: Dialog, uri: Uri) -> Flow | None:
    """The flow by which a request to `uri`, the dialog's next hop, must go; None: to the URI, as the peer asks.

    A name is allowed here unless another realm has it; its addresses are to be judged by `permits`.
    """
    seen = dialog.flow
    if not dialog.has_target and not dialog.route_set:
        return seen
    if uri.host == seen.host and uri.port == seen.port and not seen.connection:
        return None  # as nearly always: what it says is where it is
    if seen.connection and leg.realm.nat.peers == "always":
        return seen  # a trunk's too: behind a tunnel or a terminator of TLS its Contact leads nowhere
    host = plain_host(uri.host)
    port = uri.port or (5061 if uri.scheme == "sips" else 5060)
    if not permits(snapshot, leg, seen, host, port):
        return seen
    if seen.connection and not leg.trunk and leg.realm.nat.peers != "never" and host == seen.host:
        return seen  # the peer opened it; to its port of the Contact nobody may get through
    return None


def past_flow(snapshot: Snapshot, leg: Leg, listener: Listener, uri: Uri, bound: Flow) -> Flow | None:
    """The way to a URI should the connection that the peer opened be lost; None where it cannot be told, or taken."""
    host = plain_host(uri.host)
    port = uri.port or (5061 if listener.transport == "TLS" else 5060)
    if not is_address(host) or not permits(snapshot, leg, bound, host, port):
        return None
    names = wanted_names(leg.call.config, leg.trunk, listener, host)
    return Flow(listener.index, listener.transport, host, port, 0, names)


def permits(snapshot: Snapshot, leg: Leg, seen: Flow, host: str, port: int) -> bool:
    """Whether a request in a dialog may, and should, go to this host and port because its peer says so."""
    realm = leg.realm
    borders = snapshot.borders
    if not realm.trusted and borders.is_foreign(realm.name, host, port):
        return False
    if host == seen.host and realm.nat.peers != "always":
        return True
    if not is_address(host):
        if host.replace(".", "").isdigit():
            return False  # `127.1` and `2130706433` are addresses to some, and names to nobody
        return realm.nat.peers != "always" or _is_target(snapshot, leg, host)
    trunk = snapshot.router.trunk_at(realm.name, host)
    if trunk and trunk == leg.trunk:
        return True
    if realm.nat.peers == "always":
        return False
    if realm.trusted:
        return realm.nat.peers == "never" or not is_unroutable(host) or is_unroutable(seen.host)
    # Another trunk takes a request of ours for one that we mean: nobody may address it through us.
    return not trunk and not borders.is_beyond(realm.name, host)


def fit_places(snapshot: Snapshot, leg: Leg, dialog: Dialog, found: list[Place]) -> list[Place]:
    """Of the places that the name of a dialog's next hop leads to, those where its peer may send us."""
    return [place for place in found if permits(snapshot, leg, dialog.flow, place.host, place.port)]


def is_at_trunk(snapshot: Snapshot, leg: Leg, host: str) -> bool:
    """Whether an address is one of the leg's trunk itself, and nobody's behind it to whom a dialog leads."""
    return bool(leg.trunk) and (
        snapshot.router.trunk_at(leg.realm.name, host) == leg.trunk or _is_target(snapshot, leg, host)
    )


def _is_target(snapshot: Snapshot, leg: Leg, host: str) -> bool:
    trunk = snapshot.config.trunks.get(leg.trunk)
    return trunk is not None and any(target.uri.host == host for target in trunk.targets)


def _first(bound: int) -> int:
    return 0
