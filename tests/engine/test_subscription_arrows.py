"""The machine of a subscription as a table: each state, each input, what each side is told, and whether it is up.

As `test_call_arrows` has it for calls: a pair without a line says nothing and leaves the subscription as it was, or
cannot be. RFC 6665; the carrier subscribes, the PBX notifies.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.sip import Request
from tests.engine.test_subscriptions import SUMMARY, accept, notify, subscribe
from tests.kit.node import Node
from tests.kit.peer import Peer


class Stage:
    """A subscription in one of its states.

    `first` is the SUBSCRIBE that the notifier got first, `asked` and `told` what it and the subscriber have to answer.
    """

    def __init__(self, node: Node, first: Request, asked: Request | None = None, told: Request | None = None) -> None:
        self.node = node
        self.first = first
        self.asked = asked
        self.told = told
        for peer in node.peers.values():
            peer.inbox.clear()


def asked() -> Stage:
    """The notifier has the SUBSCRIBE."""
    node = Node()
    subscribe(node.carrier)
    request = node.pbx.expect_request("SUBSCRIBE")
    return Stage(node, request, request)


def heard() -> Stage:
    """The notifier has spoken before it has answered (section 4.4.1)."""
    stage = asked()
    notify(stage.node.pbx, stage.first, body=SUMMARY)
    stage.node.carrier.reply(_told(stage.node.carrier), 200)
    return Stage(stage.node, stage.first, stage.first)


def accepted() -> Stage:
    """The notifier has answered, and not spoken."""
    node = Node()
    subscribe(node.carrier)
    return Stage(node, accept(node))


def active() -> Stage:
    """Both."""
    stage = accepted()
    notify(stage.node.pbx, stage.first, body=SUMMARY)
    stage.node.carrier.reply(_told(stage.node.carrier), 200)
    return Stage(stage.node, stage.first)


def telling() -> Stage:
    """The subscriber has a NOTIFY."""
    stage = active()
    notify(stage.node.pbx, stage.first, body=SUMMARY)
    return Stage(stage.node, stage.first, None, _told(stage.node.carrier))


def refreshing() -> Stage:
    """The notifier has a SUBSCRIBE of the dialog."""
    stage = active()
    subscribe(stage.node.carrier)
    return Stage(stage.node, stage.first, stage.node.pbx.expect_request("SUBSCRIBE"))


def leaving() -> Stage:
    """The subscriber wants no more, the notifier has not said its last word (section 4.1.2.3)."""
    stage = active()
    subscribe(stage.node.carrier, expires=0)
    stage.node.pbx.reply(stage.node.pbx.expect_request("SUBSCRIBE"), 200, extra="Expires: 0\n")
    return Stage(stage.node, stage.first)


def ending() -> Stage:
    """The subscriber has the last word, and has not answered it."""
    stage = active()
    notify(stage.node.pbx, stage.first, "terminated;reason=noresource")
    return Stage(stage.node, stage.first, None, _told(stage.node.carrier))


def ended() -> Stage:
    """It has."""
    stage = ending()
    assert stage.told is not None
    stage.node.carrier.reply(stage.told, 200)
    return Stage(stage.node, stage.first)


STATES = (asked, heard, accepted, active, telling, refreshing, leaving, ending, ended)
MAKES = {make.__name__: make for make in STATES}


def _told(peer: Peer) -> Request:
    return next(one for one in peer.inbox if isinstance(one, Request) and one.method == "NOTIFY")


def _answers(status: int, expires: int = 600) -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        if stage.asked is None:
            return False
        extra = f"Expires: {expires}\n" if status == 200 else "Min-Expires: 900\n" if status == 423 else ""
        stage.node.pbx.reply(stage.asked, status, extra=extra)
        return True

    return put


def _notifies(state: str, event: str = "message-summary", tag: str = "") -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        notify(stage.node.pbx, stage.first, state, event=event, tag=tag)
        return True

    return put


def _hears(status: int) -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        if stage.told is None:
            return False
        stage.node.carrier.reply(stage.told, status)
        return True

    return put


def _subscribes(expires: int, event: str = "message-summary") -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        if not stage.node.carrier.remote_tag:
            return False
        subscribe(stage.node.carrier, event, expires)
        return True

    return put


def _bye(peer: Callable[[Node], Peer]) -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        who = peer(stage.node)
        if not who.remote_tag:
            return False
        who.request("BYE")
        return True

    return put


def _seconds(seconds: float) -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        stage.node.advance(seconds)
        return True

    return put


INPUTS: dict[str, Callable[[Stage], bool]] = {
    "notifier: 200": _answers(200),
    "notifier: 403": _answers(403),
    "notifier: 423": _answers(423),
    "notifier: 481": _answers(481),
    "notifier: 503": _answers(503),
    "notifier: active": _notifies("active;expires=500"),
    "notifier: pending": _notifies("pending;expires=500"),
    "notifier: terminated": _notifies("terminated;reason=deactivated"),
    "notifier: a state that is none": _notifies(""),
    "notifier: another event": _notifies("active;expires=500", "presence"),
    "another notifier: active": _notifies("active;expires=500", tag="fork"),
    "subscriber: refresh": _subscribes(600),
    "subscriber: end": _subscribes(0),
    "subscriber: another event": _subscribes(600, "presence"),
    "subscriber: BYE": _bye(lambda node: node.carrier),
    "subscriber: 200": _hears(200),
    "subscriber: 481": _hears(481),
    "subscriber: 500": _hears(500),
    "33 s": _seconds(33),
    "11 minutes": _seconds(660),
}


def outcome(stage: Stage) -> str:
    """Who was told what, and whether a subscription is up."""
    told = []
    for name, peer in (("subscriber", stage.node.carrier), ("notifier", stage.node.pbx)):
        for message in peer.inbox:
            if isinstance(message, Request):
                state = (message.get("Subscription-State") or "").partition(";")[0]
                told.append(f"{name} {message.method} {state}".rstrip())
            else:
                told.append(f"{name} {message.status}")
    return f"{', '.join(told)} -> {'up' if len(stage.node.engine.egress.subscriptions) else 'gone'}"


ARROWS: dict[str, dict[str, str]] = {
    "asked": {
        "notifier: 200": "subscriber 200 -> up",
        "notifier: 403": "subscriber 403 -> gone",
        "notifier: 423": "subscriber 423 -> gone",
        "notifier: 481": "subscriber 481 -> gone",
        "notifier: 503": "subscriber 503 -> gone",
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "33 s": "subscriber 100, subscriber 504 -> gone",
        "11 minutes": "subscriber 100, subscriber 504 -> gone",
    },
    "heard": {
        "notifier: 200": "subscriber 200 -> up",
        "notifier: 403": "subscriber 403 -> gone",
        "notifier: 423": "subscriber 423 -> gone",
        "notifier: 481": "subscriber 481 -> gone",
        "notifier: 503": "subscriber 503 -> gone",
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "33 s": "subscriber 100, subscriber 504 -> gone",
        "11 minutes": "subscriber 100, subscriber 504 -> gone",
    },
    "accepted": {
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "notifier SUBSCRIBE -> up",
        "subscriber: end": "notifier SUBSCRIBE -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "33 s": "subscriber NOTIFY terminated -> up",
        "11 minutes": "subscriber NOTIFY terminated -> gone",
    },
    "active": {
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "notifier SUBSCRIBE -> up",
        "subscriber: end": "notifier SUBSCRIBE -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "11 minutes": "subscriber NOTIFY terminated -> up",
    },
    "telling": {
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "notifier SUBSCRIBE -> up",
        "subscriber: end": "notifier SUBSCRIBE -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "subscriber: 200": "notifier 200 -> up",
        "subscriber: 481": "notifier 481 -> gone",
        "subscriber: 500": "notifier 500 -> up",
        "33 s": "notifier 504 -> gone",
        "11 minutes": "notifier 504 -> gone",
    },
    "refreshing": {
        "notifier: 200": "subscriber 200 -> up",
        "notifier: 403": "subscriber 403 -> up",
        "notifier: 423": "subscriber 423 -> up",
        "notifier: 481": "subscriber 481 -> gone",
        "notifier: 503": "subscriber 503 -> up",
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "notifier SUBSCRIBE -> up",
        "subscriber: end": "notifier SUBSCRIBE -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "33 s": "subscriber 100, subscriber 504 -> up",
        "11 minutes": "subscriber 100, subscriber 504, subscriber NOTIFY terminated -> up",
    },
    "leaving": {
        "notifier: active": "subscriber NOTIFY active -> up",
        "notifier: pending": "subscriber NOTIFY pending -> up",
        "notifier: terminated": "subscriber NOTIFY terminated -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "notifier SUBSCRIBE -> up",
        "subscriber: end": "notifier SUBSCRIBE -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "33 s": "subscriber NOTIFY terminated -> up",
        "11 minutes": "subscriber NOTIFY terminated -> gone",
    },
    "ending": {
        "notifier: active": "notifier 481 -> up",
        "notifier: pending": "notifier 481 -> up",
        "notifier: terminated": "notifier 481 -> up",
        "notifier: a state that is none": "notifier 400 -> up",
        "notifier: another event": "notifier 481 -> up",
        "another notifier: active": "subscriber NOTIFY active -> up",
        "subscriber: refresh": "subscriber 481 -> up",
        "subscriber: end": "subscriber 481 -> up",
        "subscriber: another event": "subscriber 481 -> up",
        "subscriber: BYE": "subscriber 481 -> up",
        "subscriber: 200": "notifier 200 -> gone",
        "subscriber: 481": "notifier 481 -> gone",
        "subscriber: 500": "notifier 500 -> gone",
        "33 s": "notifier 504 -> gone",
        "11 minutes": "notifier 504 -> gone",
    },
    "ended": {
        "notifier: active": "notifier 481 -> gone",
        "notifier: pending": "notifier 481 -> gone",
        "notifier: terminated": "notifier 481 -> gone",
        "notifier: a state that is none": "notifier 481 -> gone",
        "notifier: another event": "notifier 481 -> gone",
        "another notifier: active": "notifier 481 -> gone",
        "subscriber: refresh": "subscriber 481 -> gone",
        "subscriber: end": "subscriber 481 -> gone",
        "subscriber: another event": "subscriber 481 -> gone",
        "subscriber: BYE": "subscriber 481 -> gone",
    },
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", MAKES)
def test_each_input_in_each_state_does_what_the_table_says_and_leaves_nothing(state: str, given: str) -> None:
    """RFC 6665 section 4; whatever came, time ends it."""
    stage = MAKES[state]()
    same = " -> gone" if state == "ended" else " -> up"
    assert outcome(stage) == same
    if INPUTS[given](stage):
        assert outcome(stage) == ARROWS[state].get(given, same)
    else:
        assert given not in ARROWS[state]
    stage.node.advance(4000)
    egress = stage.node.engine.egress
    assert (len(egress.subscriptions), len(egress.dialogs), len(egress.transactions)) == (0, 0, 0)


def test_every_state_and_every_input_has_a_line() -> None:
    assert set(ARROWS) == set(MAKES)
    assert {given for lines in ARROWS.values() for given in lines} == set(INPUTS)
