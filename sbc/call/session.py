"""Session timers (RFC 4028), for each leg by itself: who refreshes, when, and when a silent peer is given up.

Session-Expires and Min-SE are ours on both legs and never cross. A timer runs only with a peer that supports it; the
others are watched by `Timers.liveness`. Every INVITE and UPDATE answered with 2xx starts it anew (section 7.2 and 9).
"""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call, CallState
from sbc.call.end import hang_up, lose
from sbc.call.exit import Exit
from sbc.call.interval import IN_CALL as IN_CALL
from sbc.call.interval import LEAST, LONGEST, glare_pause
from sbc.call.interval import asked as asked
from sbc.call.interval import learn as learn
from sbc.call.interval import may_retry as may_retry
from sbc.call.parts import NO_FIELDS, Kind, Leg, Outgoing, SessionTimer
from sbc.sip import Fields, Request, Response
from sbc.wire import Now

_BUSY_SECONDS: Final = 2.0
"""A refresh waits this long where another exchange is under way; that one may refresh the session itself."""
_AGAIN_SECONDS: Final = 10.0
"""A refresh that was refused for a reason of the moment is tried again after this."""
SDP_TYPE: Final = "application/sdp"


# As UAS


def refusal(leg: Leg, request: Request) -> Fields:
    """The Min-SE of a 422 where the peer asks for less than we take, empty where it does not (section 9).

    A peer without the extension could do nothing about a 422: its interval, which a proxy wrote, is taken.
    """
    value = request.session_expires
    if value is None or value.seconds >= leg.call.config.timers.min_se or not _supports(leg, request):
        return NO_FIELDS
    return [("Min-SE", str(int(leg.call.config.timers.min_se)))]


def granted(leg: Leg, request: Request, now: Now) -> Fields:
    """Session-Expires for our 2xx to an INVITE or UPDATE, and the timer that it starts (section 9, table 2)."""
    value = request.session_expires
    has_timer = _supports(leg, request)
    style = leg.profile.session_timer
    wanted = int(leg.call.config.timers.session) if style == "offer" else 0
    if style == "off" and not has_timer:
        value = None
    if value is None and not (has_timer and wanted):
        leg.timer = None
        return NO_FIELDS
    least = max(request.min_se or 0, leg.min_se, LEAST)
    seconds = max(wanted, least) if value is None else min(max(value.seconds, LEAST), LONGEST)
    if wanted and seconds > wanted:
        seconds = min(seconds, max(wanted, least))
    refresher = value.refresher if value is not None else ""
    if not has_timer:
        refresher = "uas"
    elif not refresher:
        refresher = "uas" if leg.timer is not None and leg.timer.is_ours else "uac"
    leg.timer = SessionTimer(seconds, refresher == "uas", now.monotonic)
    fields: Fields = [("Session-Expires", f"{seconds};refresher={refresher}")]
    if refresher == "uac":
        fields.append(("Require", "timer"))
    return fields


def _supports(leg: Leg, request: Request) -> bool:
    """Whether the peer has the extension, as far as its profile lets us use it."""
    if leg.profile.session_timer == "off":
        return request.get("Require") is not None and "timer" in request.tokens("Require")
    if request.get("Supported") is None and request.get("Require") is None:
        return False
    return "timer" in request.tokens("Supported") or "timer" in request.tokens("Require")


# The timer


def handle_timer(call: Call, leg: Leg, exit_: Exit, now: Now) -> None:
    """Refresh, or give the peer up: BYE shortly before the session expires (section 10)."""
    timer = leg.timer
    if timer is None or call.state is not CallState.TALKING:
        return
    if timer.end_at <= now.monotonic:
        hang_up(call, exit_, now, "session expired")
    elif timer.refresh_at and timer.refresh_at <= now.monotonic:
        _refresh(call, leg, exit_, now)


def _refresh(call: Call, leg: Leg, exit_: Exit, now: Now, *, is_retry: bool = False, challenged: int = 0) -> None:
    """Our own refresh: UPDATE without SDP where the peer takes it, else a re-INVITE that changes nothing."""
    timer = leg.timer
    if timer is None or leg.dialog is None:
        return
    if not _may_send(call, leg):
        timer.refresh_at = now.monotonic + _BUSY_SECONDS
        return
    timer.refresh_at = 0.0
    if not _send(call, leg, exit_, is_retry, challenged):
        timer.refresh_at = now.monotonic + _AGAIN_SECONDS


def _may_send(call: Call, leg: Leg) -> bool:
    return not call.is_busy and (leg.allows_update or bool(leg.shown))


def readdress(call: Call, leg: Leg, exit_: Exit) -> bool:
    """Tell the peer our new address with a Contact (RFC 3261 section 12.2.1.2); False where that cannot be now."""
    if call.state is not CallState.TALKING or leg.dialog is None or not _may_send(call, leg):
        return False
    return _send(call, leg, exit_)


def _send(call: Call, leg: Leg, exit_: Exit, is_retry: bool = False, challenged: int = 0) -> bool:
    out = Outgoing(Kind.REFRESH, leg, "UPDATE" if leg.allows_update else "INVITE", leg.dialog)
    out.fields = asked(leg)
    out.is_retry, out.challenged = is_retry, challenged
    body = b"" if leg.allows_update else leg.shown
    if out.method == "INVITE":
        call.refresh = out
    if exit_.request(out, None, body, SDP_TYPE if body else ""):
        return True
    call.refresh = None
    return False


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to a refresh of ours."""
    leg, status = out.leg, response.status
    if status < 200 or out.dialog is None:
        return
    if status < 300 and out.method == "INVITE":
        if response.to_tag in out.acks:
            exit_.repeat_ack(out, response.to_tag)
        else:
            exit_.acknowledge(out, out.dialog)
    if out.done:
        return
    out.done = True
    if call.refresh is out:
        call.refresh = None
    if call.is_over:
        return
    if status < 300:
        leg.is_moved = False
        out.dialog.refresh_target(response)
        learn(leg, response, now)
    else:
        _refused(call, out, response, exit_, now)


def _refused(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    leg, status = out.leg, response.status
    timer = leg.timer
    if status in (408, 481):
        lose(call, leg, exit_, now)
    elif timer is None:
        return
    elif may_retry(out, response):
        _refresh(call, leg, exit_, now, is_retry=True)
    elif exit_.answers_challenge(out, response):
        _refresh(call, leg, exit_, now, is_retry=out.is_retry, challenged=out.challenged + 1)
    elif status in (405, 501) and out.method == "UPDATE":
        leg.allows_update = False
        _refresh(call, leg, exit_, now)
    elif status == 491:
        timer.refresh_at = now.monotonic + glare_pause(leg)
    else:
        timer.refresh_at = now.monotonic + _AGAIN_SECONDS
