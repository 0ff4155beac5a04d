"""What we say of ourselves to a peer: methods and extensions, less those that its profile leaves out."""

from __future__ import annotations

from functools import cache

from sbc.call.parts import Leg
from sbc.firewall import ALLOW, SUPPORTED


def allow_of(leg: Leg | None) -> str:
    """Allow (RFC 3261 section 20.5)."""
    return ALLOW if leg is None or leg.profile.update != "never" else _without(ALLOW, ("UPDATE",))


def supported_of(leg: Leg | None, is_reliable: bool = True) -> str:
    """Supported (section 20.37); `is_reliable`: provisional responses of the peer would be acknowledged."""
    if leg is None:
        return SUPPORTED
    profile = leg.profile
    left_out: tuple[str, ...] = () if is_reliable and profile.reliable != "off" else ("100rel",)
    if profile.session_timer == "off":
        left_out += ("timer",)
    if profile.replaces == "refuse":
        left_out += ("replaces",)
    return _without(SUPPORTED, left_out) if left_out else SUPPORTED


@cache
def _without(listed: str, left_out: tuple[str, ...]) -> str:
    return ", ".join([word for word in listed.split(", ") if word not in left_out])
