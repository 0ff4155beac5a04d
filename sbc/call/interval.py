"""What we ask for in an INVITE or UPDATE, and what its answer starts: the UAC's half of session timers (RFC 4028).

`session` has the other half: what we grant, and what the timer does.
"""

from __future__ import annotations

from typing import Final

from sbc.call.call import CallState
from sbc.call.parts import Leg, Outgoing, SessionTimer
from sbc.media import Side
from sbc.sip import Fields, ParseError, Response
from sbc.wire import Now

IN_CALL: Final = "timer"
"""Supported in requests inside a call: nothing is provisional there."""
LEAST: Final = 90
"""No interval is shorter (section 5)."""
LONGEST: Final = 604800
"""The longest interval that a peer may make us count."""


def asked(leg: Leg, supported: str = IN_CALL) -> Fields:
    """Supported and Session-Expires for an INVITE or UPDATE of ours (section 7.1, 7.4)."""
    profile = leg.profile
    if profile.session_timer == "off" and supported == IN_CALL:
        supported = ""
    fields: Fields = [("Supported", supported)] if supported else []
    timer = leg.timer
    if timer is None:
        wanted = int(leg.call.config.timers.session) if profile.session_timer == "offer" else 0
        if not wanted or leg.call.state is CallState.TALKING:
            return fields
        fields.append(("Session-Expires", str(max(wanted, leg.min_se))))
    else:
        refresher = "uac" if timer.is_ours else "uas"
        fields.append(("Session-Expires", f"{max(timer.interval, leg.min_se)};refresher={refresher}"))
    if leg.min_se > LEAST:
        fields.append(("Min-SE", str(leg.min_se)))
    return fields


def learn(leg: Leg, response: Response, now: Now) -> None:
    """A 2xx to our INVITE or UPDATE (section 7.2): without Session-Expires there is no timer any more."""
    value = response.session_expires
    if value is None or leg.profile.session_timer == "off":
        leg.timer = None
    else:
        seconds = min(max(value.seconds, LEAST), LONGEST)
        leg.timer = SessionTimer(seconds, value.refresher != "uas", now.monotonic)


def may_retry(out: Outgoing, response: Response | None) -> bool:
    """Whether a 422 is worth one more try; the leg then asks for as much as the peer wants (section 7.3)."""
    if response is None or response.status != 422 or out.is_retry:
        return False
    try:
        least = response.min_se
    except ParseError:
        return False
    if least is None or least <= out.leg.min_se or least > LONGEST:
        return False
    out.leg.min_se = least
    return True


def glare_pause(leg: Leg) -> float:
    """Seconds to wait after a 491 (RFC 3261 section 14.1): longer for who chose the Call-ID (we, on B)."""
    draw = leg.call.mint.number(31)
    return 2.1 + draw % 191 / 100 if leg.side is Side.B else draw % 201 / 100
