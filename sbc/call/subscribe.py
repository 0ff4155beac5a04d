"""Subscriptions through us (RFC 6665): SUBSCRIBE toward the notifier, NOTIFY toward the subscriber, until either ends.

The subscriber sees a notifier in us, the notifier a subscriber; each has dialogs of its own with us. Expiry is bounded
here, bodies are rewritten for the side that gets them, and a notifier that falls silent is made up for.
"""

from __future__ import annotations

from typing import Final

from sbc.call.call import Call
from sbc.call.exit import Exit
from sbc.call.forks import MAX_FORKS
from sbc.call.outside import reach, seconds_of
from sbc.call.parts import Incoming, Kind, Leg, Outgoing
from sbc.call.relay import MAX_RELAYS, RELAY_SECONDS, settle
from sbc.call.setup import be_patient, has_other
from sbc.call.subscription import GRACE, Subscription, Watch
from sbc.dialog import Dialog, DialogState
from sbc.media import Side
from sbc.sip import Fields, ParseError, Request, Response, parse_subscription_state
from sbc.topology import PACKAGES
from sbc.wire import Now

ALLOW_EVENTS: Final = ", ".join(sorted(PACKAGES))
DEFAULT_SECONDS: Final = 3600
_BAD_EVENT: Final[Fields] = [("Allow-Events", ALLOW_EVENTS)]
_ENDS: Final[frozenset[int]] = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"""Answers to a refresh after which the subscription is gone (RFC 6665 section 4.1.2.2, RFC 5057 section 5.1)."""


def begin(call: Call, request: Request, exit_: Exit, now: Now) -> bool:
    """Send a subscriber's first SUBSCRIBE on; False where it was refused."""
    incoming = call.invite_in
    assert incoming is not None
    event = request.event
    types = PACKAGES.get(event.package, ()) if event is not None else ()
    if event is None or not types:
        exit_.respond(incoming, 489, extra=_BAD_EVENT)
        return False
    accepted = _accepted(request, types)
    if not accepted:
        exit_.respond(incoming, 406, extra=[("Accept", ", ".join(types))])
        return False
    if request.body:
        exit_.respond(incoming, 415, extra=[("Accept", ", ".join(types))])  # filters (RFC 4660) are not relayed
        return False
    leg, hop = reach(call, exit_)
    if leg is None and hop is not None:
        return True  # goes on by `resume`
    if leg is None:
        exit_.respond(incoming, 503, extra=[("Retry-After", "30")])
        return False
    call.b = leg
    seconds = min(seconds_of(request.get("Expires"), DEFAULT_SECONDS), int(call.config.timers.subscription))
    seed = Dialog(leg.call_id, leg.local_tag, "", leg.local_uri, leg.remote_uri, leg.flow)
    until = now.monotonic + 64 * call.config.timers.t1
    call.subscription = Subscription(event.package, _event(event.package, event.id), request, seconds, seed, until)
    exit_.track(seed, leg)
    out = Outgoing(Kind.EVENT, leg, "SUBSCRIBE")
    out.incoming, out.hop = incoming, hop
    out.fields = [("Event", event.package), ("Expires", str(seconds)), ("Accept", ", ".join(accepted))]
    if not _send(call, out, request, exit_, now):
        _end(call, exit_)
        return False
    out.deadline = call.start.monotonic + RELAY_SECONDS
    be_patient(call, out, exit_, now)
    exit_.respond(incoming, 100)  # held by the transaction until 3.5 s (RFC 4320 section 4.1)
    return True


def moves_on(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit, now: Now) -> bool:
    """Whether a first SUBSCRIBE goes to the next place or target instead of failing; it is sent then.

    A notifier that has said something is not left. One that was only late finds its NOTIFY answered with 481, which
    ends its subscription (RFC 6665 section 4.2.2).
    """
    subscription, incoming = call.subscription, call.invite_in
    if subscription is None or subscription.watches or out.dialog is not None or out.hop is None or out.done:
        return False
    if incoming is None or incoming.request is None or not has_other(call, out, status, response):
        return False
    out.done = True
    out.incoming = None
    if out in call.relays:
        call.relays.remove(out)
    exit_.health(out.hop, status not in (408, 503))
    exit_.forget(subscription.seed)
    call.subscription = None
    if not begin(call, incoming.request, exit_, now) and not call.relays:
        exit_.ended(call)
    return True


