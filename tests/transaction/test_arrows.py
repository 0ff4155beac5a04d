"""The figures of RFC 3261 section 17 as tables: each state, each input, what comes out and where it leads.

The files beside this one say the same arrow by arrow, with times. Here every pair of state and input has its line, so
that an arrow too many shows as well as one too few. UDP; a reliable transport has fewer timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sbc.transaction import TransactionState
from tests.transaction import test_client, test_invite_client, test_invite_server, test_server
from tests.transaction.script import request, response, said

LATER = 50.0
"""An instant by which every timer is due."""
Input = Callable[[Any], list[Any]]


def nearest(tx: Any) -> list[Any]:  # noqa: ANN401 - four machines, one contract
    """The first timer, at its deadline; nothing where none runs."""
    return [] if tx.next_timer is None else list(tx.handle_timer(tx.next_timer))


CLIENT: dict[str, Input] = {
    "1xx": lambda tx: tx.receive(response(180, "INVITE"), 1.5),
    "2xx": lambda tx: tx.receive(response(200, "INVITE"), 1.5),
    "failure": lambda tx: tx.receive(response(486, "INVITE"), 1.5),
    "timer": nearest,
    "late timer": lambda tx: tx.handle_timer(LATER),
    "abandon": lambda tx: tx.abandon(1.5),
}
SERVER: dict[str, Input] = {
    "copy": lambda tx: tx.receive(request("INVITE"), 1.5),
    "ACK": lambda tx: tx.receive(request("ACK", to_tag="t1"), 1.5),
    "1xx": lambda tx: tx.respond(180, b"180", 1.5),
    "2xx": lambda tx: tx.respond(200, b"200", 1.5),
    "failure": lambda tx: tx.respond(486, b"486", 1.5),
    "timer": nearest,
    "late timer": lambda tx: tx.handle_timer(LATER),
    "abandon": lambda tx: tx.abandon(1.5),
}
OTHER_SERVER: dict[str, Input] = {
    "copy": lambda tx: tx.receive(request("INFO", to_tag="t1"), 1.5),
    "100": lambda tx: tx.respond(100, b"100", 1.5),
    "100 late": lambda tx: tx.respond(100, b"100", 5.0),
    "final": lambda tx: tx.respond(200, b"200", 1.5),
    "408": lambda tx: tx.respond(408, b"408", 1.5),
    "timer": nearest,
    "late timer": lambda tx: tx.handle_timer(LATER),
    "abandon": lambda tx: tx.abandon(1.5),
}


def ended(make: Callable[[], Any]) -> Callable[[], Any]:
    """A machine that is over."""

    def over() -> Any:  # noqa: ANN401
        tx = make()
        tx.abandon(1.4)
        return tx

    return over


FIGURES: dict[str, tuple[list[Callable[[], Any]], dict[str, Input], dict[tuple[str, str], str]]] = {
    "figure 5 (INVITE client, RFC 6026)": (
        [
            test_invite_client.calling,
            test_invite_client.proceeding,
            test_invite_client.accepted,
            test_invite_client.completed,
            ended(test_invite_client.calling),
        ],
        CLIENT,
        {
            ("Calling", "1xx"): "up 180 -> Proceeding",
            ("Calling", "2xx"): "up 200 -> Accepted",
            ("Calling", "failure"): "ack? 486, up 486 -> Completed",
            ("Calling", "timer"): "send INVITE -> Calling",
            ("Calling", "late timer"): "timed out, end B -> Terminated",
            ("Calling", "abandon"): "end -> Terminated",
            ("Proceeding", "1xx"): "up 180 -> Proceeding",
            ("Proceeding", "2xx"): "up 200 -> Accepted",
            ("Proceeding", "failure"): "ack? 486, up 486 -> Completed",
            ("Proceeding", "abandon"): "end -> Terminated",
            ("Accepted", "2xx"): "up 200 -> Accepted",
            ("Accepted", "timer"): "end M -> Terminated",
            ("Accepted", "late timer"): "end M -> Terminated",
            ("Accepted", "abandon"): "end -> Terminated",
            ("Completed", "failure"): "send ACK -> Completed",
            ("Completed", "timer"): "end D -> Terminated",
            ("Completed", "late timer"): "end D -> Terminated",
            ("Completed", "abandon"): "end -> Terminated",
        },
    ),
    "figure 6 (client)": (
        [test_client.trying, test_client.proceeding, test_client.completed, ended(test_client.trying)],
        CLIENT,
        {
            ("Trying", "1xx"): "up 180 -> Proceeding",
            ("Trying", "2xx"): "up 200 -> Completed",
            ("Trying", "failure"): "up 486 -> Completed",
            ("Trying", "timer"): "send BYE -> Trying",
            ("Trying", "late timer"): "timed out, end F -> Terminated",
            ("Trying", "abandon"): "end -> Terminated",
            ("Proceeding", "1xx"): "up 180 -> Proceeding",
            ("Proceeding", "2xx"): "up 200 -> Completed",
            ("Proceeding", "failure"): "up 486 -> Completed",
            ("Proceeding", "timer"): "send BYE -> Proceeding",
            ("Proceeding", "late timer"): "timed out, end F -> Terminated",
            ("Proceeding", "abandon"): "end -> Terminated",
            ("Completed", "timer"): "end K -> Terminated",
            ("Completed", "late timer"): "end K -> Terminated",
            ("Completed", "abandon"): "end -> Terminated",
        },
    ),
    "figure 7 (INVITE server, RFC 6026)": (
        [
            test_invite_server.proceeding,
            test_invite_server.accepted,
            test_invite_server.completed,
            test_invite_server.confirmed,
            ended(test_invite_server.proceeding),
        ],
        SERVER,
        {
            ("Proceeding", "1xx"): "send 180 -> Proceeding",
            ("Proceeding", "2xx"): "send 200 -> Accepted",
            ("Proceeding", "failure"): "send 486 -> Completed",
            ("Proceeding", "abandon"): "end -> Terminated",
            ("Accepted", "ACK"): "ack -> Accepted",
            ("Accepted", "2xx"): "send 200 -> Accepted",
            ("Accepted", "timer"): "end L -> Terminated",
            ("Accepted", "late timer"): "end L -> Terminated",
            ("Accepted", "abandon"): "end -> Terminated",
            ("Completed", "copy"): "send 486 -> Completed",
            ("Completed", "ACK"): "ack -> Confirmed",
            ("Completed", "timer"): "send 486 -> Completed",
            ("Completed", "late timer"): "end H -> Terminated",
            ("Completed", "abandon"): "end -> Terminated",
            ("Confirmed", "timer"): "end I -> Terminated",
            ("Confirmed", "late timer"): "end I -> Terminated",
            ("Confirmed", "abandon"): "end -> Terminated",
        },
    ),
    "figure 8 (server, RFC 4320)": (
        [test_server.trying, test_server.proceeding, test_server.completed, ended(test_server.trying)],
        OTHER_SERVER,
        {
            ("Trying", "100 late"): "send 100 -> Proceeding",
            ("Trying", "final"): "send 200 -> Completed",
            ("Trying", "timer"): "end F -> Terminated",
            ("Trying", "late timer"): "end F -> Terminated",
            ("Trying", "abandon"): "end -> Terminated",
            ("Proceeding", "copy"): "send 100 -> Proceeding",
            ("Proceeding", "100 late"): "send 100 -> Proceeding",
            ("Proceeding", "final"): "send 200 -> Completed",
            ("Proceeding", "timer"): "end F -> Terminated",
            ("Proceeding", "late timer"): "end F -> Terminated",
            ("Proceeding", "abandon"): "end -> Terminated",
            ("Completed", "copy"): "send 200 -> Completed",
            ("Completed", "timer"): "end J -> Terminated",
            ("Completed", "late timer"): "end J -> Terminated",
            ("Completed", "abandon"): "end -> Terminated",
        },
    ),
}
PAIRS = [
    (name, index, given)
    for name, (makes, inputs, _) in FIGURES.items()
    for index in range(len(makes))
    for given in inputs
]


@pytest.mark.parametrize(("figure", "index", "given"), PAIRS)
def test_each_input_in_each_state_does_what_the_figure_says_and_no_more(figure: str, index: int, given: str) -> None:
    """RFC 3261 section 17, RFC 6026, RFC 4320: a pair without a line changes nothing and says nothing."""
    makes, inputs, arrows = FIGURES[figure]
    tx = makes[index]()
    state = tx.state.value

    out = ", ".join(said(inputs[given](tx)))

    before = arrows.get((state, given), f" -> {state}")
    assert f"{out} -> {tx.state.value}" == before


@pytest.mark.parametrize("figure", FIGURES)
def test_every_arrow_of_a_figure_begins_in_a_state_that_is_tried(figure: str) -> None:
    makes, inputs, arrows = FIGURES[figure]
    states = [make().state for make in makes]
    assert len(set(states)) == len(states)
    assert {(state, given) for state, given in arrows} <= {(one.value, given) for one in states for given in inputs}
    assert TransactionState.TERMINATED in states
