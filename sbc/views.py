"""What others see of the engine's inside: rows for operators, facts for policies."""

from __future__ import annotations

from typing import Final

import policies
from sbc.call import Call, Leg
from sbc.routing import Source
from sbc.sip import Request, Uri, plain_user
from sbc.wire import Flow, Now

_DIGITS: Final[frozenset[str]] = frozenset("+0123456789*#ABCDEFabcdef-.()")


def user_of(uri: Uri) -> str:
    """The user part of a SIP URI, or the number of a tel URI, as policies see it and as it is sent on.

    Without user parameters (trunk groups and contexts, RFC 4904) and password; needless escapes are resolved, so that
    `%30` is the `0` that the next hop takes it for (RFC 3261 section 19.1.4). Nothing where a tel URI has no number.
    """
    if not uri.is_sip:
        number = uri.opaque.partition(";")[0]
        return number if _DIGITS.issuperset(number) else ""
    user = uri.user
    if ";" in user or ":" in user:
        user = user.partition(";")[0].partition(":")[0]
    return plain_user(user) if "%" in user else user


def facts_of(request: Request, source: Source, flow: Flow) -> policies.Facts:
    """What a policy may know of a request."""
    return policies.Facts(
        policies.Source(source.realm, source.trunk, source.address, flow.port, flow.transport),
        policies.Message(
            request.method,
            _party(request.uri),
            _party(request.from_address.uri),
            _party(request.to_address.uri),
            request.get("User-Agent") or "",
        ),
    )


def unproved(source: Source, flow: Flow) -> str:
    """What to say of a stranger that came with a certificate: which names did not make it a trunk."""
    if not flow.names or not source.is_stranger:
        return ""
    return f"; its certificate is for {', '.join(flow.names[:4])}"[:200]


def _party(uri: Uri) -> policies.Party:
    return policies.Party(user_of(uri), uri.host, uri.scheme)


def call_row(call: Call, now: Now) -> dict[str, object]:
    """One line of `sbc calls`; ages in seconds."""
    return {
        "id": call.id,
        "state": call.state.value,
        "caller": call.caller,
        "callee": call.called,
        "ingress": call.a.realm.name if call.a else "",
        "egress": call.b.realm.name if call.b else "",
        "trunk": call.b.trunk if call.b else "",
        "rule": call.rule,
        "media": call.mode,
        "age": round(now.monotonic - call.start.monotonic, 3),
        "talking": round(now.wall - call.answer_wall, 3) if call.answer_wall else 0.0,
    }


def leg_row(leg: Leg, now: Now) -> dict[str, object]:
    """One leg in `sbc calls show`."""
    dialog = leg.dialog
    return {
        "side": leg.side.name,
        "realm": leg.realm.name,
        "trunk": leg.trunk,
        "listener": leg.listener.shown,
        "peer": f"{leg.flow.host}:{leg.flow.port}",
        "call_id": leg.call_id,
        "dialog": dialog.state.value if dialog else "none",
        "local_tag": dialog.local_tag if dialog else leg.local_tag,
        "remote_tag": dialog.remote_tag if dialog else "",
        "remote_target": dialog.remote_target if dialog else "",
        "awaits_ack": leg.answer is not None,
        "silent_for": round(now.monotonic - leg.heard, 3) if leg.heard else None,
    }