def _event(package: str, id_: str) -> str:
    return f"{package};id={id_}" if id_ else package


def _accepted(request: Request, types: tuple[str, ...]) -> list[str]:
    """Of the bodies that we can show, those that the subscriber takes; all where it does not say (section 3.1.3)."""
    if request.get("Accept") is None:
        return list(types)
    wanted = [kind.partition(";")[0].strip().lower() for kind in request.tokens("Accept")]
    return [kind for kind in types if kind in wanted or "*/*" in wanted or f"{kind.partition('/')[0]}/*" in wanted]


def _send(call: Call, out: Outgoing, crossing: Request | None, exit_: Exit, now: Now) -> bool:
    """Send a request on behalf of `out.incoming`; where the audit withholds it, that gets 500."""
    out.deadline = now.monotonic + RELAY_SECONDS
    call.relays.append(out)
    forwards = crossing.max_forwards if crossing is not None else None
    body, kind = b"", ""
    if crossing is not None and crossing.body:
        found = exit_.body(out.leg, crossing)
        body, kind = found if found is not None else (b"", "")
    if exit_.request(out, crossing, body, kind, 70 if forwards is None else forwards - 1):
        return True
    call.relays.remove(out)
    if out.incoming is not None:
        exit_.respond(out.incoming, 500)
    return False


def notifier(call: Call, leg: Leg, request: Request, exit_: Exit, now: Now) -> Dialog | None:
    """The dialog that a NOTIFY makes which comes before the 2xx, or from a further fork (section 4.4.1)."""
    subscription = call.subscription
    if subscription is None or leg.side is not Side.B or subscription.request is None:
        return None
    if now.monotonic >= subscription.forks_until:
        return None
    try:
        dialog = Dialog.uas(request, leg.local_tag, leg.flow)
    except ParseError:
        return None
    dialog.local_cseq = leg.cseq
    dialog.remote_cseq = -1
    watch = _watch(call, subscription, leg, dialog, exit_, now)
    return watch.dialog if watch is not None else None


def _watch(call: Call, subscription: Subscription, leg: Leg, dialog: Dialog, exit_: Exit, now: Now) -> Watch | None:
    request = subscription.request
    if request is None or len(subscription.watches) >= MAX_FORKS:
        return None
    a_leg = call.caller_leg
    own_tag = a_leg.local_tag if not subscription.watches else call.mint.tag()
    a_dialog = Dialog.uas(request, own_tag, a_leg.flow)
    dialog.state = a_dialog.state = DialogState.CONFIRMED
    watch = Watch(dialog, a_dialog, now.monotonic + subscription.seconds + GRACE)
    subscription.watches.append(watch)
    exit_.track(dialog, leg)
    exit_.track(a_dialog, a_leg)
    return watch


def receive_request(call: Call, leg: Leg, incoming: Incoming, exit_: Exit, now: Now) -> None:
    """A request in one of the subscription's dialogs."""
    request, subscription = incoming.request, call.subscription
    assert request is not None and subscription is not None
    found = subscription.find(request.to_tag, request.from_tag)
    if found is None:
        exit_.respond(incoming, 481)
        return
    watch, is_notifier = found
    if len(call.relays) >= MAX_RELAYS:
        exit_.respond(incoming, 503, extra=[("Retry-After", "1")])
    elif is_notifier and request.method == "NOTIFY":
        _notify(call, subscription, watch, incoming, request, exit_, now)
    elif not is_notifier and request.method == "SUBSCRIBE":
        _refresh(call, subscription, watch, incoming, request, exit_, now)
    else:
        exit_.respond(incoming, 481 if request.method == "BYE" else 405)


def _notify(
    call: Call,
    subscription: Subscription,
    watch: Watch,
    incoming: Incoming,
    request: Request,
    exit_: Exit,
    now: Now,
) -> None:
    event = request.event
    try:
        state = parse_subscription_state(request.get("Subscription-State") or "")
    except ParseError:
        exit_.respond(incoming, 400)
        return
    if event is None or event.package != subscription.package or event.id or watch.is_over:
        exit_.respond(incoming, 481)
        return
    a_leg = call.caller_leg
    is_last = state.state == "terminated"
    if request.body and not is_last and exit_.body(a_leg, request) is None:
        exit_.respond(incoming, 415, extra=[("Accept", ", ".join(PACKAGES[subscription.package]))])
        return
    watch.is_notified = True
    watch.dialog.refresh_target(request)
    shown = state.state if state.state in ("active", "pending") else "terminated"
    left = watch.until - GRACE - now.monotonic
    if not is_last:
        if state.expires is not None:
            left = min(left, float(state.expires))
        shown += f";expires={max(0, int(left))}"
    else:
        watch.is_over = True
        watch.until = now.monotonic + GRACE
        shown += _reason(state.reason, state.retry_after)
    out = Outgoing(Kind.EVENT, a_leg, "NOTIFY", watch.a_dialog)
    out.incoming = incoming
    out.fields = [("Event", subscription.event), ("Subscription-State", shown)]
    _send(call, out, request, exit_, now)


_REASONS: Final[frozenset[str]] = frozenset(
    {"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}
)


def _reason(reason: str, retry_after: int | None) -> str:
    shown = f";reason={reason}" if reason in _REASONS else ""
    return shown if retry_after is None else f"{shown};retry-after={retry_after}"


def _refresh(
    call: Call,
    subscription: Subscription,
    watch: Watch,
    incoming: Incoming,
    request: Request,
    exit_: Exit,
    now: Now,
) -> None:
    event = request.event
    if event is None or _event(event.package, event.id) != subscription.event or watch.is_over:
        exit_.respond(incoming, 481)
        return
    assert call.b is not None
    seconds = min(seconds_of(request.get("Expires"), DEFAULT_SECONDS), int(call.config.timers.subscription))
    out = Outgoing(Kind.EVENT, call.b, "SUBSCRIBE", watch.dialog)
    out.incoming = incoming
    out.fields = [("Event", subscription.package), ("Expires", str(seconds))]
    out.fields.append(("Accept", ", ".join(PACKAGES[subscription.package])))
    if _send(call, out, request, exit_, now):
        exit_.respond(incoming, 100)


def receive_response(call: Call, out: Outgoing, response: Response, exit_: Exit, now: Now) -> None:
    """A response to a SUBSCRIBE or NOTIFY of ours."""
    if response.status < 200 or out.done:
        return
    if call.subscription is None:
        settle(call, out, response.status, response, exit_)
    elif out.method == "NOTIFY":
        _notified(call, out, response.status, response, exit_)
    elif out.dialog is not None:
        _refreshed(call, call.subscription, out, response, exit_, now)
    elif response.status < 300 or not moves_on(call, out, response.status, response, exit_, now):
        _subscribed(call, call.subscription, out, response, exit_, now)


def receive_timeout(call: Call, out: Outgoing, status: int, exit_: Exit, now: Now) -> None:
    """Nobody answered, or it could not be sent: a NOTIFY that is lost ends its subscription (section 4.2.2)."""
    if out.dialog is None and out.incoming is None:
        return  # another one was asked long since
    if moves_on(call, out, status, None, exit_, now):
        return
    if call.subscription is None:
        settle(call, out, status, None, exit_)
    elif out.method == "NOTIFY":
        _notified(call, out, 481, None, exit_)
    else:
        settle(call, out, status, None, exit_)
        if out.dialog is None:
            _end(call, exit_)


def _notified(call: Call, out: Outgoing, status: int, response: Response | None, exit_: Exit) -> None:
    subscription = call.subscription
    assert subscription is not None
    settle(call, out, status, response, exit_)
    for watch in list(subscription.watches):
        # A poll may be over before its 2xx comes (section 4.4.3): what is over is remembered until then.
        if watch.a_dialog is out.dialog and (status in _ENDS or (watch.is_over and subscription.is_confirmed)):
            _drop(call, subscription, watch, exit_)


def _subscribed(
    call: Call, subscription: Subscription, out: Outgoing, response: Response, exit_: Exit, now: Now
) -> None:
    leg = out.leg
    if response.status >= 300:
        # Section 4.1.2.1: there is no subscription then, whatever a NOTIFY has said before; the next one gets 481.
        settle(call, out, response.status, response, exit_)
        _end(call, exit_)
        return
    seconds = min(seconds_of(response.get("Expires"), subscription.seconds), subscription.seconds)
    watch = None
    for known in subscription.watches:
        if known.dialog.remote_tag == response.to_tag:
            watch = known
    if watch is None and out.flow is not None:
        dialog = Dialog.uac(leg.call_id, leg.local_tag, leg.local_uri, leg.remote_uri, out.cseq, response, out.flow)
        watch = _watch(call, subscription, leg, dialog, exit_, now)
    if watch is not None:
        watch.until = min(watch.until, now.monotonic + seconds + GRACE)
        if out.incoming is not None:
            out.incoming.local_tag = watch.a_dialog.local_tag
    _accept(call, out, response, seconds, exit_)
    subscription.is_confirmed = True


def _refreshed(
    call: Call, subscription: Subscription, out: Outgoing, response: Response, exit_: Exit, now: Now
) -> None:
    for watch in list(subscription.watches):
        if watch.dialog is not out.dialog:
            continue
        request = out.incoming.request if out.incoming is not None else None
        if response.status < 300:
            asked = int(dict(out.fields)["Expires"])
            seconds = min(seconds_of(response.get("Expires"), asked), asked)
            watch.until = now.monotonic + seconds + GRACE
            watch.dialog.refresh_target(response)
            if request is not None:
                watch.a_dialog.refresh_target(request)
            _accept(call, out, response, seconds, exit_)
            return
        settle(call, out, response.status, response, exit_)
        if response.status in _ENDS:
            _drop(call, subscription, watch, exit_)
        return
    settle(call, out, 481, None, exit_)


def _accept(call: Call, out: Outgoing, response: Response, seconds: int, exit_: Exit) -> None:
    out.done = True
    if out in call.relays:
        call.relays.remove(out)
    if out.incoming is not None:
        extra = [("Expires", str(seconds)), *exit_.returned(out, response)]
        exit_.respond(out.incoming, 200, response, extra=extra)
        out.incoming.request = None


def handle_timer(call: Call, exit_: Exit, now: Now) -> None:
    """Forks come no more; a subscription is over that nobody has refreshed, and whose notifier says nothing."""
    subscription = call.subscription
    if subscription is None:
        return
    time = now.monotonic
    if subscription.request is not None and subscription.forks_until <= time:
        subscription.request = None
        for watch in subscription.watches:
            if not watch.is_notified:
                watch.until = time  # section 4.1.2.4: no NOTIFY within Timer N, so there is no subscription
    for watch in list(subscription.watches):
        if watch.until > time:
            continue
        if not watch.is_over:
            out = Outgoing(Kind.EVENT, call.caller_leg, "NOTIFY", watch.a_dialog)
            out.fields = [("Event", subscription.event), ("Subscription-State", "terminated;reason=timeout")]
            watch.is_over = True
            if _send(call, out, None, exit_, now):
                watch.until = time + GRACE
                continue
        _drop(call, subscription, watch, exit_)
    _end_if_empty(call, subscription, exit_)


def _drop(call: Call, subscription: Subscription, watch: Watch, exit_: Exit) -> None:
    subscription.watches.remove(watch)
    exit_.forget(watch.dialog)
    exit_.forget(watch.a_dialog)
    _end_if_empty(call, subscription, exit_)


def _end_if_empty(call: Call, subscription: Subscription, exit_: Exit) -> None:
    if not subscription.watches and (subscription.request is None or subscription.is_confirmed):
        _end(call, exit_)


def _end(call: Call, exit_: Exit) -> None:
    subscription = call.subscription
    if subscription is None:
        return
    call.subscription = None
    for watch in subscription.watches:
        exit_.forget(watch.dialog)
        exit_.forget(watch.a_dialog)
    subscription.watches.clear()
    exit_.forget(subscription.seed)
    exit_.ended(call)
